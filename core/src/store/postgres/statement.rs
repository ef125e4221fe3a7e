//! Statements on one connection: table names qualified, sent and waited for. What goes into them and comes out is in `values`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, Executor as _, PgConnection,
    postgres::{PgArguments, PgRow},
};
use tokio::time::timeout;

use super::{errors::Fault, values::arguments};
use crate::{
    error::{Error, Reason, Result},
    lock::Lock,
    store::sql::value::{Row, SqlValue},
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

/// Puts the schema before each table where a statement names it as such, and `pg_catalog` before each operator that compares.
///
/// An application's tables may hold `varchar`, for which `pg_catalog` has no operators of its own: where any role may create
/// things in a schema of the `search_path`, an operator that it made for `varchar` would be preferred to the one for `text`.
fn qualify(sql: &str, schema: &str) -> String {
    let mut text = String::with_capacity(sql.len().saturating_add(128));
    let (mut before, mut assigns) = ("", false);
    for piece in sql.split_inclusive([' ', '\n']) {
        let word = piece.trim_end();
        let name = word.trim_end_matches([',', ')', ';']);
        match word {
            "SET" => assigns = true,
            "FROM" | "WHERE" | "RETURNING" => assigns = false,
            _ => {}
        }
        if matches!(before, "FROM" | "JOIN" | "INTO" | "UPDATE" | "TABLE") && TABLES.contains(&name) {
            // Quoted, since a schema may be called like a word of SQL.
            text.extend(["\"", schema, "\"."]);
        }
        if matches!(word, "=" | "<>" | "<" | ">" | "<=" | ">=") && !assigns {
            text.extend(["OPERATOR(pg_catalog.", word, ") "]);
        } else {
            text.push_str(piece);
        }
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
    fn what_compares_is_an_operator_of_pg_catalog_and_what_assigns_is_none() {
        let qualified = qualify("UPDATE x SET a = $1, b = $2 FROM y WHERE (x.id, x.b) < ($3, $4) AND x.c = ANY ($5)", "s");
        assert_eq!(
            qualified,
            "UPDATE x SET a = $1, b = $2 FROM y WHERE (x.id, x.b) OPERATOR(pg_catalog.<) ($3, $4) \
             AND x.c OPERATOR(pg_catalog.=) ANY ($5)"
        );
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
            keys::LOCK_AND_REVOKE_SOME,
            keys::COUNT_UNREVOKED,
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
