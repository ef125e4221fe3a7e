//! The door: what a host calls.
//!
//! [`Doorward`] is the handle. It authenticates callers, and offers the operations on institutions, keys and policies on
//! behalf of the host's own code; [`Session`] offers the same on behalf of an authenticated caller. Both have `async` twins.

mod authenticate;
mod context;
mod credentials;
mod engine;
mod faces;
mod health;
mod housekeeper;
mod metrics;
mod operations;
mod permission;
mod request;
mod trail;
mod usage;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use self::{
    authenticate::{Identity, Recognised, Refusal},
    engine::{Engine, Engines},
    faces::Operation,
    operations::Operations,
};
pub use self::{
    context::{Admission, AuthContext, Verdict},
    credentials::Credentials,
    health::Health,
    metrics::{MetricsSnapshot, OperationCount, OperationLatency},
    request::Request,
};
use crate::{
    config::{Config, StoreConfig},
    error::{Error, Reason, Result},
    model::{
        api_key::{ApiKey, KeyStatus},
        code::Region,
        decision::Position,
        id::InstitutionId,
        time::Timestamp,
    },
    reply::Reply,
    store::{Backend, memory::MemoryStore},
    token::{KeyHash, MAX_TOKEN, Shape},
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
///     Verdict::Refused(reason) => panic!("{reason}"),
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
        let backend: Arc<dyn Backend> = match &config.store {
            StoreConfig::Memory => Arc::new(MemoryStore::new(config.audit.memory_capacity)),
            #[cfg(feature = "sqlite")]
            StoreConfig::Sqlite(path) => {
                Arc::new(crate::store::sqlite::SqliteStore::open(path, crate::store::sqlite::SqliteOptions::default())?)
            }
            #[cfg(not(feature = "sqlite"))]
            StoreConfig::Sqlite(_) => {
                return Err(
                    Error::new(Reason::Unsupported, "asks for SQLite, which this build does not have").field("STORE_BACKEND")
                );
            }
        };
        Ok(Self::with_backend(backend, config))
    }

    /// Puts the door before a store of the host's own. What the configuration says of a store is ignored.
    #[must_use]
    pub fn with_backend(backend: Arc<dyn Backend>, config: Config) -> Self {
        Self { engines: Arc::new(Engines::new(config, backend)) }
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
            Ok(engine) => {
                engine.verify(Operation::verify, credentials.into(), request).map_or_else(Refusal::verdict, Verdict::Granted)
            }
            Err(error) => Verdict::Refused(error.reason()),
        }
    }

    /// Who the caller is.
    ///
    /// # Errors
    /// `Unauthenticated`: `missing`, `malformed`, `unknown`, `revoked`, `disabled`, `expired`, `address_not_allowed`; and
    /// what a store can answer. The reason is for the host; tell a remote caller no more than "missing" or "invalid API key".
    pub fn authenticate<'a>(&self, credentials: impl Into<Credentials<'a>>, request: &Request) -> Result<AuthContext> {
        let identity = self.engine()?.verify(Operation::authenticate, credentials.into(), request);
        identity.map_err(|refusal| refusal.into_error().during("authenticate"))
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
        engine.run(Operation::admit, || {
            engine.admit(engine.backend(), credentials.into(), request, institution_id, region, position)
        })
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
                let health = engine.health(engine.backend()).wait();
                health.unwrap_or_else(|error| Health::unreachable(&error))
            },
        )
    }

    /// What was counted and timed since the handle was opened, in this process.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.engine().map(|engine| engine.metrics.snapshot()).unwrap_or_default()
    }

    /// Writes what was gathered (audit rows, last uses), finishes what was begun, and lets go of threads and files. Every
    /// later call answers `Closed`; closing again is no error.
    ///
    /// Without it that is done in the background when the last clone is dropped, as far as the process lives.
    ///
    /// # Errors
    /// What a store can answer; `Unavailable` if the deadline passes first. The handle is closed all the same.
    pub fn close(&self, deadline: Duration) -> Result<()> {
        self.engine()?.close(deadline).wait().map_err(|error| error.during("close"))
    }

    #[inline]
    fn engine(&self) -> Result<&Arc<Engine>> {
        self.engines.current()
    }
}

/// The handle for asynchronous code: the methods of [`Doorward`] as `async fn`, on any executor.
///
/// Dropping a future cancels the waiting, not the operation.
#[derive(Clone, Debug)]
pub struct AsyncDoorward {
    door: Doorward,
}

impl AsyncDoorward {
    /// As [`Doorward::verify`].
    pub async fn verify<'a>(&self, credentials: impl Into<Credentials<'a>>, request: &Request) -> Verdict {
        match self.door.engine() {
            Ok(engine) => {
                let verified = engine.verify_async(Operation::verify, credentials.into(), request).await;
                verified.map_or_else(Refusal::verdict, Verdict::Granted)
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
        let credentials = credentials.into();
        engine
            .drive(Operation::admit, || {
                engine.admit(engine.nonblocking(), credentials, request, institution_id, region, position)
            })
            .await
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
            Ok(engine) => engine.health(engine.nonblocking()).await.unwrap_or_else(|error| Health::unreachable(&error)),
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
        self.door.engine()?.close(deadline).await.map_err(|error| error.during("close"))
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

impl Engine {
    #[inline]
    fn verify(self: &Arc<Self>, operation: Operation, credentials: Credentials<'_>, request: &Request) -> Identity {
        let _span = tracing::debug_span!("doorward", operation = operation.name()).entered();
        let timer = self.metrics.start(operation);
        let identity = match self.check_open() {
            Ok(()) => self.identify(self.backend(), credentials, request).wait().unwrap_or_else(|error| Err(Refusal::of(error))),
            Err(error) => Err(Refusal::of(error)),
        };
        self.verified(operation, timer, identity)
    }

    async fn verify_async(self: &Arc<Self>, operation: Operation, credentials: Credentials<'_>, request: &Request) -> Identity {
        use tracing::Instrument;

        let timer = self.metrics.start(operation);
        let identity = match self.check_open() {
            Ok(()) => {
                let span = tracing::debug_span!("doorward", operation = operation.name());
                let reply = span.in_scope(|| self.identify(self.nonblocking(), credentials, request));
                match reply.ready() {
                    Ok(identity) => identity,
                    Err(pending) => pending.instrument(span).await,
                }
                .unwrap_or_else(|error| Err(Refusal::of(error)))
            }
            Err(error) => Err(Refusal::of(error)),
        };
        self.verified(operation, timer, identity)
    }

    #[inline]
    fn verified(self: &Arc<Self>, operation: Operation, timer: Option<Instant>, identity: Identity) -> Identity {
        if self.metrics.finish(operation, timer, identity.as_ref().err().map(|refusal| refusal.reason)) || identity.is_err() {
            self.wake_housekeeper();
        }
        identity
    }

    fn admit(
        self: &Arc<Self>,
        backend: &Arc<dyn Backend>,
        credentials: Credentials<'_>,
        request: &Request,
        institution_id: Option<&InstitutionId>,
        region: Region,
        position: &Position,
    ) -> Reply<Admission> {
        let vocabulary = &self.config.vocabulary;
        if let Err(error) = vocabulary.check_region(region).and_then(|()| position.check(vocabulary)) {
            return Reply::from(error);
        }
        let default = self.config.default_decision;
        let hash = match self.recognise(credentials, request) {
            Ok(Recognised::Token(hash)) => hash,
            Ok(Recognised::Root) => {
                let Some(institution_id) = institution_id else {
                    return Reply::from(
                        Error::new(Reason::Required, "root belongs to no institution and has to name one")
                            .field("institution_id"),
                    );
                };
                let context = self.granted_root(request);
                return backend
                    .decide_one(institution_id, region, position, default)
                    .map(|decision| Ok(Admission { context, decision }));
            }
            Err(refusal) => {
                self.wake_housekeeper();
                return Reply::from(refusal.into_error());
            }
        };
        match backend.admit(&hash, region, position, default).ready() {
            Ok(found) => {
                let (found, decision) = split(found);
                let identity = self.judge(&**backend, found, credentials, &hash, request);
                self.admitted(backend, identity, decision, institution_id, request)
            }
            Err(pending) => {
                let (engine, backend, request) = (Arc::clone(self), Arc::clone(backend), request.clone());
                let (hint, institution_id) = (self.hint(credentials, &hash), institution_id.cloned());
                pending.and_then(move |found| {
                    let (found, decision) = split(found);
                    let identity = engine.judge_with(&*backend, found, || hint, &request);
                    engine.admitted(&backend, identity, decision, institution_id.as_ref(), &request)
                })
            }
        }
    }

    #[inline]
    fn admitted(
        self: &Arc<Self>,
        backend: &Arc<dyn Backend>,
        identity: Identity,
        decision: Option<crate::model::decision::Decision>,
        institution_id: Option<&InstitutionId>,
        request: &Request,
    ) -> Reply<Admission> {
        let context = match identity {
            Ok(context) => context,
            Err(refusal) => {
                self.wake_housekeeper();
                return Reply::from(refusal.into_error());
            }
        };
        let Some(decision) = decision else {
            return Reply::from(Error::new(Reason::Bug, "the store answered without a decision"));
        };
        if institution_id.is_none_or(|id| context.institution_id() == Some(id)) {
            return Reply::from(Ok(Admission { context, decision }));
        }
        Operations::caller(self, backend, &context, request).refuse_admission(institution_id)
    }

    fn find_by_token(&self, backend: &Arc<dyn Backend>, token: &str) -> Reply<Option<ApiKey>> {
        if token.is_empty() || token.len() > MAX_TOKEN || self.config.token_format.shape(token) == Shape::Damaged {
            return Reply::from(Ok(None));
        }
        let hash = KeyHash::of(token);
        backend.find_by_hash(&hash).map(move |found| {
            Ok(found.filter(|key| key.key_hash.matches(&hash) && key.status(Timestamp::now()) == KeyStatus::Active))
        })
    }

    fn health(self: &Arc<Self>, backend: &Arc<dyn Backend>) -> Reply<Health> {
        let start = Instant::now();
        if let Err(error) = self.check_open() {
            return Reply::from(Ok(Health::unreachable(&error)));
        }
        let (engine, generation) = (Arc::clone(self), backend.generation());
        backend.status().and_then(move |status| {
            generation.then(move |generation| {
                let latency = start.elapsed();
                let error = status.as_ref().err().or(generation.as_ref().err()).map(Error::reason);
                engine.metrics.finish(Operation::health, Some(start), error);
                Ok(Health {
                    backend: status.as_ref().map_or("unknown", |status| status.backend),
                    reachable: error.is_none(),
                    error,
                    schema_version: status.ok().and_then(|status| status.schema_version),
                    generation: generation.ok().map(|generation| generation.number),
                    latency,
                })
            })
        })
    }
}

fn split<A, B>(found: Result<Option<(A, B)>>) -> (Result<Option<A>>, Option<B>) {
    match found {
        Ok(Some((a, b))) => (Ok(Some(a)), Some(b)),
        Ok(None) => (Ok(None), None),
        Err(error) => (Err(error), None),
    }
}

impl fmt::Debug for Doorward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doorward")
    }
}
