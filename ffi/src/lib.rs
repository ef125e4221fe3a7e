//! doorward for C and C++: what `include/doorward.h` declares.
//!
//! One file for each C type. An export's signature says who owns what: `Option<&T>` borrows for the call, `Option<Box<T>>` is
//! taken over, `Option<&mut MaybeUninit<Option<Box<T>>>>` is a place into which an owned object is put; each of them may be
//! NULL, which the code has to answer. So an export needs no `unsafe` block of its own: raw memory of the caller is touched in
//! `text.rs`, `options.rs` and `verdict.rs`, and its functions are called in `audit.rs`, `log.rs` and `lookup.rs`. Every
//! export runs in `guard.rs`.
//!
//! The comments on exports and on their types are the header's; `tests/header.rs` writes and compares it.

#![expect(non_camel_case_types, reason = "the names are those of the C types")]
#![expect(unsafe_code, reason = "exporting symbols and reading what C points at; every block says why it is sound")]

#[cfg(panic = "abort")]
compile_error!("doorward-ffi needs panic = \"unwind\": a panic is to end in DW_STATUS_INTERNAL, not in the end of the host");

mod audit;
mod context;
mod decision;
mod door;
mod error;
mod guard;
mod institution;
mod key;
mod log;
mod lookup;
mod options;
mod page;
mod policy;
mod rate_limit;
mod record;
mod request;
mod session;
#[cfg(feature = "testkit")]
mod testkit;
mod text;
mod user;
mod verdict;
mod version;

#[cfg(feature = "testkit")]
pub use self::testkit::*;
pub use self::{
    audit::*, context::*, decision::*, door::*, error::*, institution::*, key::*, log::*, lookup::*, page::*, policy::*,
    rate_limit::*, request::*, session::*, text::*, user::*, verdict::*, version::*,
};
