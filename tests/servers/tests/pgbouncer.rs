//! What a test may rely on when it puts pgbouncer before its server.
#![expect(clippy::expect_used, reason = "a test that panics is a test that fails")]

use std::process::{Command, Output};

use doorward_test_servers::{PgBouncer, Postgres};

/// psql, as a client that knows no more than the address.
fn psql(url: &str, sql: &str, options: &str) -> Output {
    Command::new("psql").args(["-X", "-At", "-w", "-d", url, "-c", sql]).env("PGOPTIONS", options).output().expect("psql runs")
}

fn answer(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn pgbouncer_passes_queries_on_to_any_database_of_its_server() {
    let server = Postgres::start();
    let database = server.create_database();
    let pgbouncer = PgBouncer::before(&server);
    assert_eq!(answer(&psql(&pgbouncer.url(), "SELECT current_database()", "")), "postgres");
    assert_eq!(answer(&psql(&pgbouncer.url_for(&database), "SELECT current_database()", "")), database);
}

#[test]
fn pgbouncer_refuses_startup_parameters_unless_told_to_ignore_them() {
    let server = Postgres::start();
    let options = "-c search_path=nowhere";
    let strict = psql(&PgBouncer::before(&server).url(), "SELECT 1", options);
    assert!(String::from_utf8_lossy(&strict.stderr).contains("unsupported startup parameter"), "{strict:?}");
    let lenient = PgBouncer::with_settings(&server, &[("ignore_startup_parameters", "options")]);
    assert_eq!(answer(&psql(&lenient.url(), "SELECT 1", options)), "1");
}

#[test]
fn pgbouncer_checks_and_passes_on_passwords() {
    let server = Postgres::builder().password("of the superuser").start();
    server.create_role("reader", Some("of the reader"));
    let pgbouncer = PgBouncer::before(&server);
    assert_eq!(answer(&psql(&pgbouncer.url(), "SELECT current_user", "")), "postgres");
    let reader = pgbouncer.url_as("reader", Some("of the reader"), "postgres");
    assert_eq!(answer(&psql(&reader, "SELECT current_user", "")), "reader");
    let wrong = psql(&pgbouncer.url_as("reader", Some("a guess"), "postgres"), "SELECT 1", "");
    assert!(!wrong.status.success());
}
