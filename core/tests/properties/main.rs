//! What holds for every input: amounts are exact; readers refuse or read back what they wrote, and never panic;
//! merge-patch is RFC 7396's; a store does what a simple model of it does, whatever the order of calls.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that panics is a test that fails"
)]

mod amounts;
mod calls;
mod merge_patch;
mod model;
mod readers;
