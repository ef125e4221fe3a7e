//! [`Faults`]: a store around a store that fails on command.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use crate::lock::Lock;

use crate::{
    error::{Error, Reason},
    reply::Reply,
    store::{Backend, around::around},
};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is answered with an error of this reason, and the store is not asked.
    Fail(Reason),
    /// It panics in the caller's thread, and the store is not asked.
    Panic,
    /// It is begun and dropped: its reply ends as `Internal` / `abandoned`.
    Abandon,
    /// It is not answered before [`Faults::heal`], and then with `Unavailable`.
    Silence,
    /// It blocks its caller for this time, and is then answered by the store.
    Stall(Duration),
}

/// A store around a store: every call passes through, until it is told that something goes wrong.
pub struct Faults {
    store: Arc<dyn Backend>,
    plan: Lock<Plan>,
}

#[derive(Default)]
struct Plan {
    next: Option<Fault>,
    all: Option<Fault>,
    unanswered: Vec<Box<dyn Any + Send>>,
}

impl Faults {
    /// A store that does what this one does.
    #[must_use]
    pub fn around(store: Arc<dyn Backend>) -> Self {
        Self { store, plan: Lock::default() }
    }

    /// Lets the next call go wrong, whichever it is.
    pub fn fail_next(&self, fault: Fault) {
        self.plan.lock().next = Some(fault);
    }

    /// Lets every call go wrong, until [`heal`](Self::heal).
    pub fn fail_all(&self, fault: Fault) {
        self.plan.lock().all = Some(fault);
    }

    /// Lets every further call pass, and ends the silence of earlier ones.
    pub fn heal(&self) {
        // Dropped after the lock is free: whoever waits may call again at once.
        let _unanswered = std::mem::take(&mut *self.plan.lock());
    }

    fn change<T: Send + 'static>(&self, pass: impl FnOnce(&dyn Backend) -> Reply<T>) -> Reply<T> {
        self.ask(pass)
    }

    fn record<A, T: Send + 'static>(&self, audit: A, pass: impl FnOnce(&dyn Backend, A) -> Reply<T>) -> Reply<T> {
        self.ask(move |store| pass(store, audit))
    }

    fn ask<T: Send + 'static>(&self, pass: impl FnOnce(&dyn Backend) -> Reply<T>) -> Reply<T> {
        let fault = {
            let mut plan = self.plan.lock();
            plan.next.take().or(plan.all)
        };
        match fault {
            None => pass(&*self.store),
            Some(Fault::Fail(reason)) => Reply::from(Error::new(reason, "this call was told to fail")),
            // Without the panic hook: a panic that was asked for is no news.
            Some(Fault::Panic) => std::panic::resume_unwind(Box::new("this call was told to panic")),
            Some(Fault::Abandon) => Reply::pending().0,
            Some(Fault::Silence) => {
                let (reply, completer) = Reply::<()>::pending();
                self.plan.lock().unanswered.push(Box::new(completer));
                reply.then(|_| Err(Error::new(Reason::StoreUnavailable, "this call was told to be silent")))
            }
            Some(Fault::Stall(time)) => {
                std::thread::sleep(time);
                pass(&*self.store)
            }
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan.lock();
        f.debug_struct("Faults").field("next", &plan.next).field("all", &plan.all).finish_non_exhaustive()
    }
}

around! {
    Faults {
        fn may_block(&self) -> bool {
            // It may be told to stall.
            true
        }

        fn after_fork(&self) -> Result<Option<Arc<dyn Backend>>> {
            Ok(self.store.after_fork()?.map(|store| Arc::new(Self::around(store)) as Arc<dyn Backend>))
        }

        fn close(&self, deadline: Duration) -> Reply<()> {
            self.ask(move |store| store.close(deadline))
        }
    }
}
