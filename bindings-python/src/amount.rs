//! Exact amounts: `Decimal`, `int` or decimal text; never a float.

use doorward::{Amount, Error, Reason};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyBool, PyFloat, PyInt, PyString, PyType},
};

use crate::{
    arguments::text,
    error::{Trouble, wrong_type},
};

static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();

pub(crate) fn is_decimal(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.is_instance(DECIMAL.import(value.py(), "decimal", "Decimal")?)
}

/// The amount as a `Decimal`.
pub(crate) fn to_python(py: Python<'_>, amount: Amount) -> PyResult<Bound<'_, PyAny>> {
    DECIMAL.import(py, "decimal", "Decimal")?.call1((amount.to_string(),))
}

/// Reads an amount.
pub(crate) fn from_python(value: &Bound<'_, PyAny>, field: &'static str) -> Result<Amount, Trouble> {
    let named = |error: Error| Trouble::from(error.field(field));
    if value.is_instance_of::<PyString>() {
        return text(value, field)?.parse().map_err(named);
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        return Amount::from_json_number(&digits(value, field)?).map_err(named);
    }
    if is_decimal(value)? {
        // In plain or scientific notation; "NaN" and "Infinity" are no numbers of JSON.
        return Amount::from_json_number(&value.str()?.to_cow()?).map_err(named);
    }
    if value.is_instance_of::<PyFloat>() {
        return Err(named(float()));
    }
    Err(wrong_type(value, field, "be a Decimal, an int or a decimal text"))
}

/// The error for an amount that is a float.
pub(crate) fn float() -> Error {
    Error::new(Reason::NotADecimal, "must be a Decimal, an int or a decimal text: a float is not exact")
}

/// The digits of an int. Python refuses to write out thousands of them.
pub(crate) fn digits(value: &Bound<'_, PyAny>, field: &'static str) -> Result<String, Trouble> {
    // Not the value's own: an enum's members print as something else.
    let text = value.py().get_type::<PyInt>().call_method1("__repr__", (value,));
    let text = text.map_err(|_| Error::new(Reason::OutOfRange, "has too many digits").field(field))?;
    Ok(text.extract()?)
}
