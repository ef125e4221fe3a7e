//! Values as PostgreSQL sends them: [`SqlValue`]s bound, rows read through [`Row`].

use std::borrow::Cow;

use sqlx::{
    Arguments as _, Encode, Postgres, Row as _, Type, TypeInfo as _, ValueRef as _,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgHasArrayType, PgRow, PgTypeInfo, PgValueRef, types::Oid},
};

use super::errors::Fault;
use crate::{
    error::{Error, Reason, Result},
    model::time::Timestamp,
    store::sql::value::{Row, SqlValue, damaged},
};

/// The values of a statement.
pub(super) fn arguments(values: &[SqlValue]) -> Result<PgArguments, Fault> {
    let mut bound = PgArguments::default();
    for value in values {
        match value {
            SqlValue::Text(text) => bound.add(text.as_deref()),
            SqlValue::Integer(number) => bound.add(*number),
            SqlValue::Time(time) => bound.add(time.map(Moment)),
            SqlValue::Json(text) => bound.add(text.as_deref().map(Document)),
            SqlValue::Texts(texts) => bound.add(texts.as_slice()),
        }
        .map_err(unbound)?;
    }
    Ok(bound)
}

/// Many rows as one array for each column, and the `unnest(…)` that makes rows of them again.
pub(super) fn columns<const N: usize>(rows: &[[SqlValue; N]]) -> Result<(PgArguments, String), Fault> {
    let (mut bound, mut places) = (PgArguments::default(), Vec::with_capacity(N));
    for column in 0..N {
        let kind = add_column(&mut bound, || rows.iter().filter_map(move |row| row.get(column)))?;
        places.push(format!("${}::{kind}[]", column.saturating_add(1)));
    }
    Ok((bound, format!("unnest({})", places.join(", "))))
}

/// Adds a column of many rows as one array, and answers the type of its items.
fn add_column<'a, I: Iterator<Item = &'a SqlValue>>(
    bound: &mut PgArguments,
    values: impl Fn() -> I,
) -> Result<&'static str, Fault> {
    let of_another_type = || Error::new(Reason::Bug, "a column holds values of two types");
    macro_rules! column {
        ($kind:ident, $convert:expr) => {{
            let convert = $convert;
            let column: Result<Vec<_>> = values()
                .map(|value| match value {
                    SqlValue::$kind(value) => Ok(convert(value)),
                    _ => Err(of_another_type()),
                })
                .collect();
            bound.add(column?).map_err(unbound)?;
        }};
    }
    match values().next() {
        Some(SqlValue::Text(_)) => {
            column!(Text, |text: &Option<String>| text.clone());
            Ok("text")
        }
        Some(SqlValue::Integer(_)) => {
            column!(Integer, |number: &Option<i64>| *number);
            Ok("bigint")
        }
        Some(SqlValue::Time(_)) => {
            column!(Time, |time: &Option<Timestamp>| time.map(Moment));
            Ok("timestamptz")
        }
        Some(SqlValue::Json(_)) => {
            column!(Json, |text: &Option<String>| text.clone().map(OwnedDocument));
            Ok("jsonb")
        }
        Some(SqlValue::Texts(_)) | None => Err(of_another_type().into()),
    }
}

fn unbound(error: BoxDynError) -> Fault {
    Fault::Final(Error::new(Reason::Bug, "a value could not be bound").because(error))
}

/// From 1970 to 2000, where PostgreSQL's time begins, in milliseconds.
const TO_2000: i64 = 946_684_800_000;

/// A time as PostgreSQL sends it: microseconds since 2000.
struct Moment(Timestamp);

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl PgHasArrayType for Moment {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let millis = i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX).saturating_sub(TO_2000);
        <i64 as Encode<Postgres>>::encode(millis.saturating_mul(1000), buffer)
    }
}

/// A JSON document as PostgreSQL sends a `jsonb`: its version, then the text.
struct Document<'a>(&'a str);
struct OwnedDocument(String);

impl Type<Postgres> for Document<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(3802))
    }
}

impl Encode<'_, Postgres> for Document<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.push(1);
        <&str as Encode<Postgres>>::encode(self.0, buffer)
    }
}

impl Type<Postgres> for OwnedDocument {
    fn type_info() -> PgTypeInfo {
        Document::type_info()
    }
}

impl PgHasArrayType for OwnedDocument {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(3807))
    }
}

impl Encode<'_, Postgres> for OwnedDocument {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Document(&self.0).encode_by_ref(buffer)
    }
}

/// The column's value, unless it is null.
fn column(row: &PgRow, at: usize) -> Result<Option<PgValueRef<'_>>> {
    let value = row.try_get_raw(at).map_err(|error| damaged("a column is missing").because(error))?;
    Ok(Some(value).filter(|value| !value.is_null()))
}

fn is(value: &PgValueRef<'_>, kinds: &[&str]) -> bool {
    kinds.contains(&value.type_info().name())
}

fn text_of(value: PgValueRef<'_>) -> Result<&str> {
    value.as_str().map_err(|error| damaged("a text is not UTF-8").because(error))
}

fn number_of(value: &PgValueRef<'_>) -> Result<i64> {
    let bytes = value.as_bytes().map_err(|error| damaged("a number is missing").because(error))?;
    match *bytes {
        [a, b] => Ok(i16::from_be_bytes([a, b]).into()),
        [a, b, c, d] => Ok(i32::from_be_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Ok(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => Err(damaged("a number is of an unknown size")),
    }
}

impl Row for PgRow {
    fn text(&self, at: usize) -> Result<Option<&str>> {
        const OTHERS: [&str; 9] = ["JSONB", "TIMESTAMPTZ", "TIMESTAMP", "INT2", "INT4", "INT8", "BYTEA", "UUID", "TEXT[]"];
        match column(self, at)? {
            None => Ok(None),
            Some(value) if is(&value, &OTHERS) => Err(damaged("a column holds no text")),
            // Text and what is sent like it: varchar, citext, enumerations.
            Some(value) => text_of(value).map(Some),
        }
    }

    fn integer(&self, at: usize) -> Result<Option<i64>> {
        match column(self, at)? {
            None => Ok(None),
            Some(value) if is(&value, &["INT8", "INT4", "INT2"]) => number_of(&value).map(Some),
            Some(_) => Err(damaged("a column holds no integer")),
        }
    }

    fn time(&self, at: usize) -> Result<Option<Timestamp>> {
        match column(self, at)? {
            None => Ok(None),
            Some(value) if is(&value, &["TIMESTAMPTZ", "TIMESTAMP"]) => {
                Ok(Some(Timestamp::from_stored(number_of(&value)?.div_euclid(1000).saturating_add(TO_2000))))
            }
            Some(_) => Err(damaged("a column holds no time")),
        }
    }

    fn json(&self, at: usize) -> Result<Option<Cow<'_, str>>> {
        match column(self, at)? {
            None => Ok(None),
            Some(value) => {
                let binary = is(&value, &["JSONB"]);
                let text = text_of(value)?;
                Ok(Some(Cow::Borrowed(if binary { text.strip_prefix('\u{1}').unwrap_or(text) } else { text })))
            }
        }
    }

    fn texts(&self, at: usize) -> Result<Vec<String>> {
        let texts: Option<Vec<String>> =
            self.try_get(at).map_err(|error| damaged("a column holds no list of texts").because(error))?;
        Ok(texts.unwrap_or_default())
    }
}
