//! Lists come in pages.

use doorward::Page as Part;
use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyIterator, PyList, PyTuple},
};

use crate::{
    answer::Answer,
    record::{hash, reduce, repr},
};

/// A part of a list, and where the next part begins. `len` and iteration are those of its items.
#[pyclass(frozen, get_all, generic, module = "doorward")]
pub(crate) struct Page {
    /// The items, in the order that was asked for.
    items: Py<PyTuple>,
    /// The cursor of the next page; `None` on the last one. Opaque.
    next: Option<String>,
}

impl Page {
    const FIELDS: &[&str] = &["items", "next"];

    pub(crate) fn restore<'py>(fields: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let (items, next) = fields.extract()?;
        Ok(Bound::new(fields.py(), Self { items, next })?.into_any())
    }
}

#[pymethods]
impl Page {
    #[classattr]
    fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        PyTuple::new(py, Self::FIELDS)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.items.bind(py).as_any().len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.items.bind(py).try_iter()
    }

    fn __eq__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let Ok(other) = other.cast::<Self>() else { return Ok(py.NotImplemented().into_bound(py)) };
        let equal = self.next == other.get().next && self.items.bind(py).eq(&other.get().items)?;
        Ok(PyBool::new(py, equal).to_owned().into_any())
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(hash(&(self.items.bind(py).hash()?, &self.next)))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        repr(slf.as_any(), Self::FIELDS)
    }

    /// The page as JSON has it.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let items = self.items.bind(py).iter().map(|item| item.call_method0("to_dict")).collect::<PyResult<Vec<_>>>()?;
        let page = PyDict::new(py);
        page.set_item("items", PyList::new(py, items)?)?;
        page.set_item("next", &self.next)?;
        Ok(page)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        reduce(slf.as_any(), "Page", Self::FIELDS)
    }
}

impl<T: Answer> Answer for Part<T> {
    fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let items = self.items.into_iter().map(|item| item.give(py)).collect::<PyResult<Vec<_>>>()?;
        let page = Page { items: PyTuple::new(py, items)?.unbind(), next: self.next.map(|cursor| cursor.to_string()) };
        Ok(Bound::new(py, page)?.into_any())
    }
}
