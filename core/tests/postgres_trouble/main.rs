//! Everything that real PostgreSQL servers, networks and poolers do to a program, done to the store.
//!
//! Each test has a database, or a whole server, of its own; see `doorward-test-servers` for what maltreats them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that panics is a test that fails"
)]

mod commits;
mod crashes;
mod crowds;
#[cfg(unix)]
mod forks;
mod network;
mod opening;
mod pooler;
mod refusals;
mod runtimes;
mod secrets;
mod stage;
