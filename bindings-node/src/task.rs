//! Calls that are begun here and may be answered later, on another thread.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use doorward::{Error, Reason, Result};

/// Ends a panic in an error.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> Error {
    Error::new(Reason::Panicked, "a panic was caught")
}

/// The answer of a call that does not wait for others: it is there at the first poll.
pub(crate) fn now<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    caught(|| match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => Err(Error::new(Reason::Bug, "a blocking call did not wait for its answer")),
    })
}

/// Begins a call. The answer if it is there at once; else `later` gets it, on the thread that brings it, exactly once.
pub(crate) fn begin<T: Send + 'static>(
    call: impl Future<Output = Result<T>> + Send + 'static,
    later: impl FnOnce(Result<T>) + Send + 'static,
) -> Option<Result<T>> {
    let place = Arc::new(Mutex::new(Place::Beginning));
    let ended = Arc::clone(&place);
    let work = async move {
        let mut call = pin!(call);
        let answer = std::future::poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
            polled.unwrap_or_else(|_| Poll::Ready(Err(panicked())))
        });
        let answer = answer.await;
        let mut place = ended.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*place, Place::Beginning) {
            *place = Place::Here(answer);
        } else {
            drop(place);
            later(answer);
        }
    };
    // Run on the thread that has something new for it: this one first, then whichever brings the answer.
    let (runnable, task) = async_task::spawn(work, |runnable: async_task::Runnable| _ = runnable.run());
    task.detach();
    runnable.run();
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    match std::mem::replace(&mut *place, Place::Later) {
        Place::Here(answer) => Some(answer),
        Place::Beginning | Place::Later => None,
    }
}

/// Where the answer of a call goes.
enum Place<T> {
    /// To whoever began the call, who has not yet looked.
    Beginning,
    Here(Result<T>),
    /// To whoever is told later.
    Later,
}
