//! The door under every kind of caller: plain threads, runtimes, other executors, forked children.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test that panics is a test that fails"
)]

mod executors;
#[cfg(unix)]
mod forks;
#[path = "../door/stage.rs"]
mod stage;
