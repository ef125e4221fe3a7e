//! [`PostgresStore`]: records in PostgreSQL, shared by a fleet.
//!
//! All work is done on a thread of the store's own (`runtime`) over a bounded pool (`connections`); lookups that meet are
//! gathered into one query (`lookups`). A change is one transaction (`change`), repeated where that is safe (`attempts`).
//! Records and statements are those of `store::sql`; the schema, and taking over one that stands already, is in `schema`.

mod attempts;
mod audit;
mod backend;
mod change;
mod connections;
mod errors;
mod institutions;
mod keys;
mod lookups;
mod options;
mod policies;
mod runtime;
mod schema;
mod statement;
mod values;

use std::{
    fmt, mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use self::{
    connections::Connections,
    errors::Fault,
    lookups::Lookups,
    options::Target,
    runtime::Runtime,
    statement::{Link, Statements},
};
pub use self::{options::PostgresOptions, schema::Adoption};
use crate::{error::Result, fork, reply::Reply};

/// A store in a PostgreSQL database.
///
/// It has one thread, started at the first need. Dropped, it finishes what was begun; [`close`] waits for that.
///
/// [`close`]: crate::store::Backend::close
pub struct PostgresStore {
    options: PostgresOptions,
    /// Taken out only to be leaked, by a forked child that drops its parent's store.
    live: Option<Live>,
    /// The count of forks in the process that made it.
    forks: u64,
}

struct Live {
    inner: Arc<Inner>,
    runtime: Runtime,
    lookups: Lookups,
}

/// What the work on the store's thread needs.
struct Inner {
    options: PostgresOptions,
    connections: Connections,
    statements: Statements,
    closed: AtomicBool,
}

impl PostgresStore {
    /// Connects, makes the tables if there are none, and brings them up to date. A role without the right to do that can
    /// open a database whose tables are up to date.
    ///
    /// # Errors
    /// `Config` / `cannot_open` (password, user, database, certificate), `invalid_variable`, `not_adopted` (an application's
    /// tables are there); `Database`: `permission_denied`, `newer_schema`, `disk_full`, `database_error`; `Unavailable` if
    /// the server cannot be reached in time. What concerns the URL names `DATABASE_URL`.
    pub fn open(options: PostgresOptions) -> Result<Self> {
        let store = Self::unconnected(options)?;
        store.run(|inner| async move { inner.migrate(Adoption::Refuse).await })?.wait()?;
        Ok(store)
    }

    /// Takes over the tables of an application that already keeps keys in this schema, as well as opening does the rest: it
    /// adds columns, tables and triggers, in one transaction, and neither drops nor rewrites anything.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `Config` / `cannot_adopt`, which says what about the tables is in the way.
    pub fn adopt(options: PostgresOptions) -> Result<Self> {
        let store = Self::unconnected(options)?;
        store.run(|inner| async move { inner.migrate(Adoption::Allow).await })?.wait()?;
        Ok(store)
    }

    /// The SQL that opening (or adopting) would run now, or none if there is nothing to do.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`adopt`](Self::adopt).
    pub fn plan(options: PostgresOptions, adoption: Adoption) -> Result<Option<String>> {
        Self::unconnected(options)?.run(move |inner| async move { inner.plan(adoption).await })?.wait()
    }

    /// A store that connects when it is first asked for something.
    fn unconnected(options: PostgresOptions) -> Result<Self> {
        fork::watch();
        let target = Target::read(&options)?;
        let inner = Arc::new(Inner {
            connections: Connections::new(&options)?,
            statements: Statements::new(options.schema_name(), !target.pooled, options.statement_limit()),
            closed: AtomicBool::new(false),
            options: options.clone(),
        });
        let live = Live { inner, runtime: Runtime::default(), lookups: Lookups::default() };
        Ok(Self { options, live: Some(live), forks: fork::count() })
    }

    /// What this process may use, while the store is open.
    fn live(&self) -> Result<&Live> {
        // Asked first: in a forked child a lock of these may be held for ever.
        if fork::count() != self.forks {
            return Err(errors::inherited());
        }
        self.live.as_ref().filter(|live| !live.inner.closed.load(Relaxed)).ok_or_else(errors::closed)
    }

    /// Does work on the store's thread.
    fn run<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F + Send + 'static) -> Result<Reply<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        let live = self.live()?;
        let inner = Arc::clone(&live.inner);
        Ok(live.runtime.run(move || work(inner)))
    }

    /// Makes what is safe to repeat: a question, or a change that changes nothing the second time.
    fn ask<T: Send + 'static>(&self, work: impl AsyncFn(&mut Link<'_>) -> Result<T, Fault> + Send + 'static) -> Reply<T> {
        self.run(|inner| async move { inner.ask(&work).await }).unwrap_or_else(Reply::from)
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        if fork::count() != self.forks {
            mem::forget(self.live.take());
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresStore").field(&self.options).finish()
    }
}
