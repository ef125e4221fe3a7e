//! [`OffThread`]: a store around a store whose calls may block, for callers whose thread must not.
//!
//! A question is asked on one of two threads of its own, a change is made on a third, so that no lookup waits where a store
//! has no room for further changes. A reply that is still on its way is handed on as it is: a store which gathers changes
//! can go on gathering them.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::{Backend, around::around};
use crate::{
    error::{Error, Reason, Result},
    fork,
    reply::Reply,
};

/// Lookups take microseconds: more threads than this would only wait for each other.
const ASKING: usize = 2;
/// Changes reach the store in the order in which they were made.
const CHANGING: usize = 1;
/// How many calls wait at most. Callers do not block, so what is too much is refused.
const QUEUED: usize = 65_536;

/// Makes the calls of another store on threads of its own, started by the first call and ended when it is dropped.
pub struct OffThread {
    store: Arc<dyn Backend>,
    asking: Arc<Threads>,
    changing: Arc<Threads>,
    /// The count of forks in the process that made it.
    forks: u64,
}

impl OffThread {
    /// Calls to `store`, off the caller's thread.
    #[must_use]
    pub fn new(store: Arc<dyn Backend>) -> Self {
        fork::watch();
        Self { store, asking: Threads::new(ASKING), changing: Threads::new(CHANGING), forks: fork::count() }
    }

    fn ask<T: Send + 'static>(&self, call: impl FnOnce(&dyn Backend) -> Reply<T> + Send + 'static) -> Reply<T> {
        self.call(&self.asking, call)
    }

    fn change<T: Send + 'static>(&self, call: impl FnOnce(&dyn Backend) -> Reply<T> + Send + 'static) -> Reply<T> {
        self.call(&self.changing, call)
    }

    fn record<A: Send + 'static, T: Send + 'static>(
        &self,
        audit: A,
        call: impl FnOnce(&dyn Backend, A) -> Reply<T> + Send + 'static,
    ) -> Reply<T> {
        self.change(move |store| call(store, audit))
    }

    fn call<T: Send + 'static>(
        &self,
        threads: &Arc<Threads>,
        call: impl FnOnce(&dyn Backend) -> Reply<T> + Send + 'static,
    ) -> Reply<T> {
        if fork::count() != self.forks {
            let message = "the store belongs to the parent process; a forked child opens its own";
            return Error::new(Reason::HandleClosed, message).into();
        }
        let store = Arc::clone(&self.store);
        let (reply, completer) = Reply::pending();
        let queued = threads.queue(Box::new(move || {
            let answer = catch_unwind(AssertUnwindSafe(|| call(&*store)));
            completer.complete(answer.map_err(|_| Error::new(Reason::Panicked, "a panic was caught in the store")));
        }));
        match queued {
            Ok(()) => reply.and_then(|answer| answer.unwrap_or_else(Reply::from)),
            Err(error) => error.into(),
        }
    }
}

impl Drop for OffThread {
    fn drop(&mut self) {
        // In a forked child the threads are not there, and their lock may be held for ever.
        if fork::count() == self.forks {
            for threads in [&self.asking, &self.changing] {
                threads.lock().closing = true;
                threads.work.notify_all();
            }
        }
    }
}

type Call = Box<dyn FnOnce() + Send>;

struct Threads {
    most: usize,
    /// The standard library's lock: what it needs lies in it, so that a child forked while others are locked can use its own.
    calls: Mutex<Calls>,
    work: Condvar,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<Call>,
    running: usize,
    closing: bool,
}

impl Threads {
    fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, calls: Mutex::default(), work: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        // Nothing panics while it is held.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(self: &Arc<Self>, call: Call) -> Result<()> {
        let mut calls = self.lock();
        if calls.waiting.len() >= QUEUED {
            return Err(Error::new(Reason::Busy, "too many calls are waiting for the store"));
        }
        while calls.running < self.most {
            let threads = Arc::clone(self);
            let started = thread::Builder::new().name("doorward-store".to_owned()).spawn(move || threads.run());
            match started {
                Ok(_) => calls.running = calls.running.saturating_add(1),
                // One is enough to go on with.
                Err(_) if calls.running > 0 => break,
                Err(error) => {
                    return Err(Error::new(Reason::StoreUnavailable, "no thread could be started").because(error));
                }
            }
        }
        calls.waiting.push_back(call);
        drop(calls);
        self.work.notify_one();
        Ok(())
    }

    /// Makes calls until the store is dropped and none waits any more.
    fn run(&self) {
        // Not marked as one that may not wait: the store that is called may be one that waits for another store.
        let mut calls = self.lock();
        loop {
            match calls.waiting.pop_front() {
                Some(call) => {
                    drop(calls);
                    // To answer is to wake a task, which is code of the host's executor.
                    let _ = catch_unwind(AssertUnwindSafe(call));
                    calls = self.lock();
                }
                None if calls.closing => return,
                None => calls = self.work.wait(calls).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

around! {
    OffThread {
        fn may_block(&self) -> bool {
            false
        }

        fn after_fork(&self) -> Result<Option<Arc<dyn Backend>>> {
            let inner = self.store.after_fork()?.unwrap_or_else(|| Arc::clone(&self.store));
            Ok(Some(Arc::new(Self::new(inner))))
        }

        fn close(&self, deadline: Duration) -> Reply<()> {
            self.change(move |store| store.close(deadline))
        }
    }
}
