//! An application that kept keys before doorward came: its tables, its data, its role.

use std::time::Duration;

use doorward::{
    Config, Doorward, Error, KeyHash, PostgresOptions,
    store::postgres::{Adoption, PostgresStore},
};
use doorward_test_servers::Database;

use crate::client::Client;

/// The token of the application's key `ak-1`, as such applications make them.
pub(crate) const TOKEN: &str = "ak_0123456789abcdef0123456789abcdef0123456789abcdef";
/// The token of its key `5f0c…`, whose label is null.
pub(crate) const UNLABELLED_TOKEN: &str = "ak_fedcba9876543210fedcba9876543210fedcba9876543210";
/// The id of that key, as some applications make them.
pub(crate) const UNLABELLED: &str = "5f0c7b0e-8f6c-4d0e-9f0a-2b1c3d4e5f60";

/// Its tables, without rights for anybody else.
pub(crate) const TABLES: &str = r#"
CREATE TABLE institutions (
    id text PRIMARY KEY, name text NOT NULL, regions text[] NOT NULL, verticals text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE api_keys (
    id text PRIMARY KEY, institution_id text NOT NULL REFERENCES institutions (id), key_hash text NOT NULL UNIQUE, label text,
    role text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), revoked_at timestamptz);
CREATE TABLE institution_policies (
    id text PRIMARY KEY, institution_id text NOT NULL REFERENCES institutions (id), region text NOT NULL, config jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (institution_id, region));
CREATE TABLE audit_events (
    id text PRIMARY KEY, created_at timestamptz NOT NULL, method text NOT NULL, path text NOT NULL, outcome text, latency_ms integer);
"#;

/// A database in which the application runs, under a role of its own.
pub(crate) struct Application {
    database: Database,
    role: String,
}

impl Application {
    /// With its tables and data in the schema `public`.
    pub(crate) fn new() -> Self {
        let application = Self::with(TABLES);
        application.client().run(&data());
        application
    }

    /// With other tables.
    pub(crate) fn with(tables: &str) -> Self {
        let database = Database::fresh();
        let role = format!("app_{}", database.name());
        let application = Self { database, role };
        let role = &application.role;
        application.administrator().run(&format!("CREATE ROLE {role} LOGIN; GRANT CREATE, USAGE ON SCHEMA public TO {role}"));
        // The tables are the role's own, and it may make no others.
        application.client().run(tables);
        application.administrator().run(&format!("REVOKE CREATE ON SCHEMA public FROM {role}, PUBLIC"));
        application
    }

    /// A connection with the application's role.
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.database.url_as(&self.role, None))
    }

    /// A connection with every right.
    pub(crate) fn administrator(&self) -> Client {
        Client::connect(&self.database.url())
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new(self.database.url()).unwrap().schema("public").unwrap()
    }

    /// Has doorward take over the tables.
    pub(crate) fn adopt(&self) -> Result<PostgresStore, Error> {
        PostgresStore::adopt(self.options())
    }

    /// What opening would do to adopt them.
    pub(crate) fn plan(&self) -> String {
        PostgresStore::plan(self.options(), Adoption::Allow).unwrap().unwrap()
    }

    /// Runs SQL by psql.
    pub(crate) fn psql(&self, sql: &str) {
        self.database.psql(sql);
    }

    /// A handle, once the tables were taken over.
    pub(crate) fn door(&self) -> Doorward {
        Doorward::open(Config::postgres(self.options())).unwrap()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.database.psql(&format!("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.role));
        }
    }
}

/// What it had stored: dates finer than a millisecond, ids of all kinds, labels that are null, a policy that is damaged,
/// outcomes in words of its own.
fn data() -> String {
    format!(
        r#"
INSERT INTO institutions VALUES
    ('acme', 'Acme Bank', '{{US,SG}}', '{{banking}}', '2025-03-01 10:00:00.123456Z', '2025-03-01 10:00:00.123456Z'),
    ('Émile & fils/№ 7', 'Émile', '{{}}', '{{}}', '2025-03-01 10:00:00.123457Z', '2025-03-01 10:00:00.123457Z');
INSERT INTO api_keys VALUES
    ('ak-1', 'acme', '{}', 'ci', 'admin', '2025-03-02 10:00:00.000001Z', NULL),
    ('{UNLABELLED}', 'acme', '{}', NULL, 'read_only', '2025-03-02 10:00:00.000002Z', NULL),
    ('old key', 'acme', '{}', 'gone', 'admin', '2025-03-02 10:00:00.000003Z', '2025-04-01 00:00:00.5Z');
INSERT INTO institution_policies VALUES
    ('p1', 'acme', 'US', '{{"region": "US", "position": {{"minAmount": 10, "maxAmount": 500, "allowedCurrencies": ["USD"]}}, "note": 1}}',
        '2025-03-03 10:00:00.000001Z', '2025-03-03 10:00:00.000001Z'),
    ('p2', 'acme', 'SG', '{{"region": "SG", "position": {{"minAmount": "much"}}}}', '2025-03-03 10:00:00.000002Z', '2025-03-03 10:00:00.000002Z');
INSERT INTO audit_events VALUES
    ('{UNLABELLED}', '2025-03-04 10:00:00.000001Z', 'GET', '/v1/things', 'OK', 7),
    ('e2', '2025-03-04 10:00:00.000002Z', '', '', NULL, NULL);
"#,
        KeyHash::of(TOKEN),
        KeyHash::of(UNLABELLED_TOKEN),
        KeyHash::of("ak_gone"),
    )
}

/// Generous, since test machines are busy.
pub(crate) const SOON: Duration = Duration::from_secs(30);
