//! The connections: a bounded pool of them, each to a server that is no standby.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{
    errors::{self, Fault},
    options::{PostgresOptions, Target, place},
};
use crate::{
    error::{Error, Reason, Result},
    lock::Lock,
};

/// After this long a connection that was not used is asked whether it still lives: firewalls forget idle ones.
const IDLE: Duration = Duration::from_secs(30);

/// How long such a connection has to answer. A new one costs less than to wait longer.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// What a connection is wanted for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// A lookup. There is always a connection that nothing else may have.
    Lookup,
    /// Everything else, which may have to wait for locks.
    Other,
}

/// A connection out of the pool; goes back when it is dropped.
pub(super) struct Lent<'a> {
    connection: Object<Dial>,
    _turn: Option<SemaphorePermit<'a>>,
}

impl Lent<'_> {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Closes it.
    pub(super) fn discard(self) {
        drop(Object::take(self.connection));
    }
}

pub(super) struct Connections {
    pool: Pool<Dial>,
    /// The turns of everything but lookups. They are one fewer than connections, so that what waits for a lock keeps no
    /// lookup waiting; if there is but one connection, a lookup waits for one other operation, not for all that queue up.
    turns: Semaphore,
    limit: Duration,
}

impl Connections {
    /// Connects to nothing yet.
    pub(super) fn new(options: &PostgresOptions) -> Result<Self> {
        let limit = options.acquire_limit();
        let pool = Pool::builder(Dial::new(options)?)
            .max_size(options.most_connections())
            // The one used last has the warmest caches, and the others may close.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(limit))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| Error::new(Reason::Bug, "the pool could not be made").because(error))?;
        Ok(Self { pool, turns: Semaphore::new(options.most_connections().saturating_sub(1).max(1)), limit })
    }

    /// A connection, new if none is idle. Waits its turn for as long as the options say.
    pub(super) async fn lend(&self, purpose: Purpose) -> Result<Lent<'_>, Fault> {
        let turn = match purpose {
            Purpose::Lookup => None,
            Purpose::Other => match timeout(self.limit, self.turns.acquire()).await {
                Ok(turn) => Some(turn.map_err(|_| Fault::Final(errors::closed()))?),
                Err(_) => return Err(exhausted()),
            },
        };
        let connection = self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => exhausted(),
            PoolError::Backend(fault) => fault,
            PoolError::Closed => Fault::Final(errors::closed()),
            PoolError::Timeout(_) | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Fault::Final(Error::new(Reason::Bug, "the pool is not set up"))
            }
        })?;
        Ok(Lent { connection, _turn: turn })
    }

    /// Closes a connection that was lost, and of the idle ones those that were not used since it was lent: what happened to
    /// one (a restart, a failover) has mostly happened to all.
    pub(super) fn lose(&self, lent: Lent<'_>) {
        let since = last_lent(Object::metrics(&lent.connection));
        lent.discard();
        self.pool.retain(|_, metrics| last_lent(&metrics) > since);
    }

    /// Lends no more, and closes what is idle.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

fn exhausted() -> Fault {
    let message =
        "no connection became free within DOORWARD_POOL_ACQUIRE_TIMEOUT_MS: raise DOORWARD_POOL_MAX, or see what holds them";
    Fault::Final(Error::new(Reason::StoreUnavailable, message))
}

fn last_lent(metrics: &Metrics) -> Instant {
    metrics.recycled.unwrap_or(metrics.created)
}

/// Makes connections.
pub(super) struct Dial {
    hosts: Vec<PgConnectOptions>,
    /// The place in the list of the host that was no standby last time.
    last_good: AtomicUsize,
    limit: Duration,
    /// The statement timeout that each session was asked for, in milliseconds, if it was asked for one.
    asked: Option<String>,
    /// One that was last lent at this moment gave no sign of life: nor will those that are idle for longer.
    dead_since: Lock<Option<Instant>>,
}

impl Dial {
    fn new(options: &PostgresOptions) -> Result<Self> {
        let Target { hosts, pooled } = Target::read(options)?;
        let asked = (!pooled).then(|| options.statement_limit().as_millis().to_string());
        Ok(Self { hosts, last_good: AtomicUsize::new(0), limit: options.acquire_limit(), asked, dead_since: Lock::default() })
    }

    async fn connect(&self, options: &PgConnectOptions) -> Result<PgConnection, Fault> {
        let place = place(options);
        // Statements are nobody's business in a host's log.
        let options = options.clone().disable_statement_logging();
        let mut connection = PgConnection::connect_with(&options).await.map_err(|error| errors::unconnected(&options, error))?;
        // Not by pg_settings, which some administrators keep from others. Its text has a unit that the server chose.
        let has = "pg_catalog.current_setting('statement_timeout')::pg_catalog.interval";
        let has = match &self.asked {
            Some(millis) => format!("({has} OPERATOR(pg_catalog.=) '{millis} ms'::pg_catalog.interval)::text"),
            None => "'true'".to_owned(),
        };
        let asked = AssertSqlSafe(format!("SELECT pg_catalog.pg_is_in_recovery()::text, {has}"));
        let row = sqlx::raw_sql(asked).fetch_one(&mut connection).await?;
        // A standby answers from the past, and takes no changes.
        if row.try_get::<&str, _>(0)? == "true" {
            let message = format!("{place}: the server is a standby; doorward needs the primary");
            return Err(Fault::Again(Error::new(Reason::StoreUnavailable, message).field("DATABASE_URL")));
        }
        // A transaction pooler that passes over what it does not know would mix up the prepared statements of its clients.
        if row.try_get::<&str, _>(1)? != "true" {
            let message = format!("{place}: a connection pooler ignores our session parameters: add pgbouncer=true to the URL");
            return Err(Fault::Final(Error::new(Reason::CannotOpen, message).field("DATABASE_URL")));
        }
        Ok(connection)
    }
}

impl Manager for Dial {
    type Type = PgConnection;
    type Error = Fault;

    async fn create(&self) -> Result<PgConnection, Fault> {
        let count = self.hosts.len().max(1);
        let begin = self.last_good.load(Relaxed);
        let limit = self.limit.checked_div(u32::try_from(count).unwrap_or(1)).unwrap_or(self.limit);
        let mut faults = Vec::new();
        for (at, options) in self.hosts.iter().enumerate().cycle().skip(begin).take(count) {
            match timeout(limit, self.connect(options)).await {
                Ok(Ok(connection)) => {
                    self.last_good.store(at, Relaxed);
                    return Ok(connection);
                }
                // A wrong password is wrong, but the next host may be the one that is meant.
                Ok(Err(fault)) => faults.push(fault),
                Err(_) => {
                    let message =
                        format!("{}: the server did not answer within DOORWARD_POOL_ACQUIRE_TIMEOUT_MS", place(options));
                    faults.push(Fault::Again(Error::new(Reason::StoreUnavailable, message).field("DATABASE_URL")));
                }
            }
        }
        Err(errors::nowhere(faults))
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<Fault> {
        let last_lent = last_lent(metrics);
        if self.dead_since.lock().is_some_and(|moment| last_lent <= moment) {
            return Err(RecycleError::message("those idle for less time were dead"));
        }
        if last_lent.elapsed() < IDLE {
            return Ok(());
        }
        if let Ok(Ok(())) = timeout(SIGN_OF_LIFE, connection.ping()).await {
            return Ok(());
        }
        *self.dead_since.lock() = Some(last_lent);
        Err(RecycleError::message("it gave no sign of life"))
    }
}
