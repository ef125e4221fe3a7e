//! Statements on one connection: table names qualified, values bound, rows read through [`Row`].

use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};

use sqlx::{
    Arguments as _, AssertSqlSafe, Encode, Executor as _, PgConnection, Postgres, Row as _, Type, TypeInfo as _, ValueRef as _,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgHasArrayType, PgRow, PgTypeInfo, PgValueRef, types::Oid},
};
use tokio::time::timeout;

use super::errors::Fault;
use crate::{
    error::{Error, Reason, Result},
    lock::Lock,
    model::time::Timestamp,
    store::sql::value::{Row, SqlValue, damaged},
};

/// How much longer than the server doorward waits for the end of a statement: the server's own word says more.
const GRACE: Duration = Duration::from_millis(500);

/// Every table that shared statements name.
const TABLES: [&str; 10] = [
    "institutions",
    "api_keys",
    "institution_policies",
    "audit_events",
    "doorward_policy_history",
    "doorward_key_usage",
    "doorward_generation",
    "doorward_change_feed",
    "doorward_cache_leases",
    "doorward_migrations",
];

/// How statements are sent: for which schema, prepared or not, and for how long.
///
/// Tables are named with their schema, not found by a `search_path`: behind a transaction pooler a session keeps none.
pub(super) struct Statements {
    schema: String,
    prepared: bool,
    limit: Duration,
    qualified: Lock<HashMap<String, Arc<str>>>,
}

impl Statements {
    pub(super) fn new(schema: &str, prepared: bool, limit: Duration) -> Self {
        Self { schema: schema.to_owned(), prepared, limit, qualified: Lock::default() }
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// Whether the server keeps statements for a session. Behind a transaction pooler it does not.
    pub(super) fn are_prepared(&self) -> bool {
        self.prepared
    }

    /// The statement with its tables' schema. The texts are few: each is worked out once.
    pub(super) fn text(&self, sql: &str) -> Arc<str> {
        let mut known = self.qualified.lock();
        if let Some(text) = known.get(sql) {
            return Arc::clone(text);
        }
        let text: Arc<str> = qualify(sql, &self.schema).into();
        known.insert(sql.to_owned(), Arc::clone(&text));
        text
    }
}

/// Puts the schema before each table where a statement names it as such.
fn qualify(sql: &str, schema: &str) -> String {
    let mut text = String::with_capacity(sql.len().saturating_add(64));
    let mut before = "";
    for piece in sql.split_inclusive([' ', '\n']) {
        let word = piece.trim_end();
        let name = word.trim_end_matches([',', ')', ';']);
        if matches!(before, "FROM" | "JOIN" | "INTO" | "UPDATE" | "TABLE") && TABLES.contains(&name) {
            // Quoted, since a schema may be called like a word of SQL.
            text.extend(["\"", schema, "\"."]);
        }
        text.push_str(piece);
        if !word.is_empty() {
            before = word.trim_start_matches('(');
        }
    }
    text
}

/// A connection at work.
pub(super) struct Link<'a> {
    connection: &'a mut PgConnection,
    statements: &'a Statements,
    limit: Duration,
}

impl<'a> Link<'a> {
    pub(super) fn new(connection: &'a mut PgConnection, statements: &'a Statements) -> Self {
        Self { connection, statements, limit: statements.limit }
    }

    /// The same with another limit for each statement.
    pub(super) fn limited(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Runs a statement that gives no rows; answers how many it changed.
    pub(super) async fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, Fault> {
        let query = sqlx::query_with(AssertSqlSafe(self.statements.text(sql)), arguments(values)?);
        let query = query.persistent(self.statements.prepared);
        Ok(within(self.limit, self.connection.execute(query)).await?.rows_affected())
    }

    /// All rows.
    pub(super) async fn rows(&mut self, sql: &str, arguments: PgArguments) -> Result<Vec<PgRow>, Fault> {
        let query = sqlx::query_with(AssertSqlSafe(self.statements.text(sql)), arguments);
        let query = query.persistent(self.statements.prepared);
        within(self.limit, self.connection.fetch_all(query)).await
    }

    /// All rows, each read.
    pub(super) async fn all<T>(
        &mut self,
        sql: &str,
        values: &[SqlValue],
        read: impl Fn(&dyn Row) -> Result<T>,
    ) -> Result<Vec<T>, Fault> {
        let rows = self.rows(sql, arguments(values)?).await?;
        Ok(rows.iter().map(|row| read(row)).collect::<Result<_>>()?)
    }

    /// The first row, if there is one.
    pub(super) async fn find<T>(
        &mut self,
        sql: &str,
        values: &[SqlValue],
        read: impl FnOnce(&dyn Row) -> Result<T>,
    ) -> Result<Option<T>, Fault> {
        Ok(self.first(sql, values, read).await??)
    }

    /// The same, with what came of reading the row apart from what came of the statement.
    pub(super) async fn first<T>(
        &mut self,
        sql: &str,
        values: &[SqlValue],
        read: impl FnOnce(&dyn Row) -> Result<T>,
    ) -> Result<Result<Option<T>>, Fault> {
        let rows = self.rows(sql, arguments(values)?).await?;
        Ok(rows.first().map(|row| read(row)).transpose())
    }

    /// Whether there is a row.
    pub(super) async fn exists(&mut self, sql: &str, values: &[SqlValue]) -> Result<bool, Fault> {
        Ok(self.find(sql, values, |_| Ok(())).await?.is_some())
    }

    /// Runs statements without values as one message; tables are taken as they are written.
    pub(super) async fn simple(&mut self, sql: String) -> Result<(), Fault> {
        within(self.limit, sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *self.connection)).await.map(drop)
    }
}

/// Waits for a statement, a little longer than the server lets it run.
pub(super) async fn within<T>(
    limit: Duration,
    statement: impl Future<Output = std::result::Result<T, sqlx::Error>>,
) -> Result<T, Fault> {
    match timeout(limit.saturating_add(GRACE), statement).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Fault::Lost(Error::new(Reason::StoreUnavailable, "the server did not answer in time"))),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::{audit, changes, institutions, keys, policies};

    #[test]
    fn tables_get_their_schema_and_nothing_else_does() {
        let qualified = qualify("SELECT institutions.id FROM institutions, x JOIN api_keys k ON true", "s");
        assert_eq!(qualified, "SELECT institutions.id FROM \"s\".institutions, x JOIN \"s\".api_keys k ON true");
        let nested = qualify("WITH x AS (UPDATE doorward_generation SET number = 1) SELECT * FROM x", "s");
        assert_eq!(nested, "WITH x AS (UPDATE \"s\".doorward_generation SET number = 1) SELECT * FROM x");
        let upsert = qualify("INSERT INTO doorward_key_usage (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = 1", "s");
        assert_eq!(upsert, "INSERT INTO \"s\".doorward_key_usage (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = 1");
    }

    #[test]
    fn no_shared_statement_names_a_table_without_its_schema() {
        let statements = [
            audit::INSERT,
            changes::GENERATION_AND_UNNUMBERED,
            changes::FORGET_SOME,
            changes::NUMBER_SOME,
            institutions::FIND,
            institutions::EXISTS,
            institutions::INSERT,
            institutions::UPDATE,
            keys::FIND_CREDENTIAL,
            keys::FIND_BY_HASH,
            keys::FIND_BY_ID,
            keys::FIND_IN_INSTITUTION,
            keys::INSERT_INTO,
            keys::UPDATE,
            keys::FIND_TO_CHANGE,
            keys::LOCK_AND_REVOKE_ALL,
            institutions::HOLD,
            policies::FIND,
            policies::DECIDE,
            policies::INSERT,
            policies::UPDATE,
            policies::FIND_TO_DELETE,
            policies::DELETE,
            policies::LAST_VERSION,
            policies::INSERT_HISTORY,
        ];
        for statement in statements {
            let text = qualify(statement, "s");
            for keyword in ["FROM ", "JOIN ", "INTO "] {
                for (at, _) in text.match_indices(keyword) {
                    let rest = &text[at + keyword.len()..];
                    assert!(
                        rest.starts_with("\"s\".") || ["unnest(", "held "].iter().any(|other| rest.starts_with(other)),
                        "{text}"
                    );
                }
            }
        }
    }
}
