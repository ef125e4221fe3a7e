//! [`Reply`]: a result that is already here or on its way.
//!
//! One set of store traits serves callers that block and callers that await. A plain synchronous store answers
//! `Reply::from(result)`, which allocates nothing; a store with threads or a runtime of its own makes a pair with
//! [`Reply::pending`], keeps the [`Completer`], and fulfils it when the answer is there.
//!
//! ```
//! use doorward::Reply;
//!
//! let (reply, completer) = Reply::pending();
//! std::thread::spawn(move || completer.complete(Ok(42)));
//! assert_eq!(reply.wait()?, 42);
//! # Ok::<(), doorward::Error>(())
//! ```

use std::{
    cell::Cell,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use crate::error::{Error, Reason, Result};

/// A `Result<T>` that is ready, or will be: [`wait`](Reply::wait) for it on any thread, or `.await` it on any executor.
///
/// Dropping a reply cancels nothing: what the store was asked to do is done or fails as a whole.
#[must_use = "a reply does nothing for its caller until it is waited for or awaited"]
pub struct Reply<T>(State<T>);

enum State<T> {
    Ready(Result<T>),
    Pending(Box<dyn Pending<T>>),
    /// The answer was taken; only a future that is polled again after it was ready meets this.
    Taken,
}

/// Something that will have an answer: the slot of a completer, or a step that follows another reply.
trait Pending<T>: Send {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<T>>;
    fn wait(self: Box<Self>) -> Result<T>;
}

impl<T: Send + 'static> Reply<T> {
    /// A reply that is on its way, and the completer that fulfils it.
    pub fn pending() -> (Self, Completer<T>) {
        Self::pending_at(Arc::default())
    }

    /// The same, for one of many that are fulfilled together: see [`Gate`].
    pub(crate) fn pending_at(gate: Arc<Gate>) -> (Self, Completer<T>) {
        let slot = Arc::new(Slot { state: Mutex::new(SlotState { answer: None, waker: None }), gate });
        (Self(State::Pending(Box::new(Arc::clone(&slot)))), Completer { slot: Some(slot) })
    }

    /// Blocks the calling thread until the answer is there. Works on any thread, a worker of an async runtime included.
    ///
    /// # Errors
    /// What the store answered; `Internal` when called on one of doorward's own threads, which would wait for itself.
    #[inline]
    pub fn wait(self) -> Result<T> {
        match self.0 {
            State::Ready(answer) => answer,
            State::Pending(pending) => {
                refuse_on_own_thread()?;
                pending.wait()
            }
            State::Taken => Err(taken()),
        }
    }

    /// Applies `step` to the answer: at once if it is here, else when it has come.
    #[inline]
    pub fn then<U: Send + 'static>(self, step: impl FnOnce(Result<T>) -> Result<U> + Send + 'static) -> Reply<U> {
        match self.0 {
            State::Ready(answer) => Reply(State::Ready(step(answer))),
            State::Pending(first) => {
                Reply(State::Pending(Box::new(Then { first, step: Some(|answer| Reply::from(step(answer))), second: None })))
            }
            State::Taken => Reply::from(step(Err(taken()))),
        }
    }

    /// Applies `step` to a successful answer.
    #[inline]
    pub fn map<U: Send + 'static>(self, step: impl FnOnce(T) -> Result<U> + Send + 'static) -> Reply<U> {
        self.then(|answer| answer.and_then(step))
    }

    /// Goes on with another reply once this one is here.
    #[inline]
    pub fn and_then<U: Send + 'static>(self, step: impl FnOnce(Result<T>) -> Reply<U> + Send + 'static) -> Reply<U> {
        match self.0 {
            State::Ready(answer) => step(answer),
            State::Pending(first) => Reply(State::Pending(Box::new(Then { first, step: Some(step), second: None }))),
            State::Taken => step(Err(taken())),
        }
    }

    /// Has the answer seen as soon as it is here, by whoever brings it, whether or not anybody waits for it.
    pub(crate) fn seen(self, see: impl FnOnce(&Result<T>) + Send + 'static) -> Self {
        if let State::Ready(answer) = &self.0 {
            see(answer);
            return self;
        }
        let (reply, completer) = Self::pending();
        Arc::new(Errand(Mutex::new(Leg::Waiting(Trip { reply: self, see, completer })))).wake();
        reply
    }

    /// Whether the answer is here, so that [`wait`](Self::wait) returns at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !matches!(self.0, State::Pending(_))
    }
}

impl<T> From<Result<T>> for Reply<T> {
    #[inline]
    fn from(answer: Result<T>) -> Self {
        Self(State::Ready(answer))
    }
}

impl<T> From<Error> for Reply<T> {
    fn from(error: Error) -> Self {
        Self(State::Ready(Err(error)))
    }
}

// A reply owns its answer and hands it out whole; nothing in it is ever pinned.
impl<T> Unpin for Reply<T> {}

impl<T> Future for Reply<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match std::mem::replace(&mut self.0, State::Taken) {
            State::Ready(answer) => Poll::Ready(answer),
            State::Pending(mut pending) => {
                let polled = pending.poll(context);
                if polled.is_pending() {
                    self.0 = State::Pending(pending);
                }
                polled
            }
            State::Taken => Poll::Ready(Err(taken())),
        }
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The answer may hold a record that is nobody's business in a log.
        f.write_str(match self.0 {
            State::Ready(_) => "Reply(ready)",
            State::Pending(_) => "Reply(pending)",
            State::Taken => "Reply(taken)",
        })
    }
}

/// The other end of a pending [`Reply`]: fulfils it, once. Dropped unfulfilled, it answers `Internal`.
pub struct Completer<T> {
    slot: Option<Arc<Slot<T>>>,
}

impl<T> Completer<T> {
    /// Gives the answer to whoever waits, now or later.
    pub fn complete(mut self, answer: Result<T>) {
        if let Some(slot) = self.slot.take() {
            slot.fill(answer);
            slot.gate.open();
        }
    }

    /// Gives the answer to whoever awaits it. A thread finds it once the gate is opened.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite's writer answers many at once"))]
    pub(crate) fn complete_behind_gate(mut self, answer: Result<T>) {
        if let Some(slot) = self.slot.take() {
            slot.fill(answer);
        }
    }
}

impl<T> Drop for Completer<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.fill(Err(Error::new(Reason::Abandoned, "the operation was dropped before it was answered")));
            slot.gate.open();
        }
    }
}

impl<T> fmt::Debug for Completer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Completer")
    }
}

/// Where threads wait for their answers. Those whose answers come together share one: to wake many threads by one call of the
/// system costs a fraction of waking each of them, and what it costs is taken from whoever answers.
///
/// The standard library's lock, which is nothing but a word: parking_lot keeps a table for the whole process, and a thread
/// that is at it during a fork leaves it locked in the child, where waiting would never end.
#[derive(Default)]
pub(crate) struct Gate {
    lock: Mutex<()>,
    opened: Condvar,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the threads look for their answers.
    pub(crate) fn open(&self) {
        // Whoever found none before it was given is waiting by now, and will be woken.
        drop(self.lock());
        self.opened.notify_all();
    }
}

struct Slot<T> {
    state: Mutex<SlotState<T>>,
    gate: Arc<Gate>,
}

struct SlotState<T> {
    answer: Option<Result<T>>,
    waker: Option<Waker>,
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, SlotState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, answer: Result<T>) {
        let waker = {
            let mut state = self.lock();
            state.answer = Some(answer);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T: Send> Pending<T> for Arc<Slot<T>> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<T>> {
        let mut state = self.lock();
        if let Some(answer) = state.answer.take() {
            return Poll::Ready(answer);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    fn wait(self: Box<Self>) -> Result<T> {
        let mut gate = self.gate.lock();
        loop {
            if let Some(answer) = self.lock().answer.take() {
                return answer;
            }
            gate = self.gate.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A step that runs when the first reply is here, and the reply that it leads to.
struct Then<T, U, F> {
    first: Box<dyn Pending<T>>,
    step: Option<F>,
    second: Option<Reply<U>>,
}

impl<T, U, F> Pending<U> for Then<T, U, F>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<T>) -> Reply<U> + Send + 'static,
{
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<U>> {
        if let Some(step) = self.step.take() {
            match self.first.poll(context) {
                Poll::Ready(answer) => self.second = Some(step(answer)),
                Poll::Pending => {
                    self.step = Some(step);
                    return Poll::Pending;
                }
            }
        }
        match &mut self.second {
            Some(second) => Pin::new(second).poll(context),
            None => Poll::Ready(Err(taken())),
        }
    }

    fn wait(self: Box<Self>) -> Result<U> {
        match (self.step, self.second) {
            (Some(step), _) => step(self.first.wait()).wait(),
            (None, Some(second)) => second.wait(),
            (None, None) => Err(taken()),
        }
    }
}

/// Fetches an answer, shows it, and hands it on: driven by whoever has something new for it.
struct Errand<T, F>(Mutex<Leg<T, F>>);

enum Leg<T, F> {
    /// Nobody is at it.
    Waiting(Trip<T, F>),
    /// Somebody is at it, and has to look again if it was `woken` meanwhile.
    Under {
        woken: bool,
    },
    Done,
}

struct Trip<T, F> {
    reply: Reply<T>,
    see: F,
    completer: Completer<T>,
}

impl<T, F> Errand<T, F> {
    fn lock(&self) -> MutexGuard<'_, Leg<T, F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the trip up, if nobody else is at it.
    fn take(&self) -> Option<Trip<T, F>> {
        let mut leg = self.lock();
        match std::mem::replace(&mut *leg, Leg::Under { woken: false }) {
            Leg::Waiting(trip) => Some(trip),
            Leg::Under { .. } => {
                *leg = Leg::Under { woken: true };
                None
            }
            Leg::Done => {
                *leg = Leg::Done;
                None
            }
        }
    }

    /// Lays the trip down; gives it back if there is something new already.
    fn lay_down(&self, trip: Trip<T, F>) -> Option<Trip<T, F>> {
        let mut leg = self.lock();
        if let Leg::Under { woken: woken @ true } = &mut *leg {
            *woken = false;
            return Some(trip);
        }
        *leg = Leg::Waiting(trip);
        None
    }
}

impl<T: Send + 'static, F: FnOnce(&Result<T>) + Send + 'static> Wake for Errand<T, F> {
    fn wake(self: Arc<Self>) {
        let mut next = self.take();
        let waker = Waker::from(Arc::clone(&self));
        while let Some(mut trip) = next {
            // A step of a store's own runs here, perhaps on the one thread that answers everybody.
            let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut trip.reply).poll(&mut Context::from_waker(&waker))));
            match polled.unwrap_or_else(|_| Poll::Ready(Err(Error::new(Reason::Panicked, "a panic was caught in the store")))) {
                Poll::Ready(answer) => {
                    *self.lock() = Leg::Done;
                    (trip.see)(&answer);
                    trip.completer.complete(answer);
                    return;
                }
                Poll::Pending => next = self.lay_down(trip),
            }
        }
    }
}

thread_local! {
    static OWN_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Marks the calling thread as one that answers replies, on which waiting for one would never end.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    expect(dead_code, reason = "only stores with threads of their own have such threads")
)]
pub(crate) fn mark_own_thread() {
    OWN_THREAD.set(true);
}

/// Refuses to block on such a thread.
pub(crate) fn refuse_on_own_thread() -> Result<()> {
    if OWN_THREAD.get() {
        return Err(Error::new(Reason::WouldDeadlock, "a blocking call on doorward's own thread would wait for itself"));
    }
    Ok(())
}

fn taken() -> Error {
    Error::new(Reason::Bug, "the answer of this reply was taken already")
}
