//! The values that go into statements ([`SqlValue`]) and come out of rows ([`Row`]), whichever driver carries them.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{
    error::{Error, Reason, Result},
    model::{
        id::{ApiKeyId, EventId, InstitutionId, PolicyId},
        time::Timestamp,
    },
    token::KeyHash,
};

/// A value to bind. Null has a type here, since PostgreSQL wants one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SqlValue {
    /// Text.
    Text(Option<String>),
    /// A number.
    Integer(Option<i64>),
    /// A point in time.
    Time(Option<Timestamp>),
    /// A JSON document.
    Json(Option<String>),
    /// A list of texts, in a column of its own type where the database has one.
    Texts(Vec<String>),
}

/// A row that a statement gave, read by the place of the column.
///
/// Each method fails with `Database` / `damaged_record` if the column holds something of another type.
pub(crate) trait Row {
    fn text(&self, at: usize) -> Result<Option<&str>>;
    fn integer(&self, at: usize) -> Result<Option<i64>>;
    fn time(&self, at: usize) -> Result<Option<Timestamp>>;
    fn json(&self, at: usize) -> Result<Option<Cow<'_, str>>>;
    /// A list of texts; null, as in a column that an adopted table was given, is an empty one.
    fn texts(&self, at: usize) -> Result<Vec<String>>;
}

impl dyn Row + '_ {
    pub(crate) fn required_text(&self, at: usize) -> Result<&str> {
        self.text(at)?.ok_or_else(|| missing(at))
    }

    pub(crate) fn required_time(&self, at: usize) -> Result<Timestamp> {
        self.time(at)?.ok_or_else(|| missing(at))
    }

    /// A version, a sequence number or the like.
    pub(crate) fn count(&self, at: usize) -> Result<u64> {
        let stored = self.integer(at)?.ok_or_else(|| missing(at))?;
        u64::try_from(stored).map_err(|error| damaged("a number is below zero").because(error))
    }

    /// A text that some type of the model reads.
    pub(crate) fn parsed<T>(&self, at: usize) -> Result<T>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.required_text(at)?.parse().map_err(|error: T::Err| damaged("a word in it is unknown").because(error))
    }
}

impl SqlValue {
    /// A JSON object; null if it is empty, as in a column that an adopted table was given.
    pub(crate) fn object(map: &Map<String, Value>) -> Self {
        Self::Json((!map.is_empty()).then(|| json_text(map)))
    }
}

/// JSON text. Writing to a string fails for maps whose keys are not strings; the model has none.
pub(crate) fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The error for a row that cannot be read.
pub(crate) fn damaged(why: &'static str) -> Error {
    Error::new(Reason::DamagedRecord, format!("a stored record cannot be read: {why}"))
}

fn missing(at: usize) -> Error {
    Error::new(Reason::DamagedRecord, format!("a stored record cannot be read: column {at} is empty"))
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&str> for SqlValue {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<Option<String>> for SqlValue {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for SqlValue {
    /// Numbers beyond what a database holds become its greatest; no count gets there.
    fn from(number: u64) -> Self {
        Self::Integer(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<Option<u32>> for SqlValue {
    fn from(number: Option<u32>) -> Self {
        Self::Integer(number.map(i64::from))
    }
}

impl From<Timestamp> for SqlValue {
    fn from(time: Timestamp) -> Self {
        Self::Time(Some(time))
    }
}

impl From<Option<Timestamp>> for SqlValue {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Time(time)
    }
}

macro_rules! as_text {
    ($($name:ty),*) => { $(
        impl From<&$name> for SqlValue {
            fn from(value: &$name) -> Self {
                Self::Text(Some(value.to_string()))
            }
        }

        impl From<Option<&$name>> for SqlValue {
            fn from(value: Option<&$name>) -> Self {
                Self::Text(value.map(ToString::to_string))
            }
        }
    )* };
}

as_text!(InstitutionId, ApiKeyId, PolicyId, EventId, KeyHash);
