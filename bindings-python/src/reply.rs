//! Answers that are awaited. One that is there already costs its caller no round trip through the loop; one that is on its way
//! is delivered through the mailbox of the loop in which it is awaited.

use std::{
    future::Future,
    mem::replace,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use doorward::{Error, Reason};
use pyo3::{
    exceptions::{PyRuntimeError, PyStopIteration},
    prelude::*,
    sync::PyOnceLock,
    types::{PyTuple, PyType},
};

use crate::{
    answer::Answer,
    error::{Trouble, guard, guarded, raise},
    mailbox::{Mailbox, Post},
    record::unpicklable,
};

/// An answer that is already here or on its way; await it, once. The operation is under way from the call on: to cancel the
/// waiting cancels nothing of it.
#[pyclass(frozen, module = "doorward.aio")]
pub(crate) struct Reply(Mutex<State>);

pub(crate) enum State {
    Answered(PyResult<Py<PyAny>>),
    Underway(Arc<Slot>),
    /// It is awaited through the iterator of a future of the loop's.
    Awaited(Py<PyAny>),
    Spent,
}

/// What becomes the answer once the interpreter is there to make it.
pub(crate) type Outcome = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// Where an operation that is under way leaves its outcome, on whichever thread it ends. No Python object is in here: those
/// threads never touch the interpreter, which may be gone by then.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Delivery>);

#[derive(Default)]
enum Delivery {
    #[default]
    Nothing,
    /// The outcome is there, and nobody has asked for it.
    Ready(Outcome),
    /// It is waited for, under this number.
    Expected(Arc<Post>, u64),
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Delivery> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, outcome: Outcome) {
        let mut delivery = self.lock();
        match replace(&mut *delivery, Delivery::Nothing) {
            Delivery::Expected(post, number) => {
                drop(delivery);
                post.deliver(number, outcome);
            }
            _ => *delivery = Delivery::Ready(outcome),
        }
    }

    fn take(&self) -> Option<Outcome> {
        let mut delivery = self.lock();
        match replace(&mut *delivery, Delivery::Nothing) {
            Delivery::Ready(outcome) => Some(outcome),
            other => {
                *delivery = other;
                None
            }
        }
    }
}

/// Fills the slot in any case: an operation that is dropped before its end has an outcome too.
struct Filler(Option<Arc<Slot>>);

impl Filler {
    fn fill(mut self, outcome: Outcome) {
        if let Some(slot) = self.0.take() {
            slot.fill(outcome);
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            let error = Error::new(Reason::Abandoned, "the operation was dropped before it was answered");
            slot.fill(Box::new(move |py| Err(raise(py, &error))));
        }
    }
}

/// Begins an operation on this thread; it goes on wherever its answer comes from.
pub(crate) fn begin<T: Answer>(py: Python<'_>, operation: impl Future<Output = doorward::Result<T>> + Send + 'static) -> State {
    let slot = Arc::new(Slot::default());
    let filler = Filler(Some(Arc::clone(&slot)));
    let whole = async move {
        let answer = operation.await;
        filler.fill(Box::new(move |py| guarded(py, || Ok(answer?.give(py)?.unbind()))));
    };
    // Run on the thread that has something new for it: this one first, then whichever brings the answer.
    let (runnable, task) = async_task::spawn(whole, |runnable: async_task::Runnable| _ = runnable.run());
    task.detach();
    py.detach(|| runnable.run());
    match slot.take() {
        Some(outcome) => State::Answered(outcome(py)),
        None => State::Underway(slot),
    }
}

/// An answer that is here.
#[inline]
pub(crate) fn answered<T: Answer>(py: Python<'_>, answer: T) -> PyResult<State> {
    Ok(State::Answered(Ok(answer.give(py)?.unbind())))
}

/// What an asynchronous method gives. Its arguments' faults are part of the answer, but for wrong types, which are the
/// program's own: those are raised at once.
#[inline]
pub(crate) fn reply<'py>(py: Python<'py>, work: impl FnOnce() -> Result<State, Trouble>) -> PyResult<Bound<'py, PyAny>> {
    let state = match guard(work) {
        Ok(state) => state,
        Err(Trouble::Refused(error)) => State::Answered(Err(raise(py, &error))),
        Err(Trouble::Raised(error)) => return Err(error),
    };
    Ok(Bound::new(py, Reply(Mutex::new(state)))?.into_any())
}

impl Reply {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> State {
        replace(&mut *self.lock(), State::Spent)
    }

    /// Waits in the running loop: the iterator of a future of its own, or the outcome that came in the meantime.
    fn wait<'py>(py: Python<'py>, slot: &Slot) -> PyResult<Result<Bound<'py, PyAny>, Outcome>> {
        static EXPECT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let expect = EXPECT.import(py, "doorward._loops", "expect")?;
        let (mailbox, future) = expect.call0()?.extract::<(Bound<'py, Mailbox>, Bound<'py, PyAny>)>()?;
        let mut delivery = slot.lock();
        if let Delivery::Ready(_) = *delivery
            && let Delivery::Ready(outcome) = replace(&mut *delivery, Delivery::Nothing)
        {
            return Ok(Err(outcome));
        }
        let (post, number) = mailbox.get().expect(&future);
        *delivery = Delivery::Expected(post, number);
        drop(delivery);
        future.call_method0("__await__").map(Ok)
    }

    /// The iterator through which a reply that is on its way is awaited, or its end.
    fn step<'py>(slf: &Bound<'py, Self>, value: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let iterator = match slf.get().take() {
            State::Answered(answer) => return Err(ended(answer)),
            State::Underway(slot) => match Self::wait(py, &slot)? {
                Ok(iterator) => iterator,
                Err(outcome) => return Err(ended(outcome(py))),
            },
            State::Awaited(iterator) => iterator.into_bound(py),
            State::Spent => return Err(PyRuntimeError::new_err("a reply is awaited once")),
        };
        *slf.get().lock() = State::Awaited(iterator.clone().unbind());
        let value = value.unwrap_or_else(|| py.None().into_bound(py));
        iterator.call_method1("send", (value,))
    }
}

/// How an iterator ends: with its value, or with an error.
#[inline]
fn ended(answer: PyResult<Py<PyAny>>) -> PyErr {
    match answer {
        // Whole, as the one argument: the answer may be a tuple.
        Ok(answer) => PyStopIteration::new_err((answer,)),
        Err(error) => error,
    }
}

#[pymethods]
impl Reply {
    fn __await__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let state = slf.get().take();
        let back = |state| *slf.get().lock() = state;
        match state {
            State::Underway(slot) => match Self::wait(py, &slot) {
                Ok(Ok(iterator)) => return Ok(iterator),
                Ok(Err(outcome)) => back(State::Answered(outcome(py))),
                Err(error) => {
                    back(State::Underway(slot));
                    return Err(error);
                }
            },
            State::Spent => return Err(PyRuntimeError::new_err("a reply is awaited once")),
            state => back(state),
        }
        Ok(slf.into_any())
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::step(slf, None)
    }

    /// As a coroutine's: what runs tasks calls it.
    #[pyo3(signature = (value, /))]
    fn send<'py>(slf: &Bound<'py, Self>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Self::step(slf, Some(value))
    }

    /// As a coroutine's: ends the waiting with this exception.
    #[pyo3(signature = (typ, val = None, tb = None, /))]
    fn throw<'py>(
        slf: &Bound<'py, Self>,
        typ: Bound<'py, PyAny>,
        val: Option<Bound<'py, PyAny>>,
        tb: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match slf.get().take() {
            State::Awaited(iterator) => {
                *slf.get().lock() = State::Awaited(iterator.clone_ref(py));
                let arguments = [Some(typ), val, tb].into_iter().map_while(|argument| argument);
                iterator.bind(py).call_method1("throw", PyTuple::new(py, arguments.collect::<Vec<_>>())?)
            }
            _ => Err(match (typ.cast::<PyType>(), val) {
                (Ok(class), Some(value)) => PyErr::from_value(class.call1((value,))?),
                (Ok(class), None) => PyErr::from_value(class.call0()?),
                (Err(_), _) => PyErr::from_value(typ),
            }),
        }
    }

    /// As a coroutine's: ends the waiting. The operation goes on.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        match slf.get().take() {
            State::Awaited(iterator) => iterator.bind(py).call_method0("close").map(drop),
            _ => Ok(()),
        }
    }

    #[classmethod]
    #[pyo3(signature = (item, /))]
    fn __class_getitem__<'py>(class: &Bound<'py, PyType>, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        class.py().import("types")?.getattr("GenericAlias")?.call1((class, item))
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("a reply"))
    }
}
