//! Points in time and durations: `datetime` and `timedelta`.

use std::time::Duration;

use doorward::{Error, Reason, Timestamp};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDateTime, PyDelta, PyDeltaAccess, PyFloat, PyInt, PyString, PyTzInfo},
};

use crate::{
    arguments::text,
    error::{Trouble, wrong_type},
};

/// The beginning of 1970, from which timestamps count.
fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyDateTime>> {
    static EPOCH: PyOnceLock<Py<PyDateTime>> = PyOnceLock::new();
    let utc = || PyTzInfo::utc(py).map(|utc| utc.to_owned());
    let make = || PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc()?)).map(Bound::unbind);
    EPOCH.get_or_try_init(py, make).map(|epoch| epoch.bind(py))
}

/// An aware datetime in UTC. Added to the epoch, since `datetime.fromtimestamp` takes a float and rounds.
pub(crate) fn to_python(py: Python<'_>, time: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    const DAY: u64 = 86_400_000;
    let millis = time.as_millis();
    let part = |value: u64| i32::try_from(value).unwrap_or(i32::MAX);
    let (day, rest) = (millis / DAY, millis % DAY);
    let delta = PyDelta::new(py, part(day), part(rest / 1000), part(rest % 1000).saturating_mul(1000), false)?;
    epoch(py)?.add(delta)
}

/// Reads an aware datetime, or RFC 3339.
pub(crate) fn from_python(value: &Bound<'_, PyAny>, field: &'static str) -> Result<Timestamp, Trouble> {
    if value.is_instance_of::<PyString>() {
        return text(value, field)?.parse().map_err(|error: Error| error.field(field).into());
    }
    let Ok(time) = value.cast::<PyDateTime>() else {
        return Err(wrong_type(value, field, "be a datetime or a text in RFC 3339"));
    };
    if time.call_method0("utcoffset")?.is_none() {
        let message = "must be an aware datetime, such as datetime.now(timezone.utc) gives";
        return Err(Error::new(Reason::InvalidFormat, message).field(field).into());
    }
    let since = time.sub(epoch(value.py())?)?;
    let since = since.cast::<PyDelta>().map_err(PyErr::from)?;
    let before = || Error::new(Reason::OutOfRange, "must lie between 1970 and 9999").field(field);
    let days = u64::try_from(since.get_days()).map_err(|_| before())?;
    // Seconds and microseconds of a timedelta are never negative.
    let seconds = u64::try_from(since.get_seconds()).map_err(|_| before())?;
    let micros = u64::try_from(since.get_microseconds()).map_err(|_| before())?;
    let seconds = days.saturating_mul(86_400).saturating_add(seconds);
    Ok(Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000)))
}

/// Reads a duration: a timedelta, or seconds.
pub(crate) fn duration(value: &Bound<'_, PyAny>, field: &'static str) -> Result<Duration, Trouble> {
    let refused = || Error::new(Reason::OutOfRange, "must be a duration that is not negative").field(field);
    if let Ok(delta) = value.cast::<PyDelta>() {
        let part = |value: i32| u64::try_from(value).map_err(|_| refused());
        let seconds = part(delta.get_days())?.saturating_mul(86_400).saturating_add(part(delta.get_seconds())?);
        return Ok(Duration::from_secs(seconds).saturating_add(Duration::from_micros(part(delta.get_microseconds())?)));
    }
    if !value.is_instance_of::<PyFloat>() && !value.is_instance_of::<PyInt>() {
        return Err(wrong_type(value, field, "be a timedelta or a number of seconds"));
    }
    // An int of more digits than a float holds is too long in any case.
    let seconds: f64 = value.extract().map_err(|_| refused())?;
    Ok(Duration::try_from_secs_f64(seconds).map_err(|_| refused())?)
}
