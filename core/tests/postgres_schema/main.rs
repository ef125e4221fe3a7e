//! The PostgreSQL store's schema: how it comes about (`migrations`), how an application's tables are taken over (`adoption`),
//! what other SQL may do to them afterwards (`other_sql`, and all at once in `turmoil`), what a role needs (`grants`),
//! what others put beside the tables (`strangers`), that lists find their indexes (`lists`), and loading at scale (`imports`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test that panics is a test that fails"
)]

mod adoption;
mod application;
mod client;
mod grants;
mod imports;
mod lists;
mod migrations;
mod other_sql;
mod records;
mod strangers;
mod turmoil;
