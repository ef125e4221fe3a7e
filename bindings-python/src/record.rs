//! What all records have in common: frozen classes around the core's records, whose fields are converted when they are read.

use std::hash::{DefaultHasher, Hash, Hasher};

use doorward::{Error, Reason};
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyTuple,
};
use serde::Serialize;

use crate::{document, error::raise};

/// The JSON text of a record.
pub(crate) fn json(py: Python<'_>, record: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(record).map_err(|error| not_json(py, error))
}

/// The JSON of a record as a dict.
pub(crate) fn dict<'py>(py: Python<'py>, record: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let value = serde_json::to_value(record).map_err(|error| not_json(py, error))?;
    document::to_python(py, &value)
}

fn not_json(py: Python<'_>, error: serde_json::Error) -> PyErr {
    raise(py, &Error::new(Reason::Bug, "the answer is not JSON").because(error))
}

/// A hash of the whole: equal records print as the same.
pub(crate) fn hash(record: &impl std::fmt::Debug) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{record:?}").hash(&mut hasher);
    hasher.finish()
}

/// `Name(field=value, …)`. The hash of a token is left out: of a token that people chose it would tell too much.
pub(crate) fn repr(object: &Bound<'_, PyAny>, names: &[&str]) -> PyResult<String> {
    let shown = names.iter().filter(|name| **name != "key_hash");
    let shown = shown.map(|name| Ok(format!("{name}={}", shown_value(&object.getattr(*name)?)?)));
    Ok(format!("{}({})", object.get_type().name()?, shown.collect::<PyResult<Vec<_>>>()?.join(", ")))
}

/// Words are shown as their texts, which do as well wherever one is asked for; times as they are written everywhere.
fn shown_value(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_instance_of::<pyo3::types::PyString>() {
        return Ok(value.py().get_type::<pyo3::types::PyString>().call_method1("__repr__", (value,))?.to_string());
    }
    if value.is_instance_of::<pyo3::types::PyDateTime>() {
        return Ok(value.call_method1("isoformat", (" ", "milliseconds"))?.to_string());
    }
    Ok(value.repr()?.to_string())
}

/// The exception of what must not be pickled.
pub(crate) fn unpicklable(what: &str) -> PyErr {
    PyTypeError::new_err(format!("{what} cannot be pickled or copied"))
}

/// Makes a record of its fields again.
pub(crate) type Restore = for<'py> fn(&Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>>;

/// Called by `pickle`: makes a record of its fields again.
#[pyfunction(name = "_restore")]
pub(crate) fn restore<'py>(name: &str, fields: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let known = crate::RECORDS.iter().find(|(known, _)| *known == name);
    let (_, restore) = known.ok_or_else(|| PyValueError::new_err(format!("there is no record {name}")))?;
    restore(fields)
}

/// Declares records: their class, where each field is in the core's record, and whether they may be pickled.
///
/// `plain Name(core type) { … } => |fields| …` can be pickled, `kept Name(core type) { … }` cannot; `+ { … }` adds methods.
macro_rules! records {
    ($(
        $(#[$doc:meta])*
        $kind:ident $name:ident($core:ty) {
            $( $(#[$field_doc:meta])* $field:ident: |$record:ident| $place:expr, )*
        }
        $(=> |$fields:ident| $restored:expr;)?
        $(+ { $($more:tt)* })?
    )*) => { $(
        $(#[$doc])*
        #[pyclass(frozen, eq, module = "doorward")]
        #[derive(PartialEq)]
        pub(crate) struct $name(pub(crate) $core);

        impl $name {
            const FIELDS: &[&str] = &[$(stringify!($field)),*];
        }

        #[pymethods]
        impl $name {
            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                PyTuple::new(py, Self::FIELDS)
            }

            $(
                $(#[$field_doc])*
                #[getter]
                fn $field<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    let $record = &self.0;
                    $crate::field::Shown::to_python($place, py)
                }
            )*

            fn __hash__(&self) -> u64 {
                $crate::record::hash(&self.0)
            }

            fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
                $crate::record::repr(slf.as_any(), Self::FIELDS)
            }

            /// The record as JSON has it (camelCase).
            fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                $crate::record::dict(py, &self.0)
            }

            /// The record as JSON text.
            fn to_json(&self, py: Python<'_>) -> PyResult<String> {
                $crate::record::json(py, &self.0)
            }

            fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
                $crate::record::records!(@reduce $kind $name slf)
            }

            $($($more)*)?
        }

        $(
            impl $name {
                pub(crate) fn restore<'py>(fields: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
                    let py = fields.py();
                    let record = $crate::error::guarded(py, || {
                        let mut $fields = $crate::field::Fields::new(fields);
                        Ok($restored)
                    })?;
                    Ok(Bound::new(py, Self(record))?.into_any())
                }
            }
        )?

        impl $crate::answer::Answer for $core {
            fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
                Ok(Bound::new(py, $name(self))?.into_any())
            }
        }

        impl $crate::field::Shown for $core {
            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                Ok(Bound::new(py, $name(self.clone()))?.into_any())
            }
        }

        impl $crate::field::Field for $core {
            fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, $crate::error::Trouble> {
                Ok(value.cast::<$name>().map_err(PyErr::from)?.get().0.clone())
            }
        }
    )* };
    (@reduce plain $name:ident $slf:ident) => {
        $crate::record::reduce($slf.as_any(), stringify!($name), Self::FIELDS)
    };
    (@reduce kept $name:ident $slf:ident) => {{
        let _ = $slf;
        Err($crate::record::unpicklable(concat!("an object of class ", stringify!($name))))
    }};
}
pub(crate) use records;

/// What `pickle` keeps of a record.
pub(crate) fn reduce<'py>(object: &Bound<'py, PyAny>, name: &str, fields: &[&str]) -> PyResult<Bound<'py, PyTuple>> {
    let py = object.py();
    let fields = fields.iter().map(|field| object.getattr(*field)).collect::<PyResult<Vec<_>>>()?;
    let restore = py.import("doorward._doorward")?.getattr("_restore")?;
    let arguments = (name, PyTuple::new(py, fields)?).into_pyobject(py)?;
    PyTuple::new(py, [restore, arguments.into_any()])
}
