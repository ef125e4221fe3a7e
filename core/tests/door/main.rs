//! The door as a host sees it: what it writes into the trail, notes of uses, counts, and does when it is closed. On memory
//! and on SQLite files.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test that panics is a test that fails"
)]

mod clock;
mod closing;
mod counts;
mod imports;
mod last_use;
mod limits;
mod sink;
mod stage;
mod trail;
