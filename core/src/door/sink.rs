//! The audit sink: hands what was recorded to the host, on a thread of its own; [`Config::audit_sink`](crate::Config::audit_sink)
//! has the contract.
//!
//! [`Announced`] is a store around the store. It keeps a copy of each entry while the store writes it, and queues the copy
//! once the store has answered that it is written. What is under way is counted, so that closing misses nothing.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::Instant,
};

use arc_swap::ArcSwapOption;

use super::metrics::Metrics;
use crate::{
    config::AuditSink as HostsSink,
    fork,
    lock::Lock,
    model::audit::AuditEntry,
    reply::Reply,
    store::{Backend, around::around},
};

/// How many entries wait for the sink at most.
const QUEUED: usize = 10_000;

/// The host's function.
pub(super) type Callback = HostsSink;

/// The sink of an engine.
pub(super) struct Sink(Arc<Shared>);

struct Shared {
    /// Without a lock: a forked child takes it from its parent's, whose locks may be held for ever. Gone when the sink has ended.
    callback: ArcSwapOption<Callback>,
    metrics: Metrics,
    /// The count of forks in the process that made it.
    forks: u64,
    state: Lock<State>,
    /// There is an entry, or the end may have come.
    work: Condvar,
    /// The thread has ended, or what was under way.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<AuditEntry>,
    /// How many calls of the store are under way whose entries may come.
    begun: usize,
    thread: Option<ThreadId>,
    /// The thread waits for work.
    idle: bool,
    /// No further calls of the store will begin.
    ending: bool,
}

impl State {
    fn at_end(&self) -> bool {
        self.ending && self.begun == 0 && self.waiting.is_empty()
    }
}

impl Sink {
    pub(super) fn new(callback: Arc<Callback>, metrics: Metrics) -> Self {
        Self(Arc::new(Shared {
            callback: ArcSwapOption::new(Some(callback)),
            metrics,
            forks: fork::count(),
            state: Lock::default(),
            work: Condvar::new(),
            ended: Condvar::new(),
        }))
    }

    /// The host's function, for the sink of a forked child.
    pub(super) fn callback(&self) -> Option<Arc<Callback>> {
        self.0.callback.load_full()
    }

    /// Whether the calling thread is the one on which the host's function is called.
    pub(super) fn is_own_thread(&self) -> bool {
        self.0.state.lock().thread == Some(thread::current().id())
    }

    /// Has what is left handed over, and the host's function dropped. `false` if that takes longer; it goes on all the same.
    pub(super) fn end(&self, until: Instant) -> bool {
        let mut state = self.0.state.lock();
        state.ending = true;
        loop {
            state = self.0.proceed(state);
            if state.at_end() && state.thread.is_none() {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.0.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if fork::count() == self.0.forks {
            let mut state = self.0.state.lock();
            state.ending = true;
            drop(self.0.proceed(state));
        } else {
            // A child's copy of the host's function is not dropped, whatever its parent was doing.
            std::mem::forget(Arc::clone(&self.0));
        }
    }
}

impl Shared {
    /// Queues an entry, or counts it as dropped.
    fn announce(&self, state: &mut State, entry: AuditEntry) {
        if state.waiting.len() < QUEUED {
            state.waiting.push_back(entry);
        } else {
            self.metrics.sink_dropped();
        }
    }

    /// Has done what is to be done next: what waits is handed over, and after the end the host's function is dropped.
    fn proceed<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.thread.is_some() {
            if state.idle && (!state.waiting.is_empty() || state.at_end()) {
                state.idle = false;
                self.work.notify_one();
            }
        } else if !state.waiting.is_empty() {
            let shared = Arc::clone(self);
            match thread::Builder::new().name("doorward-audit-sink".to_owned()).spawn(move || shared.run()) {
                Ok(started) => state.thread = Some(started.thread().id()),
                Err(error) => {
                    // At the end nobody would ever try again.
                    if state.ending {
                        state.waiting.drain(..).for_each(|_| self.metrics.sink_dropped());
                    }
                    // Whoever listens may call the door.
                    drop(state);
                    tracing::warn!(%error, "doorward cannot start the thread of the audit sink");
                    state = self.state.lock();
                }
            }
        }
        if state.at_end() && state.thread.is_none() {
            drop(state);
            self.forget();
            state = self.state.lock();
        }
        state
    }

    /// Hands entries over until the end.
    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some(entry) = state.waiting.pop_front() {
                drop(state);
                self.hand_over(entry);
                state = self.state.lock();
            } else if state.at_end() {
                drop(state);
                self.forget();
                self.state.lock().thread = None;
                self.ended.notify_all();
                return;
            } else {
                state.idle = true;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle = false;
            }
        }
    }

    fn hand_over(&self, entry: AuditEntry) {
        if let Some(callback) = self.callback.load_full()
            && catch_unwind(AssertUnwindSafe(|| (callback.0)(entry))).is_err()
        {
            self.metrics.sink_panicked();
        }
    }

    /// Drops the host's function, which is code of the host's.
    fn forget(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.callback.store(None))).is_err() {
            self.metrics.sink_panicked();
        }
    }
}

/// The copies of entries that a store is writing.
struct Ticket {
    shared: Arc<Shared>,
    entries: Vec<AuditEntry>,
    recorded: bool,
}

impl Ticket {
    fn new(shared: &Arc<Shared>, entries: Vec<AuditEntry>) -> Self {
        let mut state = shared.state.lock();
        state.begun = state.begun.saturating_add(1);
        Self { shared: Arc::clone(shared), entries, recorded: false }
    }

    fn settle(mut self, recorded: bool) {
        self.recorded = recorded;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if fork::count() != self.shared.forks {
            return;
        }
        let mut state = self.shared.state.lock();
        state.begun = state.begun.saturating_sub(1);
        if self.recorded {
            self.entries.drain(..).for_each(|entry| self.shared.announce(&mut state, entry));
        }
        let state = self.shared.proceed(state);
        if state.ending {
            self.shared.ended.notify_all();
        }
    }
}

/// A store around a store whose entries are announced to a sink.
pub(super) struct Announced {
    store: Arc<dyn Backend>,
    shared: Arc<Shared>,
}

impl Announced {
    pub(super) fn new(store: Arc<dyn Backend>, sink: &Sink) -> Self {
        Self { store, shared: Arc::clone(&sink.0) }
    }

    fn ask<T>(&self, call: impl FnOnce(&dyn Backend) -> Reply<T>) -> Reply<T> {
        call(&*self.store)
    }

    fn change<T>(&self, call: impl FnOnce(&dyn Backend) -> Reply<T>) -> Reply<T> {
        call(&*self.store)
    }

    fn record<A: Entries, T: Send + 'static>(&self, audit: A, call: impl FnOnce(&dyn Backend, A) -> Reply<T>) -> Reply<T> {
        let ticket = Ticket::new(&self.shared, audit.copies());
        call(&*self.store, audit).seen(move |answer| ticket.settle(answer.is_ok()))
    }
}

/// What a call of the store writes into the trail.
trait Entries {
    fn copies(&self) -> Vec<AuditEntry>;
}

impl Entries for AuditEntry {
    fn copies(&self) -> Vec<AuditEntry> {
        vec![self.clone()]
    }
}

impl Entries for Vec<AuditEntry> {
    fn copies(&self) -> Vec<AuditEntry> {
        self.clone()
    }
}

around! {
    Announced {
        fn may_block(&self) -> bool {
            self.store.may_block()
        }

        fn after_fork(&self) -> Result<Option<Arc<dyn Backend>>> {
            self.store.after_fork()
        }

        fn close(&self, deadline: Duration) -> Reply<()> {
            self.store.close(deadline)
        }
    }
}
