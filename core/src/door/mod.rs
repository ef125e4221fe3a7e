//! The door: what a host calls.
//!
//! [`Doorward`] is the handle. It authenticates callers, and offers the operations on institutions, keys and policies on
//! behalf of the host's own code; [`Session`] offers the same on behalf of an authenticated caller. Both have `async` twins.

mod admit;
mod authenticate;
mod closing;
mod context;
mod credentials;
mod engine;
mod faces;
mod health;
mod housekeeper;
mod limits;
mod metrics;
mod operations;
mod permission;
mod request;
mod shard;
mod sink;
mod trail;
mod usage;

use std::{fmt, sync::Arc, time::Duration};

use self::{
    admit::Asked,
    authenticate::Refusal,
    engine::{Engine, Engines, guarded, guarded_async},
    faces::Operation,
};
pub use self::{
    context::{Admission, AuthContext, Verdict},
    credentials::Credentials,
    health::Health,
    metrics::{MetricsSnapshot, OperationCount, OperationLatency},
    request::Request,
};
#[cfg(feature = "postgres")]
use crate::store::postgres::PostgresStore;
#[cfg(feature = "sqlite")]
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::{
    config::{Config, StoreConfig},
    error::Result,
    model::{api_key::ApiKey, code::Region, decision::Position, id::InstitutionId, rate_limit::RateLimitStatus},
    store::{Backend, memory::MemoryStore},
};

/// The handle to keys and policies. Cheap to clone; all clones are one.
///
/// Its methods block for as long as the store takes (not at all in memory); [`to_async`](Self::to_async) gives the same
/// without blocking. A handle goes on working in a forked child.
///
/// ```
/// use doorward::{Config, Doorward, NewInstitution, NewKey, Request, Role, Verdict};
///
/// let door = Doorward::open(Config::memory())?;
/// let acme = door.create_institution(NewInstitution::new("Acme Bank", ["US".parse()?]))?;
/// let key = door.create_key(&acme.id, NewKey::new("ci", Role::ReadOnly))?;
///
/// match door.verify(key.token.reveal(), &Request::new()) {
///     Verdict::Granted(caller) => assert_eq!(caller.institution_id(), Some(&acme.id)),
///     refused => panic!("{:?}", refused.reason()),
/// }
/// # Ok::<(), doorward::Error>(())
/// ```
#[derive(Clone)]
pub struct Doorward {
    engines: Arc<Engines>,
}

impl Doorward {
    /// Opens the store that the configuration names.
    ///
    /// # Errors
    /// `Config`, `Database` or `Unavailable`, naming the variable that is to blame.
    pub fn open(config: Config) -> Result<Self> {
        match &config.store {
            StoreConfig::Memory => {
                let store = MemoryStore::new(config.audit.memory_capacity);
                let lookups = Some(store.lookups());
                Ok(Self { engines: Arc::new(Engines::new(config, Arc::new(store), lookups)) })
            }
            #[cfg(feature = "sqlite")]
            StoreConfig::Sqlite(path) => {
                let store = SqliteStore::open(path, SqliteOptions::default())?;
                Ok(Self::with_backend(Arc::new(store), config))
            }
            #[cfg(feature = "postgres")]
            StoreConfig::Postgres(options) => {
                let store = PostgresStore::open(options.clone())?;
                Ok(Self::with_backend(Arc::new(store), config))
            }
            #[cfg(not(feature = "sqlite"))]
            StoreConfig::Sqlite(_) => {
                let message = "asks for SQLite, which this build does not have";
                Err(crate::Error::new(crate::Reason::Unsupported, message).field("STORE_BACKEND"))
            }
        }
    }

    /// Puts the door before a store of the host's own. What the configuration says of a store is ignored.
    #[must_use]
    pub fn with_backend(backend: Arc<dyn Backend>, config: Config) -> Self {
        Self { engines: Arc::new(Engines::new(config, backend, None)) }
    }

    /// The same handle for asynchronous code, on any executor. It never blocks the thread that polls it.
    #[must_use]
    pub fn to_async(&self) -> AsyncDoorward {
        AsyncDoorward { door: self.clone() }
    }

    /// Who the caller is, or why it is not let in; makes no error object of a refusal. For hot paths that expect refusals.
    ///
    /// If the store cannot answer, the verdict is `Refused` with the reason of its error.
    #[inline]
    pub fn verify<'a>(&self, credentials: impl Into<Credentials<'a>>, request: &Request) -> Verdict {
        match self.engine() {
            Ok(engine) => engine.verify(Operation::verify, credentials.into(), request, Verdict::Granted, Refusal::verdict_of),
            Err(error) => Verdict::Refused(error.reason()),
        }
    }

    /// Does what [`verify`](Self::verify) does, for bindings to other languages, which make something of their own of the
    /// answer: `good` does so for a caller whom memory knows to be good, the usual case. To move what is known of it would
    /// cost much of what it took to find it.
    ///
    /// # Errors
    /// Every other verdict, granted ones too.
    ///
    /// ```
    /// # use doorward::{Config, Doorward, NewInstitution, NewKey, Reason, Request, Role, Verdict};
    /// let door = Doorward::open(Config::memory())?;
    /// let acme = door.create_institution(NewInstitution::new("Acme Bank", []))?;
    /// let key = door.create_key(&acme.id, NewKey::new("ci", Role::ReadOnly))?;
    /// let role = |token: &str| door.verify_with(token, &Request::new(), |caller| caller.role());
    ///
    /// assert_eq!(role(key.token.reveal()), Ok(Role::ReadOnly));
    /// assert_eq!(role("ak_nobodys"), Err(Verdict::Refused(Reason::Unknown)));
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that the answer is built in its place")]
    pub fn verify_with<'a, R>(
        &self,
        credentials: impl Into<Credentials<'a>>,
        request: &Request,
        good: impl FnOnce(AuthContext) -> R,
    ) -> Result<R, Verdict> {
        match self.engine() {
            Ok(engine) => {
                let (good, other) = (|context| Ok(good(context)), |identity| Err(Refusal::verdict_of(identity)));
                engine.verify(Operation::verify, credentials.into(), request, good, other)
            }
            Err(error) => Err(Verdict::Refused(error.reason())),
        }
    }

    /// Who the caller is.
    ///
    /// # Errors
    /// `Unauthenticated`: `missing`, `malformed`, `unknown`, `revoked`, `disabled`, `expired`, `address_not_allowed`;
    /// `RateLimited`, which says when to come again; and what a store can answer. The reason is for the host; tell a remote
    /// caller no more than "missing" or "invalid API key".
    pub fn authenticate<'a>(&self, credentials: impl Into<Credentials<'a>>, request: &Request) -> Result<AuthContext> {
        self.engine()?.verify(Operation::authenticate, credentials.into(), request, Ok, |identity| {
            identity.map_err(|refusal| refusal.into_error().during("authenticate"))
        })
    }

    /// Authenticates the caller and asks the policy of its institution in a region about a position: one call, on one view
    /// of key and policy. `institution_id` is whose policy is meant: `None` means the caller's own; root has to name one.
    ///
    /// # Errors
    /// `Validation`; those of [`authenticate`](Self::authenticate); `Forbidden` / `other_institution`; `NotFound` /
    /// `institution_not_found` (root); what a store can answer.
    pub fn admit<'a>(
        &self,
        credentials: impl Into<Credentials<'a>>,
        request: &Request,
        institution_id: Option<&InstitutionId>,
        region: Region,
        position: &Position,
    ) -> Result<Admission> {
        let engine = self.engine()?;
        engine.admit(credentials.into(), request, &Asked { institution_id, region, position })
    }

    /// What an authenticated caller has left of its rate limit, in this process; `None` if it has no limit. Asking takes
    /// nothing. [`RateLimitStatus::http_fields`] is for the answer to the caller.
    #[must_use]
    pub fn rate_limit(&self, context: &AuthContext) -> Option<RateLimitStatus> {
        self.engine().ok()?.limits.status(context)
    }

    /// The record of the live key that has this token, or nothing.
    ///
    /// # Errors
    /// What a store can answer.
    pub fn find_by_token(&self, token: &str) -> Result<Option<ApiKey>> {
        let engine = self.engine()?;
        engine.run(Operation::find_by_token, || engine.find_by_token(engine.backend(), token))
    }

    /// Binds the door to an authenticated caller for one request: the session's methods check what the caller may do, act,
    /// and write the audit trail. Each of its changes checks again that the caller's key is still good.
    #[must_use]
    pub fn session(&self, context: AuthContext, request: Request) -> Session {
        Session { door: self.clone(), context, request }
    }

    /// Whether the store can be reached. Never an error: that it cannot is part of the answer.
    #[must_use]
    pub fn health(&self) -> Health {
        self.engine().map_or_else(
            |error| Health::unreachable(&error),
            |engine| {
                let health = guarded(|| engine.health(engine.backend()).wait());
                health.unwrap_or_else(|error| Health::unreachable(&error))
            },
        )
    }

    /// What was counted and timed since the handle was opened, in this process.
    ///
    /// A recorder that the host installs for the `metrics` facade sees the same, about a second later. One that is installed
    /// after the handle was used gets the counts from the beginning, and latencies from then on.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.engine().map(|engine| engine.metrics.snapshot()).unwrap_or_default()
    }

    /// Writes what was gathered (audit rows, last uses), finishes what was begun, and lets go of threads and files. Every
    /// later call answers `Closed`; closing again is no error, and goes on with what an earlier close had no time for.
    ///
    /// Without it that is done in the background when the last clone is dropped, as far as the process lives.
    ///
    /// # Errors
    /// What a store can answer; `Unavailable` if the deadline passes first. Calls are refused all the same.
    pub fn close(&self, deadline: Duration) -> Result<()> {
        let engine = self.engine()?;
        engine.close(deadline).map_err(|error| error.during("close"))
    }

    #[inline]
    fn engine(&self) -> Result<&Arc<Engine>> {
        self.engines.current()
    }
}

/// The handle for asynchronous code: the methods of [`Doorward`] as `async fn`, on any executor.
///
/// Dropping a future cancels the waiting, not the operation.
///
/// The first call in a forked child makes the child a store of its own on the thread that polls it (an SQLite file is opened:
/// some milliseconds, and up to the busy timeout if another process is just creating its tables). A child that must not
/// block there calls [`Doorward::health`] first.
#[derive(Clone, Debug)]
pub struct AsyncDoorward {
    door: Doorward,
}

impl AsyncDoorward {
    /// As [`Doorward::rate_limit`].
    #[must_use]
    pub fn rate_limit(&self, context: &AuthContext) -> Option<RateLimitStatus> {
        self.door.rate_limit(context)
    }

    /// As [`Doorward::verify`].
    pub async fn verify<'a>(&self, credentials: impl Into<Credentials<'a>>, request: &Request) -> Verdict {
        match self.door.engine() {
            Ok(engine) => {
                let verified = engine.verify_async(Operation::verify, credentials.into(), request).await;
                Refusal::verdict_of(verified)
            }
            Err(error) => Verdict::Refused(error.reason()),
        }
    }

    /// As [`Doorward::authenticate`].
    ///
    /// # Errors
    /// As [`Doorward::authenticate`].
    pub async fn authenticate<'a>(&self, credentials: impl Into<Credentials<'a>>, request: &Request) -> Result<AuthContext> {
        let identity = self.door.engine()?.verify_async(Operation::authenticate, credentials.into(), request).await;
        identity.map_err(|refusal| refusal.into_error().during("authenticate"))
    }

    /// As [`Doorward::admit`].
    ///
    /// # Errors
    /// As [`Doorward::admit`].
    pub async fn admit<'a>(
        &self,
        credentials: impl Into<Credentials<'a>>,
        request: &Request,
        institution_id: Option<&InstitutionId>,
        region: Region,
        position: &Position,
    ) -> Result<Admission> {
        let engine = self.door.engine()?;
        let asked = Asked { institution_id, region, position };
        engine.timed_async(Operation::admit, engine.admit_async(credentials.into(), request, &asked)).await
    }

    /// As [`Doorward::find_by_token`].
    ///
    /// # Errors
    /// As [`Doorward::find_by_token`].
    pub async fn find_by_token(&self, token: &str) -> Result<Option<ApiKey>> {
        let engine = self.door.engine()?;
        engine.drive(Operation::find_by_token, || engine.find_by_token(engine.nonblocking(), token)).await
    }

    /// As [`Doorward::session`].
    #[must_use]
    pub fn session(&self, context: AuthContext, request: Request) -> AsyncSession {
        AsyncSession(self.door.session(context, request))
    }

    /// As [`Doorward::health`].
    pub async fn health(&self) -> Health {
        match self.door.engine() {
            Ok(engine) => {
                let health = guarded_async(async { engine.health(engine.nonblocking()).await }).await;
                health.unwrap_or_else(|error| Health::unreachable(&error))
            }
            Err(error) => Health::unreachable(&error),
        }
    }

    /// As [`Doorward::metrics`].
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.door.metrics()
    }

    /// As [`Doorward::close`].
    ///
    /// # Errors
    /// As [`Doorward::close`].
    pub async fn close(&self, deadline: Duration) -> Result<()> {
        let engine = self.door.engine()?;
        engine.close_async(deadline).await.map_err(|error| error.during("close"))
    }

    /// The blocking handle.
    #[must_use]
    pub fn to_blocking(&self) -> Doorward {
        self.door.clone()
    }
}

/// The door bound to an authenticated caller, for one request.
#[derive(Clone, Debug)]
pub struct Session {
    door: Doorward,
    context: AuthContext,
    request: Request,
}

impl Session {
    /// Who the caller is.
    #[must_use]
    pub fn context(&self) -> &AuthContext {
        &self.context
    }
}

/// The `async` twin of [`Session`].
#[derive(Clone, Debug)]
pub struct AsyncSession(Session);

impl AsyncSession {
    /// Who the caller is.
    #[must_use]
    pub fn context(&self) -> &AuthContext {
        self.0.context()
    }
}

impl fmt::Debug for Doorward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doorward")
    }
}
