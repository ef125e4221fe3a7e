//! The store's own runtime: one thread, started at the first need, on which all its work is done.
//!
//! Work is brought as a closure that makes a future there, so that futures need not be `Send`; it goes on whether or not
//! whoever asked still waits. When the store is dropped the thread finishes what was begun and ends; nothing is ever shut
//! down inside a host's own runtime.

use std::{
    cell::Cell, future::Future, panic::AssertUnwindSafe, pin::pin, rc::Rc, sync::OnceLock, task::Poll, thread, time::Duration,
};

use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{Notify, mpsc},
};

use crate::{
    error::{Error, Reason, Result},
    reply::{self, Completer, Reply},
};

type Job = Box<dyn FnOnce(&Rc<Underway>) + Send>;

/// The thread, if it was started.
#[derive(Default)]
pub(super) struct Runtime {
    jobs: OnceLock<mpsc::UnboundedSender<Job>>,
}

impl Runtime {
    /// Does work on the store's thread, and answers when it is done. A panic ends in `Internal`.
    pub(super) fn run<T, F>(&self, work: impl FnOnce() -> F + Send + 'static) -> Reply<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        let (reply, completer) = Reply::pending();
        let begun = self.begin(move || async move {
            let answer = unpanicked(async move { work().await }).await;
            answer_with(completer, answer);
        });
        begun.map_or_else(Reply::from, |()| reply)
    }

    /// Does work on the store's thread; what comes of it, and its panics, are its own business. An error if there is no thread.
    pub(super) fn begin<F>(&self, work: impl FnOnce() -> F + Send + 'static) -> Result<()>
    where
        F: Future<Output = ()> + 'static,
    {
        self.submit(Box::new(move |underway| {
            let begun = Begun::new(underway);
            tokio::task::spawn_local(async move {
                work().await;
                drop(begun);
            });
        }))
    }

    /// Whether all that was begun ends within this time. Starts no thread.
    pub(super) fn finish(&self, limit: Duration) -> Reply<bool> {
        if self.jobs.get().is_none() {
            return Ok(true).into();
        }
        let (reply, completer) = Reply::pending();
        let waiting = self.submit(Box::new(move |underway| {
            let underway = Rc::clone(underway);
            tokio::task::spawn_local(async move {
                let ended = tokio::time::timeout(limit, underway.ended()).await.is_ok();
                answer_with(completer, Ok(ended));
            });
        }));
        waiting.map_or_else(Reply::from, |()| reply)
    }

    fn submit(&self, job: Job) -> Result<()> {
        let jobs = match self.jobs.get() {
            Some(jobs) => jobs,
            None => {
                let started = spawn()?;
                // Who comes second lets go of its own thread, which ends at once.
                self.jobs.get_or_init(|| started)
            }
        };
        jobs.send(job).map_err(|_| Error::new(Reason::Bug, "the store's thread has ended"))
    }
}

fn spawn() -> Result<mpsc::UnboundedSender<Job>> {
    let unavailable =
        |error: std::io::Error| Error::new(Reason::StoreUnavailable, "the store's thread could not be started").because(error);
    let (sender, receiver) = mpsc::unbounded_channel();
    let (told, started) = std::sync::mpsc::sync_channel(1);
    let serve = move || {
        reply::mark_own_thread();
        // Made here, since it stays on its thread.
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                let _ = told.send(Ok(()));
                runtime.block_on(serve(receiver));
            }
            Err(error) => drop(told.send(Err(error))),
        }
    };
    thread::Builder::new().name("doorward-postgres".to_owned()).spawn(serve).map_err(unavailable)?;
    match started.recv() {
        Ok(Ok(())) => Ok(sender),
        Ok(Err(error)) => Err(unavailable(error)),
        Err(_) => Err(Error::new(Reason::Bug, "the store's thread ended before it began")),
    }
}

async fn serve(mut jobs: mpsc::UnboundedReceiver<Job>) {
    let underway = Rc::default();
    while let Some(job) = jobs.recv().await {
        job(&underway);
    }
    underway.ended().await;
}

/// How much was begun and has not ended.
#[derive(Default)]
struct Underway {
    count: Cell<usize>,
    none: Notify,
}

impl Underway {
    async fn ended(&self) {
        while self.count.get() > 0 {
            self.none.notified().await;
        }
    }
}

struct Begun(Rc<Underway>);

impl Begun {
    fn new(underway: &Rc<Underway>) -> Self {
        underway.count.set(underway.count.get().saturating_add(1));
        Self(Rc::clone(underway))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get().saturating_sub(1));
        if self.0.count.get() == 0 {
            // Closing and ending may both wait for it.
            self.0.none.notify_waiters();
        }
    }
}

/// The future's answer, or `Internal` if it panics.
pub(super) async fn unpanicked<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(Error::new(Reason::Panicked, "a panic was caught in the store"))))
    })
    .await
}

/// Gives an answer. That wakes a task, which is code of the host's executor: its panic must not end this thread.
pub(super) fn answer_with<T>(completer: Completer<T>, answer: Result<T>) {
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| completer.complete(answer)));
}
