//! How the schema comes about.

use std::{
    process::{Command, Stdio},
    thread,
};

use doorward::{
    Config, Doorward, ErrorKind, NewInstitution, NewKey, Order, PostgresOptions, Reason, Role,
    store::{
        Backend,
        postgres::{Adoption, PostgresStore},
    },
};
use doorward_test_servers::{Database, wait_until};

use crate::{
    application::{Application, SOON, TABLES},
    client::Client,
    records::{acme, institutions, keys_of, pages},
};

const URL: &str = "DOORWARD_TEST_MIGRATIONS_URL";
const PROCESSES: usize = 10;

fn options(database: &Database) -> PostgresOptions {
    PostgresOptions::new(database.url()).unwrap()
}

/// Every table, column, index, function and trigger of a schema, in words.
fn shape(client: &mut Client, schema: &str) -> Vec<Vec<String>> {
    client.rows(&format!(
        "SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, a.attcollation::text,
            pg_get_expr(d.adbin, d.adrelid)
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = '{schema}'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'S')
         UNION ALL SELECT 'index', indexname, indexdef, '', '', '', '' FROM pg_indexes WHERE schemaname = '{schema}'
         UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid), '', '', '', '' FROM pg_trigger WHERE NOT tgisinternal
         UNION ALL SELECT 'function', proname, pg_get_functiondef(oid), proacl::text, '', '', '' FROM pg_proc
         WHERE pronamespace = '{schema}'::regnamespace
         ORDER BY 1, 2, 3"
    ))
}

#[test]
fn an_empty_database_gets_the_schema_and_the_next_opening_has_nothing_to_do() {
    let database = Database::fresh();
    assert!(PostgresStore::plan(options(&database), Adoption::Refuse).unwrap().is_some());
    let store = PostgresStore::open(options(&database)).unwrap();
    assert_eq!(store.status().wait().unwrap().schema_version, Some(1));
    assert_eq!(PostgresStore::plan(options(&database), Adoption::Refuse).unwrap(), None);
    let before = shape(&mut Client::connect(&database.url()), "doorward");
    PostgresStore::open(options(&database)).unwrap();
    PostgresStore::adopt(options(&database)).unwrap();
    assert_eq!(shape(&mut Client::connect(&database.url()), "doorward"), before);
}

/// What each of the processes does.
fn open_and_write(url: String) {
    let door = Doorward::open(Config::postgres(PostgresOptions::new(url).unwrap())).unwrap();
    door.create_institution(NewInstitution::new("One of many", [])).unwrap();
}

#[test]
fn ten_processes_that_start_together_on_an_empty_database_all_come_up() {
    // The test starts itself as each of them.
    if let Ok(url) = std::env::var(URL) {
        return open_and_write(url);
    }
    let database = Database::fresh();
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "migrations::ten_processes_that_start_together_on_an_empty_database_all_come_up",
                    "--nocapture",
                ])
                .env(URL, database.url())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let rows = "SELECT (SELECT count(*) FROM doorward.institutions), (SELECT count(*) FROM doorward.doorward_migrations), \
                (SELECT number FROM doorward.doorward_generation)";
    assert_eq!(Client::connect(&database.url()).rows(rows), [["10", "1", "10"]]);
}

#[test]
fn a_migration_that_is_cut_off_half_way_leaves_nothing_and_the_next_attempt_finishes() {
    let database = Database::fresh();
    let mut client = Client::connect(&database.url());
    client.run("CREATE SCHEMA doorward");
    // A table that another transaction is about to make stops the migration in its middle.
    client.run("BEGIN; CREATE TABLE doorward.doorward_change_feed (n int)");
    let options = options(&database);
    let opening = thread::spawn(move || PostgresStore::open(options).map(drop));
    let mut observer = Client::connect(&database.url());
    wait_until("a migration that waits is cut off", SOON, || {
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'doorward' \
                     AND datname = current_database() AND wait_event = 'transactionid'";
        observer.value(ended) != "0"
    });
    let made = "SELECT count(*) FROM pg_class WHERE relnamespace = 'doorward'::regnamespace";
    assert_eq!(observer.value(made), "0");
    client.run("ROLLBACK");
    opening.join().unwrap().unwrap();
    assert_eq!(PostgresStore::plan(self::options(&database), Adoption::Refuse).unwrap(), None);
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let database = Database::fresh();
    PostgresStore::open(options(&database)).unwrap();
    let mut client = Client::connect(&database.url());
    client.run("INSERT INTO doorward.doorward_migrations VALUES (2, 'of the future', now())");
    let before = shape(&mut client, "doorward");
    for result in [
        PostgresStore::open(options(&database)).map(drop),
        PostgresStore::adopt(options(&database)).map(drop),
        PostgresStore::plan(options(&database), Adoption::Refuse).map(drop),
    ] {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::NewerSchema), "{error}");
        assert!(error.to_string().contains("version 2"), "{error}");
    }
    assert_eq!(shape(&mut client, "doorward"), before);
}

#[test]
fn what_a_dry_run_prints_makes_the_same_schema_by_psql() {
    let (by_psql, by_opening) = (Database::fresh(), Database::fresh());
    let plan = PostgresStore::plan(options(&by_psql), Adoption::Refuse).unwrap().unwrap();
    let mut client = Client::connect(&by_psql.url());
    assert_eq!(client.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'doorward'"), "0", "a dry run makes nothing");
    by_psql.psql(&plan);
    PostgresStore::open(options(&by_opening)).unwrap();
    assert_eq!(shape(&mut client, "doorward"), shape(&mut Client::connect(&by_opening.url()), "doorward"));
    assert_eq!(PostgresStore::plan(options(&by_psql), Adoption::Refuse).unwrap(), None);
    PostgresStore::open(options(&by_psql)).unwrap();
}

#[test]
fn what_a_dry_run_of_an_adoption_prints_adopts_by_psql() {
    let application = Application::new();
    let plan = application.plan();
    application.psql(&plan);
    assert_eq!(PostgresStore::plan(application.options(), Adoption::Refuse).unwrap(), None);
    assert_eq!(application.door().get_institution(&acme()).unwrap().name, "Acme Bank");
}

/// A database whose own collation sorts words as people do.
struct Collated(Database, String);

impl Collated {
    fn new() -> Self {
        let server = Database::fresh();
        let name = format!("{}_icu", server.name());
        server.psql(&format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"));
        Self(server, name)
    }

    fn url(&self) -> String {
        self.0.url().replace(self.0.name(), &self.1)
    }
}

impl Drop for Collated {
    fn drop(&mut self) {
        self.0.psql(&format!("DROP DATABASE {} WITH (FORCE)", self.1));
    }
}

#[test]
fn pages_are_right_where_the_database_sorts_by_a_language() {
    let database = Collated::new();
    let mut client = Client::connect(&database.url());
    assert_eq!(client.value("SELECT ('a' < 'B')::text"), "true");
    // Once in doorward's own tables, once in tables that an application made.
    client.run(TABLES);
    client.run("ALTER TABLE institutions ALTER verticals SET DEFAULT '{}'");
    for schema in ["doorward", "public"] {
        let options = PostgresOptions::new(database.url()).unwrap().schema(schema).unwrap();
        PostgresStore::adopt(options.clone()).unwrap();
        let door = Doorward::open(Config::postgres(options)).unwrap();
        let ids = ["a", "B", "_a", "A", "b", "a-b", "aB", "ab", "Z", "z", "1", "10", "2"];
        for id in ids {
            door.create_institution(NewInstitution::new("An institution", []).with_id(id.parse().unwrap())).unwrap();
        }
        client.run(&format!("UPDATE {schema}.institutions SET created_at = '2026-01-01 00:00:00.0005Z'"));
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let listed = pages(2, order, |page| door.list_institutions(&institutions(page)).unwrap());
            let mut found: Vec<_> = listed.iter().map(|institution| institution.id.to_string()).collect();
            found.sort();
            let mut wanted = ids.map(str::to_owned);
            wanted.sort();
            assert_eq!(found, wanted);
        }
        let owner = "a".parse().unwrap();
        for label in ids {
            door.create_key(&owner, NewKey::new(label, Role::Admin)).unwrap();
        }
        assert_eq!(pages(3, Order::OldestFirst, |page| door.list_keys(&keys_of(&owner, page)).unwrap()).len(), ids.len());
    }
}
