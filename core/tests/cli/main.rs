//! The operator's command, run as a process on real files. One module per noun, as in `src/bin/doorward`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics is a test that fails")]

mod audit;
mod database;
mod failure;
mod help;
mod import;
mod institution;
mod key;
mod output;
mod policy;
mod stage;
mod token;
