//! What a test may rely on when it asks for a database of its own.
#![expect(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

use std::{collections::HashSet, thread};

use doorward_test_servers::Database;

#[test]
fn eight_at_once_get_eight_empty_databases() {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(|| {
                let database = Database::fresh();
                database.psql("CREATE TABLE t AS SELECT 1 AS n");
                assert_eq!(database.query("SELECT n, current_database() FROM t"), [["1", database.name()]]);
                database.name().to_owned()
            })
        })
        .collect();
    let names: HashSet<String> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(names.len(), 8);
}

#[test]
fn a_database_is_gone_when_it_is_dropped() {
    let other = Database::fresh();
    let database = Database::fresh();
    let name = database.name().to_owned();
    let query = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(other.query(&query), [["1"]]);
    drop(database);
    assert_eq!(other.query(&query), [["0"]]);
}

#[test]
fn another_role_gets_an_address_of_its_own() {
    let database = Database::fresh();
    assert!(database.url_as("reader", Some("secret")).contains("//reader:secret@"));
    assert!(database.url_as("reader", None).ends_with(database.name()));
}
