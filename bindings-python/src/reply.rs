//! Answers that are awaited. One that is there already costs its caller no round trip through the loop; one that is on its way
//! is awaited in a coroutine of `doorward._loops`, to which it comes through the mailbox of the loop.

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
    types::PyType,
};

use crate::{
    answer::Answer,
    error::{Trouble, guard, guarded, raise},
    mailbox::{Mailbox, Post},
    record::unpicklable,
};

/// An answer that is already here; to be awaited once, as a coroutine is.
#[pyclass(frozen, generic, module = "doorward.aio")]
pub(crate) struct Reply(Mutex<Option<PyResult<Py<PyAny>>>>);

impl Reply {
    fn take(&self) -> Option<PyResult<Py<PyAny>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How the awaiting ends: with the answer, or with an exception.
    fn end(&self) -> PyErr {
        match self.take() {
            // Whole, as the one argument: the answer may be a tuple.
            Some(Ok(answer)) => PyStopIteration::new_err((answer,)),
            Some(Err(error)) => error,
            None => PyRuntimeError::new_err("a reply is awaited once"),
        }
    }
}

#[pymethods]
impl Reply {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self) -> PyResult<Py<PyAny>> {
        Err(self.end())
    }

    /// As a coroutine's: ends at once with the answer.
    #[pyo3(signature = (value, /))]
    fn send(&self, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let _ = value;
        Err(self.end())
    }

    /// As a coroutine's: ends with this exception.
    #[pyo3(signature = (typ, val = None, tb = None, /))]
    fn throw(&self, typ: Bound<'_, PyAny>, val: Option<Bound<'_, PyAny>>, tb: Option<Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let (_, _) = (self.take(), tb);
        Err(match (typ.cast::<PyType>(), val) {
            (Ok(_), Some(value)) if value.is_instance(&typ)? => PyErr::from_value(value),
            (Ok(class), Some(value)) => PyErr::from_value(class.call1((value,))?),
            (Ok(class), None) => PyErr::from_value(class.call0()?),
            (Err(_), _) => PyErr::from_value(typ),
        })
    }

    /// As a coroutine's: forgets the answer.
    fn close(&self) {
        let _ = self.take();
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("a reply"))
    }
}

/// What becomes the answer once the interpreter is there to make it.
pub(crate) type Outcome = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// Where an operation that is under way leaves its outcome, on whichever thread it ends. No Python object is in here: those
/// threads never touch the interpreter, which may be gone by then.
#[derive(Default)]
struct Slot(Mutex<Delivery>);

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

/// An operation that is under way, for the coroutine that waits for it.
#[pyclass(frozen)]
pub(crate) struct Pending(Arc<Slot>);

#[pymethods]
impl Pending {
    /// Has the answer delivered to the future; false if it is here already.
    fn expect(&self, mailbox: &Bound<'_, Mailbox>, future: &Bound<'_, PyAny>) -> bool {
        let mut delivery = self.0.lock();
        if let Delivery::Ready(_) = *delivery {
            return false;
        }
        let (post, number) = mailbox.get().expect(future);
        *delivery = Delivery::Expected(post, number);
        true
    }

    /// The answer that is here.
    fn answer(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let outcome = self.0.take();
        outcome.map_or_else(|| Err(PyRuntimeError::new_err("the answer is not here")), |outcome| outcome(py))
    }
}

/// How far an operation has come.
pub(crate) enum Progress {
    Answered(PyResult<Py<PyAny>>),
    Underway(Pending),
}

/// Begins an operation on this thread; it goes on wherever its answer comes from.
pub(crate) fn begin<T: Answer>(
    py: Python<'_>,
    operation: impl Future<Output = doorward::Result<T>> + Send + 'static,
) -> Progress {
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
        Some(outcome) => Progress::Answered(outcome(py)),
        None => Progress::Underway(Pending(slot)),
    }
}

/// An answer that is here.
#[inline]
pub(crate) fn answered<T: Answer>(py: Python<'_>, answer: T) -> PyResult<Progress> {
    Ok(Progress::Answered(Ok(answer.give(py)?.unbind())))
}

/// What an asynchronous method gives. Its arguments' faults are part of the answer, but for wrong types, which are the
/// program's own: those are raised at once.
#[inline]
pub(crate) fn reply<'py>(py: Python<'py>, work: impl FnOnce() -> Result<Progress, Trouble>) -> PyResult<Bound<'py, PyAny>> {
    let answer = match guard(work) {
        Ok(Progress::Answered(answer)) => answer,
        Ok(Progress::Underway(pending)) => {
            static WAIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            return WAIT.import(py, "doorward._loops", "wait")?.call1((pending,));
        }
        Err(Trouble::Refused(error)) => Err(raise(py, &error)),
        Err(raised) => return Err(raised.raise(py)),
    };
    Ok(Bound::new(py, Reply(Mutex::new(Some(answer))))?.into_any())
}
