//! Which database a command uses, and how `init` makes one.

use std::fs;

use crate::stage::{Folder, finish};

#[test]
fn init_makes_a_database_and_may_be_repeated() {
    let folder = Folder::new("init");
    let out = folder.ok("init");
    assert!(out.contains("sqlite") && out.contains("schema version"), "{out}");
    assert!(folder.0.join("doorward.db").exists());
    folder.ok("init");
    assert_eq!(folder.json("health")["reachable"], true);
}

#[test]
fn a_database_that_is_not_there_is_an_error_and_not_a_new_one() {
    let folder = Folder::new("missing");
    let run = folder.run("key list acme");
    assert_eq!(run.code, 9, "{}", run.err);
    assert!(run.err.contains("doorward init"), "{}", run.err);
    assert!(!folder.0.join("doorward.db").exists());
}

#[test]
fn only_init_makes_tables_in_a_file_that_has_none() {
    let folder = Folder::new("elsewhere");
    folder.file("empty.db", "");
    let others = rusqlite::Connection::open(folder.0.join("others.db")).unwrap();
    others.execute_batch("CREATE TABLE theirs (a)").unwrap();
    for file in ["empty.db", "others.db"] {
        let run = folder.run(&format!("--database-url sqlite:{file} health"));
        assert_eq!(run.code, 9, "{file}: {}", run.err);
        assert!(run.err.contains("DATABASE_URL: ") && run.err.contains("doorward init"), "{}", run.err);
    }
    let tables: i64 = others.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
    assert!(fs::read(folder.0.join("empty.db")).unwrap().is_empty());
}

#[test]
fn the_database_comes_from_the_option_or_the_environment_and_memory_is_refused() {
    let folder = Folder::new("database");
    folder.ok("init --database-url sqlite:one.db");
    assert!(folder.0.join("one.db").exists());

    let mut command = folder.command(&["init"]);
    command.env("DATABASE_URL", "sqlite:two.db");
    assert_eq!(finish(command, b"").code, 0);
    assert!(folder.0.join("two.db").exists());

    let mut command = folder.command(&["init"]);
    command.env("STORE_BACKEND", "memory");
    let run = finish(command, b"");
    assert_eq!(run.code, 9);
    assert!(run.err.contains("STORE_BACKEND"), "{}", run.err);

    let mut command = folder.command(&["init"]);
    command.env("DOORWARD_DEFAULT_DECISION", "maybe");
    let run = finish(command, b"");
    assert_eq!(run.code, 9);
    assert!(run.err.contains("DOORWARD_DEFAULT_DECISION"), "{}", run.err);
}

#[test]
fn a_postgres_database_is_made_used_and_asked_by_its_url() {
    let (folder, schema) = (Folder::new("postgres"), doorward_test_servers::Schema::fresh());
    let run = |arguments: &[&str]| {
        let mut command = folder.command(&[&["--database-url", schema.url()], arguments].concat());
        command.env("DOORWARD_SCHEMA", schema.name());
        finish(command, b"")
    };
    // Only init makes tables: a mistyped name is no new and empty database.
    let early = run(&["health"]);
    assert_eq!(early.code, 9, "{}", early.err);
    assert!(early.err.contains("doorward init"), "{}", early.err);
    let plan = run(&["init", "--dry-run"]);
    assert!(plan.code == 0 && plan.out.contains("CREATE TABLE"), "{}{}", plan.out, plan.err);
    assert_eq!(run(&["health"]).code, 9);
    let made = run(&["init"]);
    assert!(made.code == 0 && made.out.contains("postgres"), "{}{}", made.out, made.err);
    assert!(run(&["init", "--dry-run"]).out.contains("Everything is there"));
    assert_eq!(run(&["institution", "create", "Acme", "--id", "acme"]).code, 0);
    let token = run(&["key", "create", "acme", "--label", "x", "--role", "admin"]).out;
    let mut verify = folder.command(&["--database-url", schema.url(), "verify"]);
    verify.env("DOORWARD_SCHEMA", schema.name());
    let verified = finish(verify, token.as_bytes());
    assert!(verified.code == 0 && verified.out.contains("acme"), "{}{}", verified.out, verified.err);
    // For SQLite there is nothing to adopt.
    assert_eq!(folder.run("init --adopt").code, 64);
}
