//! Statements on one connection: prepared once, bound from [`SqlValue`]s, rows read through [`Row`].

use std::borrow::Cow;

use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, Value, ValueRef},
};

use super::errors::failed;
use crate::{
    error::Result,
    model::time::Timestamp,
    store::sql::value::{Row, SqlValue, damaged, json_text},
};

impl ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Text(Some(text)) | Self::Json(Some(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Integer(Some(number)) => ToSqlOutput::Owned(Value::Integer(*number)),
            // SQLite has no lists.
            Self::Texts(texts) => ToSqlOutput::Owned(Value::Text(json_text(texts))),
            Self::Time(Some(time)) => ToSqlOutput::Owned(Value::Integer(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))),
            Self::Text(None) | Self::Integer(None) | Self::Time(None) | Self::Json(None) => ToSqlOutput::Owned(Value::Null),
        })
    }
}

impl Row for rusqlite::Row<'_> {
    fn text(&self, at: usize) -> Result<Option<&str>> {
        match self.get_ref(at).map_err(failed)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => {
                std::str::from_utf8(bytes).map(Some).map_err(|error| damaged("a text is not UTF-8").because(error))
            }
            _ => Err(damaged("a column holds no text")),
        }
    }

    fn integer(&self, at: usize) -> Result<Option<i64>> {
        match self.get_ref(at).map_err(failed)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            _ => Err(damaged("a column holds no integer")),
        }
    }

    fn time(&self, at: usize) -> Result<Option<Timestamp>> {
        Ok(self.integer(at)?.map(Timestamp::from_stored))
    }

    fn json(&self, at: usize) -> Result<Option<Cow<'_, str>>> {
        Ok(self.text(at)?.map(Cow::Borrowed))
    }

    fn texts(&self, at: usize) -> Result<Vec<String>> {
        let Some(text) = self.text(at)? else { return Ok(Vec::new()) };
        serde_json::from_str(text).map_err(|error| damaged("a column holds no list of texts").because(error))
    }
}

/// Runs a statement that gives no rows; answers how many it changed.
pub(super) fn execute(connection: &Connection, sql: &str, values: &[SqlValue]) -> Result<usize> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement.execute(params_from_iter(values)).map_err(failed)
}

/// The first row, if there is one.
pub(super) fn find<T>(
    connection: &Connection,
    sql: &str,
    values: &[SqlValue],
    read: impl FnOnce(&dyn Row) -> Result<T>,
) -> Result<Option<T>> {
    find_by(connection, sql, params_from_iter(values), read)
}

/// The first row, with parameters as the driver takes them: the hot lookups bind without allocating.
#[inline]
pub(super) fn find_by<T>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    read: impl FnOnce(&dyn Row) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(values).map_err(failed)?;
    rows.next().map_err(failed)?.map(|row| read(row)).transpose()
}

/// Whether there is a row.
pub(super) fn exists(connection: &Connection, sql: &str, values: &[SqlValue]) -> Result<bool> {
    find(connection, sql, values, |_| Ok(())).map(|row| row.is_some())
}

/// All rows.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    values: &[SqlValue],
    read: impl Fn(&dyn Row) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        items.push(read(row)?);
    }
    Ok(items)
}
