//! The library as C and C++ programs have it: its header, its symbols, and programs that are compiled against both.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics is a test that fails")]

#[cfg(feature = "testkit")]
mod conformance;
mod cpp;
mod declarations;
mod forks;
mod gatekeeper;
mod header;
mod install;
mod misuse;
mod programs;
mod symbols;
mod toolchain;
mod vectors;
