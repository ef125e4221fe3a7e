//! The fields of records: each type of the core's as Python has it, and back, since a record that was pickled is made of its
//! fields again.

use std::{net::IpAddr, time::Duration};

use doorward::{
    Actor, AddressList, ApiKeyId, EventId, InstitutionId, KeyHash, PolicyConfig, PolicyId, Reason, Region, Timestamp,
    metadata_from_json, model::address::parse_address,
};
use pyo3::{IntoPyObjectExt, exceptions::PyValueError, prelude::*, types::PyTuple};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::{document, error::Trouble, time, word::Word};

/// A field of a record, as Python has it.
pub(crate) trait Shown {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// A field of a record that can be pickled.
pub(crate) trait Field: Shown + Sized {
    /// Reads what [`to_python`](Shown::to_python) gave.
    fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble>;
}

/// The fields of a pickled record, one after the other.
pub(crate) struct Fields<'a, 'py> {
    values: &'a Bound<'py, PyTuple>,
    next: usize,
}

impl<'a, 'py> Fields<'a, 'py> {
    pub(crate) fn new(values: &'a Bound<'py, PyTuple>) -> Self {
        Self { values, next: 0 }
    }

    pub(crate) fn next<T: Field>(&mut self) -> Result<T, Trouble> {
        let value = self.values.get_item(self.next)?;
        self.next = self.next.saturating_add(1);
        T::from_python(&value)
    }
}

/// The exception for what is no field of a record.
pub(crate) fn damaged() -> Trouble {
    PyValueError::new_err("this was not pickled by doorward").into()
}

macro_rules! plain {
    ($($type:ty),*) => { $(
        impl Shown for $type {
            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.clone().into_bound_py_any(py)
            }
        }

        impl Field for $type {
            fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
                Ok(value.extract()?)
            }
        }
    )* };
}

plain!(bool, u16, u32, u64, usize, String);

macro_rules! texts {
    ($( $type:ty: |$value:ident| $show:expr, |$text:ident| $read:expr; )*) => { $(
        impl Shown for $type {
            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                let $value = self;
                $show.into_bound_py_any(py)
            }
        }

        impl Field for $type {
            fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
                let $text: &str = value.extract()?;
                Ok($read)
            }
        }
    )* };
}

texts! {
    SmolStr: |text| text.as_str(), |text| Self::new(text);
    InstitutionId: |id| id.to_string(), |text| Self::from_stored(text);
    ApiKeyId: |id| id.to_string(), |text| Self::from_stored(text);
    PolicyId: |id| id.to_string(), |text| Self::from_stored(text);
    EventId: |id| id.to_string(), |text| Self::from_stored(text);
    KeyHash: |hash| hash.to_string(), |text| text.parse()?;
    Region: |region| region.as_str(), |text| text.parse()?;
    Actor: |actor| actor.to_string(), |text| text.parse().unwrap_or_else(|never| match never {});
    IpAddr: |address| address.to_string(), |text| parse_address(text).ok_or_else(damaged)?;
    Reason: |reason| reason.as_str(), |text| *Self::ALL.iter().find(|reason| reason.as_str() == text).ok_or_else(damaged)?;
}

impl<W: Word> Shown for W {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.member(py)?.into_bound(py))
    }
}

impl<W: Word> Field for W {
    fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
        Self::of(value.extract()?).ok_or_else(damaged)
    }
}

impl Shown for Timestamp {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time::to_python(py, *self)
    }
}

impl Field for Timestamp {
    fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
        time::from_python(value, "time")
    }
}

impl Shown for AddressList {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyTuple::new(py, self.entries().collect::<Vec<_>>())?.into_any())
    }
}

impl Field for AddressList {
    fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
        Ok(Self::new(value.extract::<Vec<String>>()?)?)
    }
}

impl Shown for Map<String, Value> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(document::object(py, self)?.into_any())
    }
}

impl Field for Map<String, Value> {
    fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
        Ok(metadata_from_json(&document::text(value, "metadata")?)?)
    }
}

impl Shown for PolicyConfig {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(document::config(py, self)?.into_any())
    }
}

impl Field for PolicyConfig {
    fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
        Ok(Self::from_json(&document::text(value, "config")?)?)
    }
}

impl<T: Shown> Shown for Option<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.as_ref().map_or_else(|| Ok(py.None().into_bound(py)), |value| value.to_python(py))
    }
}

impl<T: Field> Field for Option<T> {
    fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
        if value.is_none() { Ok(None) } else { T::from_python(value).map(Some) }
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let items = self.iter().map(|item| item.to_python(py)).collect::<PyResult<Vec<_>>>()?;
        Ok(PyTuple::new(py, items)?.into_any())
    }
}

impl<T: Field> Field for Vec<T> {
    fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
        value.try_iter()?.map(|item| T::from_python(&item?)).collect()
    }
}

impl<A: Shown, B: Shown> Shown for (A, B) {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyTuple::new(py, [self.0.to_python(py)?, self.1.to_python(py)?])?.into_any())
    }
}

impl Shown for &str {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.into_bound_py_any(py)
    }
}

/// In seconds: a `timedelta` ends at microseconds, and memory answers in less.
impl Shown for Duration {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.as_secs_f64().into_bound_py_any(py)
    }
}

impl Field for Duration {
    fn from_python(value: &Bound<'_, PyAny>) -> Result<Self, Trouble> {
        time::duration(value, "duration")
    }
}
