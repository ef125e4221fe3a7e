//! The connections: a bounded pool of them, each to a server that is no standby.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType};
use sqlx::{ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{
    errors::{self, Fault},
    options::{PostgresOptions, Target, place},
};
use crate::error::{Error, Reason, Result};

/// After this long a connection that was not used is asked whether it still lives: firewalls forget idle ones.
const IDLE: Duration = Duration::from_secs(30);

/// A connection out of the pool; goes back when it is dropped.
pub(super) type Lent = Object<Dial>;

pub(super) struct Connections {
    pool: Pool<Dial>,
}

impl Connections {
    /// Connects to nothing yet.
    pub(super) fn new(options: &PostgresOptions) -> Result<Self> {
        let dial = Dial { hosts: Target::read(options)?.hosts, last_good: AtomicUsize::new(0), limit: options.acquire_limit() };
        let limit = Some(options.acquire_limit());
        let pool = Pool::builder(dial)
            .max_size(options.most_connections())
            // The one used last has the warmest caches, and the others may close.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(limit)
            .create_timeout(limit)
            .recycle_timeout(limit)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| Error::new(Reason::Bug, "the pool could not be made").because(error))?;
        Ok(Self { pool })
    }

    /// A connection, new if none is idle. Waits its turn for as long as the options say.
    pub(super) async fn lend(&self) -> Result<Lent, Fault> {
        let unavailable = |message: &'static str| Error::new(Reason::StoreUnavailable, message);
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => Fault::Final(unavailable(
                "no connection became free within DOORWARD_POOL_ACQUIRE_TIMEOUT_MS: raise DOORWARD_POOL_MAX, or see what holds them",
            )),
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => {
                Fault::Again(unavailable("the server did not answer within DOORWARD_POOL_ACQUIRE_TIMEOUT_MS"))
            }
            PoolError::Backend(fault) => fault,
            PoolError::Closed => Fault::Final(errors::closed()),
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Fault::Final(Error::new(Reason::Bug, "the pool is not set up"))
            }
        })
    }

    /// Takes a connection that is of no more use out of the pool, and with it those that are idle: what happened to one
    /// (a restart, a failover) has mostly happened to all.
    pub(super) fn discard(&self, lent: Lent) {
        drop(Object::take(lent));
        self.pool.retain(|_, _| false);
    }

    /// Lends no more, and closes what is idle.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// Makes connections.
pub(super) struct Dial {
    hosts: Vec<PgConnectOptions>,
    /// The place in the list of the host that was no standby last time.
    last_good: AtomicUsize,
    limit: Duration,
}

impl Dial {
    async fn connect(&self, options: &PgConnectOptions) -> Result<PgConnection, Fault> {
        let place = place(options);
        // Statements are nobody's business in a host's log.
        let options = options.clone().disable_statement_logging();
        let mut connection = PgConnection::connect_with(&options).await.map_err(|error| errors::unconnected(&place, error))?;
        // A standby answers from the past, and takes no changes.
        let row = sqlx::raw_sql("SELECT pg_catalog.pg_is_in_recovery()::text").fetch_one(&mut connection).await?;
        if row.try_get::<&str, _>(0)? == "true" {
            let message = format!("{place}: the server is a standby; doorward needs the primary");
            return Err(Fault::Again(Error::new(Reason::StoreUnavailable, message).field("DATABASE_URL")));
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
        let mut last = None;
        for (at, options) in self.hosts.iter().enumerate().cycle().skip(begin).take(count) {
            match timeout(limit, self.connect(options)).await {
                Ok(Ok(connection)) => {
                    self.last_good.store(at, Relaxed);
                    return Ok(connection);
                }
                // A wrong password is wrong, but the next host may be the one that is meant.
                Ok(Err(fault)) => last = Some(fault),
                Err(_) => {
                    let message = format!("{}: the server did not answer in time", place(options));
                    last = Some(Fault::Again(Error::new(Reason::StoreUnavailable, message).field("DATABASE_URL")));
                }
            }
        }
        Err(last.unwrap_or_else(|| Fault::Final(Error::new(Reason::Bug, "the URL names no host"))))
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<Fault> {
        if metrics.last_used() < IDLE {
            return Ok(());
        }
        match connection.ping().await {
            Ok(()) => Ok(()),
            Err(error) => Err(RecycleError::Backend(error.into())),
        }
    }
}
