//! The four classes that have operations, and what is theirs alone: opening, closing, authentication.

use std::{sync::LazyLock, thread, time::Duration};

use doorward::{Config, Error, Reason, StoreConfig};
use pyo3::prelude::*;

use crate::{
    arguments::{Given, Preset, institution, optional, position, region, text},
    config::{self, Options},
    error::{Trouble, guarded},
    faces::make,
    observation::MetricsSnapshot,
    rate_limit::RateLimitStatus,
    record::unpicklable,
    reply::{answered, begin, reply},
    request::{Presented, Request},
    time::duration,
    verdict::AuthContext,
};

/// How long an operation may hold other threads up where the records are in memory; see [`crate::faces`].
#[derive(Clone, Copy, PartialEq)]
#[expect(non_camel_case_types, reason = "words of the macro that declares operations")]
pub(crate) enum Pace {
    /// No longer than a lookup.
    quick,
    /// It may wait for others, or take long.
    slow,
}

/// The handle to keys and policies. Its methods block for as long as the store takes (not at all in memory), without holding
/// other threads up. May be shared by threads; goes on working in a forked child. As a context manager it closes.
///
/// The operations act for the host's own trusted code: nothing is asked of permission, and the audit trail names the actor
/// `system`. `session` gives the same on behalf of a caller.
#[pyclass(frozen, weakref, module = "doorward")]
pub(crate) struct Doorward {
    pub(crate) inner: doorward::Doorward,
    in_memory: bool,
}

/// The door bound to an authenticated caller, for one request: its methods check what the caller may do, act, and write the
/// audit trail. Each of its changes checks again that the caller's key is still good.
#[pyclass(frozen, weakref, module = "doorward")]
pub(crate) struct Session {
    pub(crate) inner: doorward::Session,
    in_memory: bool,
}

/// The handle for asyncio: the methods of `doorward.Doorward`, to be awaited. What memory can answer is answered on the spot;
/// the rest comes through the running loop. Works in any number of loops at once. As an asynchronous context manager it closes.
#[pyclass(frozen, weakref, name = "Doorward", module = "doorward.aio")]
pub(crate) struct AsyncDoorward {
    pub(crate) inner: doorward::AsyncDoorward,
    blocking: doorward::Doorward,
    in_memory: bool,
}

/// The door bound to an authenticated caller, for one request: `doorward.Session`, to be awaited.
#[pyclass(frozen, weakref, name = "Session", module = "doorward.aio")]
pub(crate) struct AsyncSession {
    pub(crate) inner: doorward::AsyncSession,
}

/// What is known of a request of which nothing is told.
static UNKNOWN: LazyLock<doorward::Request> = LazyLock::new(doorward::Request::new);

fn known<'a>(request: Option<&'a Bound<'_, Request>>) -> &'a doorward::Request {
    request.map_or(&*UNKNOWN, |request| &request.get().0)
}

/// How long closing may take: 10 s unless it is said.
fn deadline(value: Option<Given<'_, '_>>) -> Result<Duration, Trouble> {
    value.map_or(Ok(Duration::from_secs(10)), |value| duration(value, "deadline"))
}

impl Doorward {
    #[inline]
    pub(crate) fn holds(&self, pace: Pace) -> bool {
        self.in_memory && pace == Pace::quick
    }

    pub(crate) fn new(inner: doorward::Doorward, in_memory: bool) -> Self {
        Self { inner, in_memory }
    }

    fn open_as(py: Python<'_>, config: Config) -> Result<Self, Trouble> {
        let in_memory = *config.store() == StoreConfig::Memory;
        Ok(Self::new(py.detach(|| doorward::Doorward::open(config))?, in_memory))
    }
}

impl Session {
    #[inline]
    pub(crate) fn holds(&self, pace: Pace) -> bool {
        self.in_memory && pace == Pace::quick
    }
}

impl AsyncDoorward {
    fn new(blocking: doorward::Doorward, in_memory: bool) -> Self {
        Self { inner: blocking.to_async(), blocking, in_memory }
    }
}

/// A door that was opened for asyncio.
pub(crate) struct Opened {
    door: doorward::Doorward,
    in_memory: bool,
}

impl crate::answer::Answer for Opened {
    fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(Bound::new(py, AsyncDoorward::new(self.door, self.in_memory))?.into_any())
    }
}

/// Opens on a thread of its own: a file or a database is opened, and its tables are made.
async fn open_elsewhere(config: Config) -> doorward::Result<Opened> {
    let in_memory = *config.store() == StoreConfig::Memory;
    if in_memory {
        return doorward::Doorward::open(config).map(|door| Opened { door, in_memory });
    }
    let (answer, completer) = doorward::Reply::pending();
    let open = move || completer.complete(doorward::Doorward::open(config).map(|door| Opened { door, in_memory }));
    let started = thread::Builder::new().name("doorward-open".to_owned()).spawn(open);
    started.map_err(|error| Error::new(Reason::StoreUnavailable, "no thread could be started").because(error))?;
    answer.await
}

/// Declares the constructors, whose options are the same on both handles.
macro_rules! constructors {
    ($face:ident, |$py:ident, $config:ident| $open:expr) => {
        #[pymethods]
        impl $face {
            /// Opens the store that is named: `memory`, `sqlite` (the file of `database_url`, `sqlite:PATH`, which is made if it
            /// is not there) or `postgres` (`postgres://user:password@host:port/database`).
            ///
            /// `root_api_key` is the root token, bound to `root_api_key_allowed_ips` if they are given. `regions` and
            /// `currencies` are known besides the built-in ones. Where an institution has no policy, `default_decision` decides.
            /// `rate_limit` is how often each key is accepted that has no limit of its own, `failures_per_minute` how many
            /// authentications may fail from an address, `keys_per_hour` how many keys the callers of an institution may create.
            /// Timeouts are timedeltas, or seconds. What is wrong raises `ConfigError` naming the variable of the environment
            /// that stands for it.
            #[staticmethod]
            #[pyo3(
                signature = (
                    *, store = Preset::Unless("memory"), database_url = None, schema = None, pool_max = None,
                    pool_acquire_timeout = None, statement_timeout = None, root_api_key = None, root_api_key_allowed_ips = None,
                    trusted_proxies = None, token_brand = Preset::Unless("dw"), token_env = Preset::Unless("live"),
                    regions = None, currencies = None, default_decision = Preset::Unless("allow"), rate_limit = None,
                    failures_per_minute = None, keys_per_hour = None, metrics = true, audit_authentications = false,
                    audit_reads = false, memory_audit_capacity = Preset::Unless(10_000)
                ),
                text_signature = "(*, store='memory', database_url=None, schema=None, pool_max=None, pool_acquire_timeout=None, \
                    statement_timeout=None, root_api_key=None, root_api_key_allowed_ips=None, trusted_proxies=None, \
                    token_brand='dw', token_env='live', regions=None, currencies=None, default_decision='allow', rate_limit=None, \
                    failures_per_minute=None, keys_per_hour=None, metrics=True, audit_authentications=False, audit_reads=False, \
                    memory_audit_capacity=10000)"
            )]
            fn open<'py>(
                $py: Python<'py>,
                store: Preset<'py, &'static str>,
                database_url: Option<&Bound<'py, PyAny>>,
                schema: Option<&Bound<'py, PyAny>>,
                pool_max: Option<&Bound<'py, PyAny>>,
                pool_acquire_timeout: Option<&Bound<'py, PyAny>>,
                statement_timeout: Option<&Bound<'py, PyAny>>,
                root_api_key: Option<&Bound<'py, PyAny>>,
                root_api_key_allowed_ips: Option<&Bound<'py, PyAny>>,
                trusted_proxies: Option<&Bound<'py, PyAny>>,
                token_brand: Preset<'py, &'static str>,
                token_env: Preset<'py, &'static str>,
                regions: Option<&Bound<'py, PyAny>>,
                currencies: Option<&Bound<'py, PyAny>>,
                default_decision: Preset<'py, &'static str>,
                rate_limit: Option<&Bound<'py, PyAny>>,
                failures_per_minute: Option<&Bound<'py, PyAny>>,
                keys_per_hour: Option<&Bound<'py, PyAny>>,
                metrics: bool,
                audit_authentications: bool,
                audit_reads: bool,
                memory_audit_capacity: Preset<'py, u64>,
            ) -> PyResult<Bound<'py, PyAny>> {
                let options = Options {
                    store: &store,
                    database_url,
                    schema,
                    pool_max,
                    pool_acquire_timeout,
                    statement_timeout,
                    root_api_key,
                    root_api_key_allowed_ips,
                    trusted_proxies,
                    token_brand: &token_brand,
                    token_env: &token_env,
                    regions,
                    currencies,
                    default_decision: &default_decision,
                    rate_limit,
                    failures_per_minute,
                    keys_per_hour,
                    metrics,
                    audit_authentications,
                    audit_reads,
                    memory_audit_capacity: &memory_audit_capacity,
                };
                let $config = || options.config();
                $open
            }

            /// Opens as the variables of the environment say, or those of a mapping in its place. The README lists them.
            #[staticmethod]
            #[pyo3(signature = (environ = None))]
            fn open_from_env<'py>($py: Python<'py>, environ: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
                let $config = || config::environment(environ);
                $open
            }

            fn __reduce__(&self) -> PyResult<()> {
                Err(unpicklable("a handle"))
            }
        }
    };
}

constructors!(Doorward, |py, config| guarded(py, || {
    let door = Self::open_as(py, config()?)?;
    Ok(Bound::new(py, door)?.into_any())
}));

constructors!(AsyncDoorward, |py, config| reply(py, || Ok(begin(py, open_elsewhere(config()?)))));

#[pymethods]
impl Doorward {
    /// Whether a caller is let in, and who it is: `Granted(context)` or `Refused(reason)`. No exception is made of a refusal:
    /// for hot paths that expect them. If the store cannot answer, the verdict is `Refused` with the reason of its error.
    ///
    /// `credentials` are a token, or what `Credentials.from_headers` found.
    #[pyo3(signature = (credentials, *, request = None))]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        credentials: &Bound<'py, PyAny>,
        request: Option<&Bound<'py, Request>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        guarded(py, || {
            let (presented, request) = (Presented::read(credentials)?, known(request));
            let credentials = presented.credentials();
            let call = || self.inner.verify(credentials, request);
            let verdict = if self.in_memory { call() } else { py.detach(call) };
            Ok(crate::verdict::give(py, verdict)?)
        })
    }

    /// Who the caller is.
    ///
    /// Raises `UnauthenticatedError`, whose reason is for the host (tell a remote caller no more than "missing" or "invalid
    /// API key"); `RateLimitedError`, which says when to come again; and what a store can answer.
    #[pyo3(signature = (credentials, *, request = None))]
    fn authenticate<'py>(
        &self,
        py: Python<'py>,
        credentials: &Bound<'py, PyAny>,
        request: Option<&Bound<'py, Request>>,
    ) -> PyResult<Bound<'py, AuthContext>> {
        guarded(py, || {
            let (presented, request) = (Presented::read(credentials)?, known(request));
            let credentials = presented.credentials();
            let call = || self.inner.authenticate(credentials, request);
            let context = if self.in_memory { call() } else { py.detach(call) };
            Ok(Bound::new(py, AuthContext(context?))?)
        })
    }

    /// Authenticates the caller and asks the policy of its institution in a region about a position: one call, on one view of
    /// key and policy. `institution_id` is whose policy is meant, the caller's own unless it is given; root has to name one.
    ///
    /// Raises `ValidationError`; those of `authenticate`; `ForbiddenError` / `other_institution`; `NotFoundError` /
    /// `institution_not_found` (root); what a store can answer.
    #[pyo3(signature = (credentials, *, region, position, institution_id = None, request = None))]
    fn admit<'py>(
        &self,
        py: Python<'py>,
        credentials: &Bound<'py, PyAny>,
        region: &Bound<'py, PyAny>,
        position: &Bound<'py, PyAny>,
        institution_id: Option<&Bound<'py, PyAny>>,
        request: Option<&Bound<'py, Request>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        guarded(py, || {
            let (presented, request) = (Presented::read(credentials)?, known(request));
            let credentials = presented.credentials();
            let institution = optional(institution_id, institution)?;
            let (region, position) = (self::region(region)?, self::position(position)?);
            let call = || self.inner.admit(credentials, request, institution.as_ref(), region, &position);
            let admission = if self.in_memory { call() } else { py.detach(call) };
            Ok(crate::answer::Answer::give(admission?, py)?)
        })
    }

    /// The record of the live key that has this token, or nothing.
    fn find_by_token<'py>(&self, py: Python<'py>, token: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        make!(blocks quick self py { let token = text(token, "token")?; } find_by_token(token))
    }

    /// What an authenticated caller has left of its rate limit, in this process; `None` if it has no limit. Asking takes
    /// nothing.
    fn rate_limit(&self, context: &Bound<'_, AuthContext>) -> Option<RateLimitStatus> {
        self.inner.rate_limit(&context.get().0).map(RateLimitStatus)
    }

    /// Binds the door to an authenticated caller for one request.
    #[pyo3(signature = (context, *, request = None))]
    fn session(&self, context: &Bound<'_, AuthContext>, request: Option<&Bound<'_, Request>>) -> Session {
        let inner = self.inner.session(context.get().0.clone(), known(request).clone());
        Session { inner, in_memory: self.in_memory }
    }

    /// Whether the store can be reached. Never an exception: that it cannot is part of the answer.
    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        guarded(py, || Ok(crate::answer::Answer::give(py.detach(|| self.inner.health()), py)?))
    }

    /// What was counted and timed since the handle was opened, in this process.
    fn metrics(&self) -> MetricsSnapshot {
        MetricsSnapshot(self.inner.metrics())
    }

    /// Writes what was gathered (audit rows, last uses), finishes what was begun, and lets go of threads and files. Every later
    /// call raises `ClosedError`; closing again is no error, and goes on with what an earlier close had no time for. The
    /// deadline is a timedelta, or seconds.
    ///
    /// Raises what a store can answer; `UnavailableError` if the deadline passes first. Calls are refused all the same.
    #[pyo3(signature = (deadline = None), text_signature = "($self, deadline=10)")]
    fn close(&self, py: Python<'_>, deadline: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        guarded(py, || {
            let deadline = self::deadline(deadline)?;
            Ok(py.detach(|| self.inner.close(deadline))?)
        })
    }

    /// The same handle for asyncio.
    fn to_async(&self) -> AsyncDoorward {
        AsyncDoorward::new(self.inner.clone(), self.in_memory)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (kind, error, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let _ = (kind, error, traceback);
        self.close(py, None)
    }
}

/// Declares what both kinds of sessions have besides the operations.
macro_rules! sessions {
    ($($face:ident),*) => { $(
        #[pymethods]
        impl $face {
            /// Who the caller is.
            #[getter]
            fn context(&self) -> AuthContext {
                AuthContext(self.inner.context().clone())
            }

            fn __reduce__(&self) -> PyResult<()> {
                Err(unpicklable("a session"))
            }
        }
    )* };
}

sessions!(Session, AsyncSession);

#[pymethods]
impl AsyncDoorward {
    /// As `doorward.Doorward.verify`.
    #[pyo3(signature = (credentials, *, request = None))]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        credentials: &Bound<'py, PyAny>,
        request: Option<&Bound<'py, Request>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        reply(py, || {
            let (presented, request) = (Presented::read(credentials)?, known(request));
            if self.in_memory {
                return Ok(answered(py, self.blocking.verify(presented.credentials(), request))?);
            }
            let (inner, kept, request) = (self.inner.clone(), presented.keep(), request.clone());
            Ok(begin(py, async move { Ok(inner.verify(kept.presented(), &request).await) }))
        })
    }

    /// As `doorward.Doorward.authenticate`.
    #[pyo3(signature = (credentials, *, request = None))]
    fn authenticate<'py>(
        &self,
        py: Python<'py>,
        credentials: &Bound<'py, PyAny>,
        request: Option<&Bound<'py, Request>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        reply(py, || {
            let (presented, request) = (Presented::read(credentials)?, known(request));
            if self.in_memory {
                return Ok(answered(py, self.blocking.authenticate(presented.credentials(), request)?)?);
            }
            let (inner, kept, request) = (self.inner.clone(), presented.keep(), request.clone());
            Ok(begin(py, async move { inner.authenticate(kept.presented(), &request).await }))
        })
    }

    /// As `doorward.Doorward.admit`.
    #[pyo3(signature = (credentials, *, region, position, institution_id = None, request = None))]
    fn admit<'py>(
        &self,
        py: Python<'py>,
        credentials: &Bound<'py, PyAny>,
        region: &Bound<'py, PyAny>,
        position: &Bound<'py, PyAny>,
        institution_id: Option<&Bound<'py, PyAny>>,
        request: Option<&Bound<'py, Request>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        reply(py, || {
            let presented = Presented::read(credentials)?;
            let institution = optional(institution_id, institution)?;
            let (region, position) = (self::region(region)?, self::position(position)?);
            let (inner, kept, request) = (self.inner.clone(), presented.keep(), known(request).clone());
            Ok(begin(py, async move { inner.admit(kept.presented(), &request, institution.as_ref(), region, &position).await }))
        })
    }

    /// As `doorward.Doorward.find_by_token`.
    fn find_by_token<'py>(&self, py: Python<'py>, token: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        make!(awaits quick self py { let token = zeroize::Zeroizing::new(text(token, "token")?.to_owned()); } find_by_token(&token))
    }

    /// As `doorward.Doorward.rate_limit`, at once.
    fn rate_limit(&self, context: &Bound<'_, AuthContext>) -> Option<RateLimitStatus> {
        self.blocking.rate_limit(&context.get().0).map(RateLimitStatus)
    }

    /// Binds the door to an authenticated caller for one request.
    #[pyo3(signature = (context, *, request = None))]
    fn session(&self, context: &Bound<'_, AuthContext>, request: Option<&Bound<'_, Request>>) -> AsyncSession {
        AsyncSession { inner: self.inner.session(context.get().0.clone(), known(request).clone()) }
    }

    /// As `doorward.Doorward.health`.
    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let inner = self.inner.clone();
        reply(py, || Ok(begin(py, async move { Ok(inner.health().await) })))
    }

    /// As `doorward.Doorward.metrics`, at once.
    fn metrics(&self) -> MetricsSnapshot {
        MetricsSnapshot(self.inner.metrics())
    }

    /// As `doorward.Doorward.close`.
    #[pyo3(signature = (deadline = None), text_signature = "($self, deadline=10)")]
    fn close<'py>(&self, py: Python<'py>, deadline: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        reply(py, || {
            let (inner, deadline) = (self.inner.clone(), self::deadline(deadline)?);
            Ok(begin(py, async move { inner.close(deadline).await }))
        })
    }

    /// The same handle for code that blocks.
    fn to_blocking(&self) -> Doorward {
        Doorward::new(self.blocking.clone(), self.in_memory)
    }

    fn __aenter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (door, in_memory) = (self.blocking.clone(), self.in_memory);
        reply(py, || Ok(answered(py, Opened { door, in_memory })?))
    }

    #[pyo3(signature = (kind, error, traceback, /))]
    fn __aexit__<'py>(
        &self,
        py: Python<'py>,
        kind: &Bound<'py, PyAny>,
        error: &Bound<'py, PyAny>,
        traceback: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = (kind, error, traceback);
        self.close(py, None)
    }
}
