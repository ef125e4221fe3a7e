//! From errors of the core to the exception classes of `doorward.errors`, and the guard in which every call runs.

use std::{
    error::Error as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

use doorward::{Error, ErrorKind, Reason};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyTuple, PyType},
};

use crate::rate_limit::RateLimitStatus;

/// Why a call gives no answer: what doorward says, an argument of a wrong type, or what else Python raises (an exception of the
/// caller's own code).
pub(crate) enum Trouble {
    Refused(Error),
    WrongType(Box<WrongType>),
    Raised(PyErr),
}

/// An argument of a wrong type.
pub(crate) struct WrongType {
    /// Which one; empty for an item of a list, whose place is put before it.
    field: String,
    /// What it must be, and is not.
    fault: String,
}

/// The error for an argument of a wrong type.
pub(crate) fn wrong_type(value: &Bound<'_, PyAny>, field: &str, expected: &str) -> Trouble {
    let found = value.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string());
    Trouble::WrongType(Box::new(WrongType { field: field.to_owned(), fault: format!("must {expected}, not {found}") }))
}

impl Trouble {
    /// Names what contains the blamed field; see [`Error::inside`].
    pub(crate) fn inside(self, container: &str) -> Self {
        match self {
            Self::Refused(error) => Self::Refused(error.inside(container)),
            Self::WrongType(mut wrong) => {
                let dot = if wrong.field.is_empty() || wrong.field.starts_with('[') { "" } else { "." };
                wrong.field = format!("{container}{dot}{}", wrong.field);
                Self::WrongType(wrong)
            }
            raised @ Self::Raised(_) => raised,
        }
    }

    /// The exception.
    pub(crate) fn raise(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Refused(error) => raise(py, &error),
            Self::WrongType(wrong) => PyTypeError::new_err(format!("{} {}", wrong.field, wrong.fault)),
            Self::Raised(error) => error,
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<PyErr> for Trouble {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

/// Ends a panic in `Internal`: a bug of this library reaches no host as `PanicException`, which no `except Exception` catches.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::new(Reason::Panicked, "a panic was caught").into()))
}

/// The same for what raises at once.
pub(crate) fn guarded<T>(py: Python<'_>, work: impl FnOnce() -> Result<T, Trouble>) -> PyResult<T> {
    guard(work).map_err(|trouble| trouble.raise(py))
}

/// The exception that tells of an error.
#[cold]
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).map_or_else(|failed| failed, PyErr::from_value)
}

fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        message.push_str(": ");
        message.push_str(&source.to_string());
        cause = source.source();
    }
    let retry_after = error.retry_after().map(|wait| wait.as_secs_f64());
    let rate_limit = error.rate_limit().map(|status| Bound::new(py, RateLimitStatus(status))).transpose()?;
    let arguments = (message, error.reason().as_str(), error.blamed_field(), error.operation(), retry_after, rate_limit);
    class(py, error.kind())?.call1(arguments)
}

fn class(py: Python<'_>, kind: ErrorKind) -> PyResult<Bound<'_, PyAny>> {
    static CLASSES: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let classes = CLASSES.get_or_try_init(py, || {
        let module = py.import("doorward.errors")?;
        let classes =
            ErrorKind::ALL.iter().map(|kind| module.getattr(format!("{kind}Error"))?.cast_into::<PyType>().map_err(PyErr::from));
        Ok::<_, PyErr>(PyTuple::new(py, classes.collect::<PyResult<Vec<_>>>()?)?.unbind())
    })?;
    let place = ErrorKind::ALL.iter().position(|known| *known == kind).unwrap_or_default();
    classes.bind(py).get_item(place)
}

/// The kinds of errors, as the core has them: name, number, HTTP status, and the reasons that belong to it.
#[pyfunction]
pub(crate) fn error_table() -> Vec<(&'static str, i32, u16, Vec<&'static str>)> {
    let reasons = |kind: ErrorKind| Reason::ALL.iter().filter(move |reason| reason.kind() == kind).map(|reason| reason.as_str());
    ErrorKind::ALL.iter().map(|kind| (kind.as_str(), kind.number(), kind.http_status(), reasons(*kind).collect())).collect()
}
