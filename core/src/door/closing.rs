//! Closing a handle: further calls are refused at once; what was gathered is written, the store is closed and the audit sink
//! gets what is left, on a thread of its own, whether or not anybody still waits for it. Whoever closes waits no longer than its deadline, and may close
//! again to wait, or to have done, what was left.

use std::{
    sync::{
        Arc, Condvar, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    engine::{Engine, guarded},
    sink::Sink,
};
use crate::{
    error::{Error, ErrorKind, Reason, Result},
    lock::Lock,
    reply::{self, Reply},
};

/// How far the closing of an engine has come.
#[derive(Default)]
pub(super) struct Closing {
    begun: AtomicBool,
    progress: Lock<Progress>,
    ended: Condvar,
}

#[derive(Default)]
struct Progress {
    at_work: bool,
    /// By when the most patient of those who closed would have it done.
    until: Option<Instant>,
    /// How the last attempt ended.
    outcome: Option<Result<()>>,
    /// How the store was closed, once it is.
    closed: Option<Result<()>>,
    /// The store is closed, and the audit sink has everything.
    done: bool,
}

impl Closing {
    /// `Closed` once closing has begun.
    #[inline]
    pub(super) fn check_open(&self) -> Result<()> {
        if self.begun.load(Ordering::Relaxed) {
            return Err(Error::new(Reason::HandleClosed, "the handle was closed"));
        }
        Ok(())
    }

    /// Waits until an attempt has ended.
    fn wait(&self, until: Instant) -> Result<()> {
        reply::refuse_on_own_thread()?;
        let mut progress = self.progress.lock();
        while progress.at_work {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late());
            }
            progress = self.ended.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        match &progress.outcome {
            Some(Err(error)) => Err(error.again()),
            _ => Ok(()),
        }
    }
}

impl Engine {
    /// Refuses further calls, writes what was gathered, and closes the store. Blocks until that is done or the deadline has
    /// passed.
    pub(super) fn close(self: &Arc<Self>, deadline: Duration) -> Result<()> {
        if self.sink.as_ref().is_some_and(Sink::is_own_thread) {
            return Err(Error::new(Reason::WouldDeadlock, "closing waits for the audit sink, which cannot wait for itself"));
        }
        let until = instant(deadline);
        if self.begin_closing(until)? { self.closing.wait(until) } else { Ok(()) }
    }

    /// The same without blocking.
    pub(super) fn close_async(self: &Arc<Self>, deadline: Duration) -> Reply<()> {
        let until = instant(deadline);
        match self.begin_closing(until) {
            Ok(true) => {}
            ended => return ended.map(|_| ()).into(),
        }
        let (reply, completer) = Reply::pending();
        let engine = Arc::clone(self);
        match start(move || completer.complete(engine.closing.wait(until))) {
            Ok(()) => reply,
            Err(error) => error.into(),
        }
    }

    /// `false` if all is done already.
    fn begin_closing(self: &Arc<Self>, until: Instant) -> Result<bool> {
        self.closing.begun.store(true, Ordering::Relaxed);
        self.housekeeper.stop();
        let mut progress = self.closing.progress.lock();
        if progress.done {
            return Ok(false);
        }
        progress.until = progress.until.max(Some(until));
        if !progress.at_work {
            let engine = Arc::clone(self);
            start(move || engine.attempt_closing())?;
            progress.at_work = true;
        }
        Ok(true)
    }

    fn attempt_closing(&self) {
        let mut progress = self.closing.progress.lock();
        let mut closed = progress.closed.take();
        drop(progress);
        // After the calls that were begun, where those wait in a queue.
        let backend = self.begun_backend();
        let flushed = if closed.is_none() { guarded(|| self.flush(backend).wait()) } else { Ok(()) };
        progress = self.closing.progress.lock();
        let ended = loop {
            let until = progress.until;
            let Some(deadline) = until.filter(|until| *until > Instant::now()) else {
                // Not closed: what could not be written may still be, by closing again.
                break Err(late());
            };
            drop(progress);
            let ended = self.close_by(deadline, &mut closed);
            progress = self.closing.progress.lock();
            // Someone may have come meanwhile who is more patient.
            if ended.is_ok() || progress.until == until {
                break ended;
            }
        };
        progress.at_work = false;
        // Whatever else could not be written is reported, and the store is closed all the same.
        progress.done = ended.is_ok();
        progress.outcome = Some(match (ended, closed) {
            (Ok(()), closed) => flushed.and(closed.unwrap_or(Ok(()))),
            (Err(late), None) => flushed.and(Err(late)),
            (Err(late), Some(closed)) => {
                progress.closed = Some(flushed.and(closed));
                Err(late)
            }
        });
        drop(progress);
        self.closing.ended.notify_all();
    }

    /// Closes the store, if it is not closed yet, and ends the audit sink. An error means that the time was too short.
    fn close_by(&self, until: Instant, closed: &mut Option<Result<()>>) -> Result<()> {
        let left = || until.saturating_duration_since(Instant::now());
        if closed.is_none() {
            let ended = guarded(|| self.begun_backend().close(left()).wait());
            if is_unavailable(&ended) {
                return ended;
            }
            *closed = Some(ended);
        }
        if self.sink.as_ref().is_none_or(|sink| sink.end(until)) { Ok(()) } else { Err(late()) }
    }
}

fn is_unavailable(closed: &Result<()>) -> bool {
    matches!(closed, Err(error) if error.kind() == ErrorKind::Unavailable)
}

fn instant(deadline: Duration) -> Instant {
    // What a clock cannot express is as good as for ever.
    const FOREVER: Duration = Duration::from_secs(1 << 30);
    let now = Instant::now();
    now.checked_add(deadline).or_else(|| now.checked_add(FOREVER)).unwrap_or(now)
}

fn start(work: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = thread::Builder::new().name("doorward-close".to_owned()).spawn(work);
    started.map(drop).map_err(|error| Error::new(Reason::StoreUnavailable, "no thread could be started").because(error))
}

fn late() -> Error {
    Error::new(Reason::StoreUnavailable, "the handle could not be closed in time; closing again goes on with it")
}
