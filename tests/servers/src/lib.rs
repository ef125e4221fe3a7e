//! PostgreSQL servers that a test starts, maltreats and throws away, and what stands before them.
//!
//! | | |
//! | --- | --- |
//! | [`Database`] | an empty database of its own for one test, on a server that many tests share. The usual choice |
//! | [`Schema`] | a schema of its own in a database that tests share: for tests by the hundred |
//! | [`Postgres`] | a server of its own, for tests that kill it, promote its standby or set it up in a special way |
//! | [`Proxy`] | stands before a server and cuts, stalls, slows or loses what passes, a `COMMIT` above all |
//! | [`PgBouncer`] | a real pgbouncer before a server, pooling by transaction |
//!
//! ```no_run
//! use doorward_test_servers::Database;
//!
//! let database = Database::fresh();
//! database.psql("CREATE TABLE t (n int)");
//! println!("{}", database.url());
//! ```
//!
//! Nothing here returns an error: what goes wrong panics and says what to do about it, because a test that cannot have
//! its server has failed. Everything that is started ends when its value is dropped, and also when the process that
//! started it dies in whatever way. It needs Linux: `setpriv` ties a server's life to its process, and runs it as another
//! user where the tests run as root, which PostgreSQL and pgbouncer refuse.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "this is part of tests: to panic is how a test fails"
)]

mod child;
mod database;
mod deadline;
mod directory;
mod launcher;
mod pgbouncer;
mod port;
mod postgres;
mod programs;
mod proxy;
mod psql;
mod url;
mod user;

pub use database::{Database, Schema};
pub use deadline::wait_until;
pub use pgbouncer::PgBouncer;
pub use postgres::{Certificate, Postgres, PostgresBuilder};
pub use programs::program;
pub use proxy::{Moment, Proxy};
