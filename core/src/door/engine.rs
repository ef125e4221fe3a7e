//! What stands behind a handle in one process: the store, and what gathers around it (trail, uses, metrics).
//!
//! A forked child never touches its parent's engine: [`Engines`] makes it one of its own at its first call.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Instant,
};

use super::{
    closing::Closing,
    faces::Operation,
    housekeeper::Housekeeper,
    limits::Limits,
    metrics::Metrics,
    sink::{Announced, Callback, Sink},
    trail::Trail,
    usage::Usage,
};
use crate::{
    config::Config,
    error::{Error, Reason, Result},
    fork,
    lock::Lock,
    reply::Reply,
    store::{Backend, memory::Lookups, off_thread::OffThread},
};

/// Everything behind a handle in one process.
pub(crate) struct Engine {
    pub(super) config: Arc<Config>,
    pub(super) trail: Trail,
    pub(super) usage: Usage,
    pub(super) metrics: Metrics,
    pub(super) housekeeper: Housekeeper,
    pub(super) limits: Limits,
    flushing: Lock<()>,
    /// What may be looked up without asking the store.
    pub(super) lookups: Option<Arc<Lookups>>,
    backend: Arc<dyn Backend>,
    nonblocking: OnceLock<Arc<dyn Backend>>,
    pub(super) closing: Closing,
    /// Whom the host wants told of recorded entries.
    pub(super) sink: Option<Sink>,
}

impl Engine {
    fn new(
        config: Arc<Config>,
        store: Arc<dyn Backend>,
        lookups: Option<Arc<Lookups>>,
        callback: Option<Arc<Callback>>,
    ) -> Arc<Self> {
        let metrics = Metrics::new(config.metrics.enabled, lookups.is_none());
        let sink = callback.map(|callback| Sink::new(callback, metrics.clone()));
        let backend: Arc<dyn Backend> = match &sink {
            Some(sink) => Arc::new(Announced::new(store, sink)),
            None => store,
        };
        Arc::new(Self {
            trail: Trail::default(),
            usage: Usage::default(),
            metrics,
            housekeeper: Housekeeper::default(),
            limits: Limits::new(&config.rate_limits),
            flushing: Lock::default(),
            nonblocking: OnceLock::new(),
            closing: Closing::default(),
            config,
            lookups,
            backend,
            sink,
        })
    }

    /// The store, for callers that may be blocked.
    #[inline]
    pub(super) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The store, for callers that may not.
    pub(super) fn nonblocking(&self) -> &Arc<dyn Backend> {
        self.nonblocking.get_or_init(|| {
            let backend = Arc::clone(&self.backend);
            if backend.may_block() { Arc::new(OffThread::new(backend)) } else { backend }
        })
    }

    /// The store as its callers reach it: behind what they have queued.
    pub(super) fn begun_backend(&self) -> &Arc<dyn Backend> {
        self.nonblocking.get().unwrap_or(&self.backend)
    }

    #[inline]
    pub(super) fn check_open(&self) -> Result<()> {
        self.closing.check_open()
    }

    /// Runs an operation to its end on the calling thread, and counts, times and names it.
    #[inline]
    pub(super) fn run<T: Send + 'static>(self: &Arc<Self>, operation: Operation, call: impl FnOnce() -> Reply<T>) -> Result<T> {
        self.timed(operation, || guarded(|| self.check_open().and_then(|()| call().wait())))
    }

    /// The same without blocking.
    pub(super) async fn drive<T: Send + 'static>(
        self: &Arc<Self>,
        operation: Operation,
        call: impl FnOnce() -> Reply<T>,
    ) -> Result<T> {
        self.timed_async(operation, async {
            self.check_open()?;
            call().await
        })
        .await
    }

    /// Counts, times and names what `call` does.
    #[inline]
    pub(super) fn timed<T>(self: &Arc<Self>, operation: Operation, call: impl FnOnce() -> Result<T>) -> Result<T> {
        let _span = operation.span().map(tracing::Span::entered);
        let timer = self.metrics.start(operation);
        let mut answer = call();
        self.finish(operation, timer, &mut answer);
        answer
    }

    pub(super) async fn timed_async<T>(
        self: &Arc<Self>,
        operation: Operation,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        use tracing::Instrument;

        let span = operation.span().unwrap_or_else(tracing::Span::none);
        let timer = self.metrics.start(operation);
        let mut answer = guarded_async(call.instrument(span)).await;
        self.finish(operation, timer, &mut answer);
        answer
    }

    #[inline]
    pub(super) fn finish<T>(self: &Arc<Self>, operation: Operation, timer: Option<Instant>, answer: &mut Result<T>) {
        if let Err(error) = answer {
            error.note_operation(operation.name());
        }
        if self.metrics.finish(operation, timer, answer.as_ref().err().map(Error::reason)) {
            self.wake_housekeeper();
        }
    }

    /// Has what was gathered written within the usual interval.
    pub(super) fn wake_housekeeper(self: &Arc<Self>) {
        self.housekeeper.start(self);
    }

    /// Writes what was gathered: audit rows and uses.
    pub(super) fn flush(&self, backend: &Arc<dyn Backend>) -> Reply<()> {
        self.metrics.publish();
        // What one flush has taken is on its way to the store before another one finds nothing left, and closes it.
        let _one_at_a_time = self.flushing.lock();
        let trail = self.trail.flush(backend, &self.metrics);
        let usage = self.usage.flush(backend);
        trail.and_then(move |written| usage.then(move |recorded| written.and(recorded)))
    }
}

/// Ends a panic in `Internal`: a bug of a store, or of doorward, does not unwind the host's thread.
#[inline]
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(panicked()))
}

/// The same for what is awaited.
pub(super) async fn guarded_async<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    let mut call = pin!(call);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    })
    .await
}

#[cold]
fn panicked() -> Error {
    Error::new(Reason::Panicked, "a panic was caught")
}

/// The engine of this process, and of every process that was forked from it.
pub(super) struct Engines {
    config: Arc<Config>,
    store: Arc<dyn Backend>,
    /// Made when the handle was opened, in the process with this count of forks.
    first: Arc<Engine>,
    born: u64,
    /// Those that forked children made, each with its count.
    heirs: boxcar::Vec<(u64, Arc<Engine>)>,
    /// The count whose engine is being made.
    building: AtomicU64,
}

const NOBODY: u64 = u64::MAX;

impl Engines {
    pub(super) fn new(mut config: Config, store: Arc<dyn Backend>, lookups: Option<Arc<Lookups>>) -> Self {
        fork::watch();
        let callback = config.audit.sink.take().map(Arc::new);
        let config = Arc::new(config);
        let first = Engine::new(Arc::clone(&config), Arc::clone(&store), lookups, callback);
        Self { config, store, first, born: fork::count(), heirs: boxcar::Vec::new(), building: AtomicU64::new(NOBODY) }
    }

    /// The engine of this process.
    #[inline]
    pub(super) fn current(&self) -> Result<&Arc<Engine>> {
        if fork::count() == self.born { Ok(&self.first) } else { self.heir() }
    }

    /// The engine of this process, if it has one.
    fn existing(&self) -> Option<&Arc<Engine>> {
        let count = fork::count();
        if count == self.born {
            return Some(&self.first);
        }
        self.heirs.iter().find(|(_, (made_for, _))| *made_for == count).map(|(_, (_, engine))| engine)
    }

    #[cold]
    fn heir(&self) -> Result<&Arc<Engine>> {
        let count = fork::count();
        loop {
            if let Some(engine) = self.existing() {
                return Ok(engine);
            }
            // No lock: a thread of the parent could have held it. A stale claim of another process is simply replaced.
            let claimed = self.building.load(Ordering::Acquire);
            if claimed == count {
                std::thread::yield_now();
            } else if self.building.compare_exchange(claimed, count, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                match guarded(|| self.first.check_open().and_then(|()| self.store.after_fork())) {
                    Ok(backend) => {
                        // A store of its own has other records than those that the parent looked up.
                        let lookups = self.first.lookups.clone().filter(|_| backend.is_none());
                        let backend = backend.unwrap_or_else(|| Arc::clone(&self.store));
                        let callback = self.first.sink.as_ref().and_then(Sink::callback);
                        let engine = Engine::new(Arc::clone(&self.config), backend, lookups, callback);
                        self.heirs.push((count, engine));
                    }
                    Err(error) => {
                        self.building.store(NOBODY, Ordering::Release);
                        return Err(error);
                    }
                }
            }
        }
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        // The last handle is gone: what was gathered is written in the background, by whoever gathers it.
        // A child that never used the handle has no engine, and makes none for this.
        if let Some(engine) = self.existing() {
            Housekeeper::leave(engine);
        }
    }
}
