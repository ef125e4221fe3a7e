//! What authentication answers: who the caller is, or why it is not let in.

use std::time::Duration;

use doorward::{Reason, Verdict};
use pyo3::{prelude::*, types::PyTuple};

use crate::{
    record::{self, records, unpicklable},
    word::Word,
};

records! {
    /// Who the caller is. Only authentication makes one; it can be written as JSON, and neither be read back nor pickled.
    kept AuthContext(doorward::AuthContext) {
        /// What the caller may do.
        role: |record| &record.role(),
        /// The institution to which the caller belongs; `None` for root.
        institution_id: |record| &record.institution_id().cloned(),
        /// The caller's key; `None` for root.
        api_key_id: |record| &record.api_key_id().cloned(),
    }

    /// The answer of `admit`: who the caller is, and what the policy says.
    kept Admission(doorward::Admission) {
        /// Who the caller is.
        context: |record| &record.context,
        /// What the policy says about the position.
        decision: |record| &record.decision,
    }
}

/// The caller is known and its key is good. True.
#[pyclass(frozen, eq, module = "doorward")]
#[derive(PartialEq)]
pub(crate) struct Granted(doorward::AuthContext);

#[pymethods]
impl Granted {
    #[classattr]
    fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        PyTuple::new(py, ["context"])
    }

    /// Who the caller is.
    #[getter]
    fn context(&self) -> AuthContext {
        AuthContext(self.0.clone())
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __hash__(&self) -> u64 {
        record::hash(&self.0)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        record::repr(slf.as_any(), &["context"])
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("a verdict"))
    }
}

/// The caller is not let in. False.
#[pyclass(frozen, eq, module = "doorward")]
#[derive(PartialEq)]
pub(crate) struct Refused(Reason, Option<Duration>);

#[pymethods]
impl Refused {
    #[classattr]
    fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        PyTuple::new(py, ["reason"])
    }

    /// Why: for the host; a remote caller is told no more than "missing" or "invalid API key".
    #[getter]
    fn reason(&self) -> &'static str {
        self.0.as_str()
    }

    /// After how many seconds the caller may come again, if it comes too often.
    #[getter]
    fn retry_after(&self) -> Option<f64> {
        self.1.map(|wait| wait.as_secs_f64())
    }

    /// The kind to which the reason belongs: `Unauthenticated`, or that of what the store answered.
    #[getter]
    fn kind(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.0.kind().member(py)
    }

    /// The status that an HTTP gateway answers with.
    #[getter]
    fn http_status(&self) -> u16 {
        self.0.kind().http_status()
    }

    fn __bool__(&self) -> bool {
        false
    }

    fn __hash__(&self) -> u64 {
        record::hash(&(self.0, self.1))
    }

    fn __repr__(&self) -> String {
        match self.1 {
            Some(wait) => format!("Refused(reason='{}', retry_after={})", self.0, wait.as_secs_f64()),
            None => format!("Refused(reason='{}')", self.0),
        }
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("a verdict"))
    }
}

/// The verdict as an object that holds the core's: what of it is looked at is converted then.
#[inline]
pub(crate) fn give(py: Python<'_>, verdict: Verdict) -> PyResult<Bound<'_, PyAny>> {
    match verdict {
        Verdict::Granted(context) => Ok(Bound::new(py, Granted(context))?.into_any()),
        Verdict::RateLimited(wait) => Ok(Bound::new(py, Refused(Reason::TooManyRequests, Some(wait)))?.into_any()),
        Verdict::Refused(reason) => Ok(Bound::new(py, Refused(reason, None))?.into_any()),
    }
}
