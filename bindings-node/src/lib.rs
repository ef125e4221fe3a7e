//! doorward for Node: the native part of the npm package `doorward`.
//!
//! It is thin. The package's JavaScript (`lib/`) has the API; here an operation comes in by its name with its arguments as
//! JSON, and its answer goes out as JSON, at once or later: one way for all of them. Only `verify` of a token has a way of its
//! own, which makes nothing on the heap of either side (`lookup.rs`).
//!
//! An answer is a text: JSON, or `!` and the JSON of an error.

#![expect(unsafe_code, reason = "calls of Node-API, in `lookup.rs` and `courier.rs`, and what `#[napi]` writes")]

#[cfg(panic = "abort")]
compile_error!("doorward-node needs panic = \"unwind\": a panic is to end in an error, not in the end of the host");

mod answer;
mod arguments;
mod contexts;
mod courier;
mod door;
mod lookup;
mod operations;
mod options;
mod presented;
mod tables;
mod task;
#[cfg(feature = "testkit")]
mod testkit;
mod words;

#[cfg(feature = "testkit")]
pub use self::testkit::FaultyStore;
pub use self::{contexts::Contexts, courier::Courier, door::*, tables::*};
