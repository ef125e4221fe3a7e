//! What a SQLite file can do to a host: wrong paths, full disks, other writers, damage. Each gives its error, names what to
//! look at, and changes nothing.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics is a test that fails")]

use std::{path::Path, sync::Arc, time::Duration};

use doorward::{
    ApiKeyQuery, Config, Doorward, Error, ErrorKind, Health, InstitutionId, NewInstitution, NewKey, PolicyConfig, PolicyPatch,
    PolicySource, Position, Reason, Request, Role, Verdict,
    store::sqlite::{SqliteOptions, SqliteStore},
};
use rusqlite::Connection;

fn refused(path: impl AsRef<Path>) -> Error {
    match Doorward::open(Config::sqlite(path.as_ref())) {
        Ok(_) => panic!("{} was opened", path.as_ref().display()),
        Err(error) => error,
    }
}

fn door(path: &Path, options: SqliteOptions) -> (Doorward, InstitutionId) {
    let door = Doorward::with_backend(Arc::new(SqliteStore::open(path, options).unwrap()), Config::memory());
    let id: InstitutionId = "acme".parse().unwrap();
    door.create_institution(NewInstitution::new("Acme", []).with_id(id.clone())).unwrap();
    (door, id)
}

#[test]
fn a_path_that_cannot_be_a_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "a file of another kind, long enough to have a header of a hundred bytes, which is not SQLite's. ".repeat(20),
    )
    .unwrap();
    for (path, kind, reason) in [
        (folder.path().to_owned(), ErrorKind::Config, Reason::CannotOpen),
        (folder.path().join("missing/x.db"), ErrorKind::Config, Reason::CannotOpen),
        (text.clone(), ErrorKind::Database, Reason::NotADatabase),
    ] {
        let error = refused(&path);
        assert_eq!((error.kind(), error.reason()), (kind, reason), "{error}");
        assert_eq!(error.blamed_field(), Some("DATABASE_URL"));
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("a file of another kind"));
}

#[test]
fn a_file_of_a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("newer.db");
    let (first, _) = door(&path, SqliteOptions::default());
    first.close(Duration::from_secs(5)).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute("INSERT INTO doorward_migrations (version, name, applied_at) VALUES (999, 'of tomorrow', 0)", []).unwrap();
    let error = refused(&path);
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::NewerSchema), "{error}");
    let institutions: i64 = other.query_row("SELECT count(*) FROM institutions", [], |row| row.get(0)).unwrap();
    assert_eq!(institutions, 1);
}

#[cfg(unix)]
#[test]
fn the_file_belongs_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("private.db");
    let (door, _) = door(&path, SqliteOptions::default());
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    door.close(Duration::from_secs(5)).unwrap();
}

#[test]
fn a_full_disk_fails_the_change_and_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { max_page_count: Some(60), ..SqliteOptions::default() };
    let (door, id) = door(&folder.path().join("full.db"), options);
    let mut tokens = Vec::new();
    let error = loop {
        match door.create_key(&id, NewKey::new("filler ".repeat(30), Role::Admin)) {
            Ok(created) => tokens.push(created.token),
            Err(error) => break error,
        }
        assert!(tokens.len() < 10_000, "the disk never filled");
    };
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::DiskFull), "{error}");
    let listed = door.list_keys(&ApiKeyQuery { page: doorward::PageRequest::first(1000), ..ApiKeyQuery::of(id) }).unwrap();
    assert_eq!(listed.items.len(), tokens.len());
    for token in tokens {
        assert!(door.verify(token.reveal(), &Request::new()).granted().is_some());
    }
}

#[test]
fn another_writer_makes_changes_wait_then_fail_and_lookups_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("busy.db");
    let (door, id) = door(&path, SqliteOptions { busy_timeout: Duration::from_millis(200), ..SqliteOptions::default() });
    let token = door.create_key(&id, NewKey::new("first", Role::Admin)).unwrap().token;

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = door.create_key(&id, NewKey::new("second", Role::Admin)).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Reason::Busy), "{error}");
    assert!(error.is_retryable());
    assert!(door.verify(token.reveal(), &Request::new()).granted().is_some());
    other.execute_batch("ROLLBACK").unwrap();

    door.create_key(&id, NewKey::new("third", Role::Admin)).unwrap();
    assert_eq!(door.list_keys(&ApiKeyQuery::of(id)).unwrap().items.len(), 2);
}

#[test]
fn a_damaged_policy_denies_and_a_damaged_key_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.db");
    let (door, id) = door(&path, SqliteOptions::default());
    let us = "US".parse().unwrap();
    door.upsert_policy(&id, us, PolicyConfig::from_json(r#"{"position":{}}"#).unwrap(), None).unwrap();
    let token = door.create_key(&id, NewKey::new("key", Role::ReadOnly)).unwrap().token;

    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE institution_policies SET config = '{\"position\":'", []).unwrap();
    let position = Position::parse("1", "USD").unwrap();
    let decision = door.check_position(&id, us, &position).unwrap();
    assert!(!decision.allowed && decision.policy == PolicySource::Unreadable, "{decision:?}");
    let admission = door.admit(token.reveal(), &Request::new(), None, us, &position).unwrap();
    assert!(!admission.decision.allowed);
    let error = door.get_policy(&id, us).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::DamagedRecord), "{error}");

    let patch = PolicyPatch::from_json(r#"{"position":{"maxAmount":1}}"#).unwrap();
    assert_eq!(door.merge_policy(&id, us, patch, None).unwrap_err().reason(), Reason::DamagedRecord);
    // What is replaced or deleted need not be understood.
    assert_eq!(door.delete_policy(&id, us, None).unwrap().version, 1);
    assert!(door.check_position(&id, us, &position).unwrap().allowed);

    other.execute("UPDATE api_keys SET role = 'superuser'", []).unwrap();
    assert_eq!(door.verify(token.reveal(), &Request::new()), Verdict::Refused(Reason::DamagedRecord));
    assert_eq!(door.authenticate(token.reveal(), &Request::new()).unwrap_err().kind(), ErrorKind::Database);
}

#[test]
fn a_change_in_one_process_is_seen_by_the_next_lookup_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.db");
    let (one, id) = door(&path, SqliteOptions::default());
    let other = Doorward::open(Config::sqlite(&path)).unwrap();
    let created = one.create_key(&id, NewKey::new("shared", Role::Admin)).unwrap();
    assert!(other.verify(created.token.reveal(), &Request::new()).granted().is_some());
    other.revoke_key(&id, &created.record.id).unwrap();
    assert_eq!(one.verify(created.token.reveal(), &Request::new()), Verdict::Refused(Reason::Revoked));
}

#[test]
fn many_openers_of_an_empty_path_all_come_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crowd.db");
    std::thread::scope(|scope| {
        for number in 0..10 {
            let path = &path;
            scope.spawn(move || {
                let door = Doorward::open(Config::sqlite(path)).unwrap();
                let id: InstitutionId = format!("bank-{number}").parse().unwrap();
                door.create_institution(NewInstitution::new("Bank", []).with_id(id)).unwrap();
                door.close(Duration::from_secs(10)).unwrap();
            });
        }
    });
    let door = Doorward::open(Config::sqlite(&path)).unwrap();
    let health: Health = door.health();
    assert!(health.reachable && health.backend == "sqlite" && health.schema_version == Some(1), "{health:?}");
    assert_eq!(health.generation, Some(10));
}
