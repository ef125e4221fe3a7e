//! JSON documents: a mapping becomes the text that the core reads, so that its rules hold, and what it kept becomes a dict.

use doorward::{
    Error, PolicyConfig, Reason,
    model::json::{MAX_DEPTH, MAX_DOCUMENT},
};
use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple},
};
use serde_json::{Map, Value};

use crate::{
    amount, arguments,
    error::{Trouble, wrong_type},
};

/// The JSON text of an argument that is a mapping, or the text itself if it is one.
pub(crate) fn text(value: &Bound<'_, PyAny>, field: &'static str) -> Result<String, Trouble> {
    if value.is_instance_of::<PyString>() {
        return Ok(arguments::text(value, field)?.to_owned());
    }
    let Ok(mapping) = value.cast::<PyMapping>() else {
        return Err(wrong_type(value, field, "be a mapping or a JSON text"));
    };
    let mut writer = Writer { field, text: String::new() };
    writer.object(mapping, Place::Document, 0)?;
    Ok(writer.text)
}

/// Where in a document something stands: an amount may be no float.
#[derive(Clone, Copy)]
enum Place {
    Document,
    Position,
    Amount(&'static str),
    Elsewhere,
}

impl Place {
    fn of(self, field: &str, key: &str) -> Self {
        match (self, key) {
            (Self::Document, "position") if field != "metadata" => Self::Position,
            (Self::Position, "minAmount") => Self::Amount("minAmount"),
            (Self::Position, "maxAmount") => Self::Amount("maxAmount"),
            _ => Self::Elsewhere,
        }
    }
}

struct Writer {
    field: &'static str,
    text: String,
}

impl Writer {
    fn refused(&self, reason: Reason, message: &'static str) -> Trouble {
        Error::new(reason, message).field(self.field).into()
    }

    /// What is not JSON all the way down, such as a list that contains itself, ends here.
    fn check_size(&self, depth: usize) -> Result<(), Trouble> {
        if depth > MAX_DEPTH {
            return Err(self.refused(Reason::TooDeep, "must have at most 32 levels"));
        }
        if self.text.len() > MAX_DOCUMENT {
            return Err(self.refused(Reason::TooLarge, "must have at most 64 KiB"));
        }
        Ok(())
    }

    fn object(&mut self, mapping: &Bound<'_, PyMapping>, place: Place, depth: usize) -> Result<(), Trouble> {
        self.check_size(depth)?;
        self.text.push('{');
        for (index, item) in mapping.items()?.iter().enumerate() {
            let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            let Ok(key) = key.cast::<PyString>() else {
                return Err(wrong_type(&key, self.field, "have texts as keys"));
            };
            if index > 0 {
                self.text.push(',');
            }
            self.string(key)?;
            self.text.push(':');
            let within = place.of(self.field, &key.to_cow()?);
            self.value(&value, within, depth.saturating_add(1))?;
        }
        self.text.push('}');
        Ok(())
    }

    fn value(&mut self, value: &Bound<'_, PyAny>, place: Place, depth: usize) -> Result<(), Trouble> {
        self.check_size(depth)?;
        if value.is_none() {
            self.text.push_str("null");
        } else if let Ok(text) = value.cast::<PyString>() {
            self.string(text)?;
        } else if let Ok(flag) = value.cast::<PyBool>() {
            self.text.push_str(if flag.is_true() { "true" } else { "false" });
        } else if value.is_instance_of::<PyInt>() {
            self.text.push_str(&amount::digits(value, self.field)?);
        } else if let Ok(number) = value.cast::<PyFloat>() {
            if let Place::Amount(name) = place {
                return Err(amount::float().field(format!("{}.position.{name}", self.field)).into());
            }
            let number = serde_json::Number::from_f64(number.value());
            let number = number.ok_or_else(|| self.refused(Reason::UnsafeNumber, "has a number that JSON cannot carry"))?;
            self.text.push_str(&number.to_string());
        } else if let Ok(mapping) = value.cast::<PyMapping>() {
            self.object(mapping, place, depth)?;
        } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            self.text.push('[');
            for (index, item) in value.try_iter()?.enumerate() {
                if index > 0 {
                    self.text.push(',');
                }
                self.value(&item?, Place::Elsewhere, depth.saturating_add(1))?;
            }
            self.text.push(']');
        } else if amount::is_decimal(value)? {
            let text = value.str()?;
            if !value.call_method0("is_finite")?.is_truthy()? {
                return Err(self.refused(Reason::NotADecimal, "must hold finite numbers"));
            }
            self.text.push_str(&text.to_cow()?);
        } else {
            return Err(wrong_type(value, self.field, "hold what JSON has"));
        }
        Ok(())
    }

    fn string(&mut self, text: &Bound<'_, PyString>) -> Result<(), Trouble> {
        let text = text.to_str().map_err(|_| self.refused(Reason::NotUtf8, "has a text that is not Unicode"))?;
        self.text.push_str(&Value::from(text).to_string());
        self.check_size(0)
    }
}

/// A JSON value as Python's own `json` would read it.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into_pyobject(py)?.into_any(),
            (None, Some(number)) => number.into_pyobject(py)?.into_any(),
            (None, None) => PyFloat::new(py, number.as_f64().unwrap_or(f64::NAN)).into_any(),
        },
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let items = items.iter().map(|item| to_python(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Object(members) => object(py, members)?.into_any(),
    })
}

/// An object of JSON as a dict of its own.
pub(crate) fn object<'py>(py: Python<'py>, members: &Map<String, Value>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    members.iter().try_for_each(|(key, value)| dict.set_item(key, to_python(py, value)?))?;
    Ok(dict)
}

/// A policy's config as a dict, in the form in which it is given in; amounts are exact.
pub(crate) fn config<'py>(py: Python<'py>, config: &PolicyConfig) -> PyResult<Bound<'py, PyDict>> {
    let rule = &config.position;
    let position = PyDict::new(py);
    for (name, limit) in [("minAmount", rule.min_amount), ("maxAmount", rule.max_amount)] {
        limit.map_or(Ok(()), |limit| position.set_item(name, amount::to_python(py, limit)?))?;
    }
    if let Some(currencies) = &rule.allowed_currencies {
        let codes = currencies.iter().map(|currency| currency.as_str());
        position.set_item("allowedCurrencies", PyList::new(py, codes.collect::<Vec<_>>())?)?;
    }
    position.update(object(py, &rule.other)?.as_mapping())?;
    let dict = PyDict::new(py);
    config.region.map_or(Ok(()), |region| dict.set_item("region", region.as_str()))?;
    dict.set_item("position", position)?;
    dict.update(object(py, &config.other)?.as_mapping())?;
    Ok(dict)
}
