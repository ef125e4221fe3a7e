//! What operations answer: from the core's types to Python's.

use doorward::Verdict;
use pyo3::{IntoPyObjectExt, prelude::*, types::PyList};

/// The answer of an operation.
pub(crate) trait Answer: Send + 'static {
    fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
}

impl Answer for () {
    fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(py.None().into_bound(py))
    }
}

impl Answer for u64 {
    fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        self.into_bound_py_any(py)
    }
}

impl<T: Answer> Answer for Option<T> {
    fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        self.map_or_else(|| ().give(py), |answer| answer.give(py))
    }
}

impl<T: Answer> Answer for Vec<T> {
    fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let items = self.into_iter().map(|item| item.give(py)).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, items)?.into_any())
    }
}

impl Answer for Verdict {
    #[inline]
    fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        crate::verdict::give(py, self)
    }
}
