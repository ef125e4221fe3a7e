//! doorward answers one question inside the host's own process: *may this caller do this, for this institution, in this
//! region?*
//!
//! It keeps two things to answer it: **API keys** (created, found by token, listed, rotated, revoked) and **policies** (per
//! institution and region: amount limits and currencies), in memory, in a SQLite file or in PostgreSQL. Begin with
//! [`Doorward`].
//!
//! The way of a lookup, from the outside in: [`Doorward`] and [`Session`] are what a host calls; a store of [`store`] keeps
//! the records; [`model`] is plain data and its rules, without I/O. Dependencies point downwards only.

#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic,
        reason = "a test that panics is a test that fails"
    )
)]

mod config;
mod door;
mod error;
mod fork;
mod lock;
pub mod model;
mod reply;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
mod token;

pub use config::{Config, StoreConfig};
pub use door::{
    Admission, AsyncDoorward, AsyncSession, AuthContext, Credentials, Doorward, Health, MetricsSnapshot, OperationCount,
    OperationLatency, Request, Session, Verdict,
};
pub use error::{Error, ErrorKind, Reason, Result};
pub use model::{
    address::AddressList,
    amount::Amount,
    api_key::{
        ApiKey, ApiKeyQuery, CreatedKey, ImportConflict, ImportReport, ImportedKey, KeyPatch, KeyStatus, NewKey, Role,
        metadata_from_json,
    },
    audit::{Actor, AuditEntry, AuditEvent, AuditQuery, Origin, Outcome},
    code::{Currency, Region, Vocabulary},
    decision::{Decision, DefaultDecision, PolicySource, Position, Violation, ViolationCode},
    id::{ApiKeyId, EventId, InstitutionId, PolicyId},
    institution::{Institution, InstitutionPatch, InstitutionQuery, NewInstitution},
    page::{Cursor, Order, Page, PageRequest},
    policy::{HistoryAction, Policy, PolicyConfig, PolicyHistoryQuery, PolicyPatch, PolicyQuery, PolicyVersion, PositionRule},
    rate_limit::{RateLimit, RateLimitStatus},
    time::Timestamp,
};
pub use reply::{Completer, Reply};
#[cfg(feature = "postgres")]
pub use store::postgres::PostgresOptions;
pub use token::{KeyHash, MAX_TOKEN, Shape, Token, TokenFormat};

/// The README's examples, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
