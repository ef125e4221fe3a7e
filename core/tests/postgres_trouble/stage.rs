//! A door before a PostgreSQL store, with one institution, and what psql counts in its tables.

use std::{sync::Arc, time::Duration};

use doorward::{
    Config, CreatedKey, Doorward, ErrorKind, InstitutionId, NewInstitution, NewKey, PostgresOptions, Reason, Request, Role,
    Token, Verdict, store::postgres::PostgresStore,
};
use doorward_test_servers::{Database, wait_until};

/// Longer than anything here takes.
pub(crate) const AGES: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) door: Doorward,
    pub(crate) acme: InstitutionId,
}

/// Options with limits for tests: what is out of reach is given up after twice this.
pub(crate) fn options(url: &str, limit: Duration) -> PostgresOptions {
    PostgresOptions::new(url).unwrap().acquire_timeout(limit).unwrap().statement_timeout(limit).unwrap()
}

/// The same with limits that nothing meets while its server answers.
pub(crate) fn patient(url: &str) -> PostgresOptions {
    options(url, Duration::from_secs(20))
}

pub(crate) fn open(options: PostgresOptions) -> Doorward {
    Doorward::with_backend(Arc::new(PostgresStore::open(options).unwrap()), Config::memory())
}

impl Stage {
    pub(crate) fn new(options: PostgresOptions) -> Self {
        let door = open(options);
        let acme = institution(&door);
        Self { door, acme }
    }

    pub(crate) fn key(&self) -> CreatedKey {
        self.door.create_key(&self.acme, NewKey::new("a key", Role::Admin)).unwrap()
    }
}

pub(crate) fn institution(door: &Doorward) -> InstitutionId {
    door.create_institution(NewInstitution::new("Acme", ["US".parse().unwrap()])).unwrap().id
}

pub(crate) fn verify(door: &Doorward, token: &Token) -> Verdict {
    door.verify(token.reveal(), &Request::new())
}

pub(crate) fn is_let_in(door: &Doorward, token: &Token) -> bool {
    verify(door, token).granted().is_some()
}

#[track_caller]
pub(crate) fn is_unavailable<T>(answer: doorward::Result<T>) -> doorward::Error {
    let error = answer.err().expect("it was answered although the store is away");
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Reason::StoreUnavailable), "{error:?}");
    error
}

/// What the tables hold, counted by psql.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) generation: u64,
    /// The generations that the feed tells of.
    pub(crate) fed: u64,
    /// The changes in the audit trail.
    pub(crate) audited: u64,
    pub(crate) keys: u64,
    pub(crate) live_keys: u64,
    pub(crate) versions: u64,
}

impl Books {
    /// Of all, or with what concerns one institution alone.
    pub(crate) fn of(query: impl Fn(&str) -> Vec<Vec<String>>, institution: Option<&InstitutionId>) -> Self {
        let whose = institution.map(|id| format!("institution_id = '{id}'")).unwrap_or_else(|| "true".to_owned());
        let rows = query(&format!(
            "SELECT (SELECT number FROM doorward.doorward_generation), \
             (SELECT count(DISTINCT generation) FROM doorward.doorward_change_feed WHERE {whose}), \
             (SELECT count(*) FROM doorward.audit_events WHERE outcome = 'succeeded' AND {whose}), \
             (SELECT count(*) FROM doorward.api_keys WHERE {whose}), \
             (SELECT count(*) FROM doorward.api_keys WHERE revoked_at IS NULL AND {whose}), \
             (SELECT count(*) FROM doorward.doorward_policy_history WHERE {whose})"
        ));
        let numbers: Vec<u64> = rows[0].iter().map(|field| field.parse().unwrap()).collect();
        let [generation, fed, audited, keys, live_keys, versions] = numbers[..] else { panic!("{rows:?}") };
        Self { generation, fed, audited, keys, live_keys, versions }
    }

    pub(crate) fn of_database(database: &Database) -> Self {
        Self::of(|sql| database.query(sql), None)
    }

    /// A change, its audit entry, its generation and its row in the feed are one: none is there without the others.
    #[track_caller]
    pub(crate) fn agree(&self) {
        assert_eq!((self.generation, self.fed), (self.audited, self.audited), "{self:?}");
    }
}

/// A session of somebody else, with a transaction that is open.
pub(crate) struct Holder {
    runtime: tokio::runtime::Runtime,
    connection: sqlx::PgConnection,
}

impl Holder {
    /// Begins a transaction and does this in it.
    pub(crate) fn begin(url: &str, sql: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(async {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(url).await.unwrap();
            sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection
        });
        Self { runtime, connection }
    }

    /// Takes it back.
    pub(crate) fn release(mut self) {
        self.runtime.block_on(sqlx::raw_sql("ROLLBACK").execute(&mut self.connection)).unwrap();
    }
}

/// A table that every statement reads for some seconds, until this is dropped: a view of that name sleeps first.
pub(crate) struct Slow<'a> {
    database: &'a Database,
    table: &'static str,
}

impl<'a> Slow<'a> {
    pub(crate) fn make(database: &'a Database, table: &'static str, seconds: u32) -> Self {
        database.psql(&format!(
            "ALTER TABLE doorward.{table} RENAME TO quick; \
             CREATE VIEW doorward.{table} AS SELECT quick.* FROM pg_sleep({seconds}), doorward.quick"
        ));
        Self { database, table }
    }

    /// Waits until a session of doorward reads it.
    pub(crate) fn wait_until_read(&self) {
        let sql = format!(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'doorward' AND wait_event = 'PgSleep' AND datname = '{}'",
            self.database.name()
        );
        wait_until("doorward reads the slow table", AGES, || !self.database.query(&sql).is_empty());
    }
}

impl Drop for Slow<'_> {
    fn drop(&mut self) {
        let table = self.table;
        self.database.psql(&format!("DROP VIEW doorward.{table}; ALTER TABLE doorward.quick RENAME TO {table}"));
    }
}

/// Waits until so many sessions of doorward wait for a lock.
pub(crate) fn wait_until_locked_out(database: &Database, count: usize) {
    let sql = format!(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'doorward' AND wait_event_type = 'Lock' AND datname = '{}'",
        database.name()
    );
    wait_until("doorward waits for a lock", AGES, || database.query(&sql).len() >= count);
}
