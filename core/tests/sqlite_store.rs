//! The SQLite store as a file and as a process: what is there after it was closed, what a close and a drop wait for, how
//! changes share a commit, and many processes at one file.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

use std::{
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use doorward::{
    Actor, ApiKey, ApiKeyId, AuditEntry, AuditQuery, Config, Doorward, ErrorKind, EventId, Institution, InstitutionId, KeyHash,
    KeyPatch, NewInstitution, NewKey, Origin, Outcome, PolicyConfig, PolicyHistoryQuery, Reason, Reply, Request, Role, Timestamp,
    store::{
        ApiKeyStore, AuditStore, Backend, InstitutionStore,
        off_thread::OffThread,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use rusqlite::Connection;

const SOON: Duration = Duration::from_secs(10);

fn store(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path, SqliteOptions::default()).unwrap();
    let at = Timestamp::now();
    let acme = Institution { id: acme(), name: "Acme".to_owned(), regions: Vec::new(), created_at: at, updated_at: at };
    store.insert_institution(acme, entry()).wait().unwrap();
    store
}

fn acme() -> InstitutionId {
    "acme".parse().unwrap()
}

fn entry() -> AuditEntry {
    AuditEntry {
        id: EventId::generate().unwrap(),
        occurred_at: Timestamp::now(),
        actor: Actor::System,
        action: "test".to_owned(),
        outcome: Outcome::Succeeded,
        institution_id: Some(acme()),
        resource_type: None,
        resource_id: None,
        origin: Origin::default(),
        status_code: None,
        error: None,
        payload: serde_json::Map::new(),
    }
}

fn key(token: &str) -> ApiKey {
    let key_hash = KeyHash::of(token);
    ApiKey {
        id: ApiKeyId::generate().unwrap(),
        institution_id: acme(),
        key_hash,
        hint: key_hash.hint(),
        label: "a key".to_owned(),
        role: Role::Admin,
        created_at: Timestamp::now(),
        revoked_at: None,
        disabled_at: None,
        expires_at: None,
        last_used_at: None,
        allowed_addresses: "".parse().unwrap(),
        rate_limit: None,
        metadata: serde_json::Map::new(),
        rotated_from: None,
        rotated_to: None,
        version: 1,
    }
}

/// Another process's write transaction, for as long as it lives.
fn other_writer(path: &Path) -> Connection {
    let other = Connection::open(path).unwrap();
    other.busy_timeout(SOON).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn all_is_there_again_when_the_file_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.db");
    let us = "US".parse().unwrap();
    let seen = |door: &Doorward, id: &ApiKeyId| {
        let history = PolicyHistoryQuery { institution_id: acme(), region: us, page: Default::default() };
        (
            door.get_institution(&acme()).unwrap(),
            door.get_key(&acme(), id).unwrap(),
            door.get_policy(&acme(), us).unwrap(),
            door.policy_history(&history).unwrap().items,
            door.list_audit_events(&AuditQuery::default()).unwrap().items,
        )
    };

    let door = Doorward::open(Config::sqlite(&path)).unwrap();
    door.create_institution(NewInstitution::new("Acme", [us]).with_id(acme())).unwrap();
    let metadata = serde_json::json!({"team": "payments", "nested": {"n": [1, 2.5, null]}});
    let new = NewKey::new("ci", Role::ReadOnly)
        .expires_at(Timestamp::now().plus(Duration::from_secs(3600)))
        .allowed_addresses("10.0.0.0/8,2001:db8::1".parse().unwrap())
        .metadata(metadata.as_object().unwrap().clone());
    let created = door.create_key(&acme(), new).unwrap();
    let patch = KeyPatch { label: Some("ci, renamed".to_owned()), ..KeyPatch::default() };
    door.update_key(&acme(), &created.record.id, patch).unwrap();
    for config in [r#"{"position":{"maxAmount":"123456789012345678.91"}}"#, r#"{"position":{"minAmount":1},"note":"kept"}"#] {
        door.upsert_policy(&acme(), us, PolicyConfig::from_json(config).unwrap(), None).unwrap();
    }
    let before = seen(&door, &created.record.id);
    assert_eq!((before.1.version, before.2.version, before.3.len(), before.4.len()), (2, 2, 2, 5));
    door.close(SOON).unwrap();

    let door = Doorward::open(Config::sqlite(&path)).unwrap();
    assert_eq!(seen(&door, &created.record.id), before);
    let request = Request::new().peer("10.1.2.3".parse().unwrap());
    assert!(door.verify(created.token.reveal(), &request).granted().is_some());
}

#[test]
fn changes_that_share_a_commit_fail_each_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gathered.db");
    let store = store(&path);
    store.insert_keys(vec![key("taken")], entry()).wait().unwrap();

    // While another process writes, all of these gather.
    let other = other_writer(&path);
    let replies: Vec<Reply<Vec<ApiKey>>> = (0..40)
        .map(|number| {
            let last = if number % 4 == 3 { key("taken") } else { key(&format!("second of {number}")) };
            store.insert_keys(vec![key(&format!("first of {number}")), last], entry())
        })
        .collect();
    drop(other);
    for (number, reply) in replies.into_iter().enumerate() {
        match reply.wait() {
            Ok(_) => assert_ne!(number % 4, 3),
            Err(error) => {
                assert_eq!((number % 4, error.reason(), error.blamed_field()), (3, Reason::KeyExists, Some("keys[1].key_hash")));
            }
        }
    }
    let hashes: Vec<KeyHash> = (0..40).map(|number| KeyHash::of(&format!("first of {number}"))).collect();
    assert_eq!(store.known_hashes(&hashes).wait().unwrap().len(), 30, "a change that failed left nothing behind");
    // The institution, the first key, and thirty changes: each is one generation.
    assert_eq!(store.generation().wait().unwrap().number, 32);
}

#[test]
fn a_hundred_thousand_keys_come_in_by_one_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder.path().join("import.db"));
    let mut keys: Vec<ApiKey> = (0..100_000).map(|number| key(&format!("token {number}"))).collect();
    store.insert_keys(keys.clone(), entry()).wait().unwrap();
    assert_eq!(store.generation().wait().unwrap().number, 2);

    let again = keys.split_off(99_999);
    let fresh: Vec<ApiKey> = (0..10).map(|number| key(&format!("fresh {number}"))).chain(again).collect();
    let error = store.insert_keys(fresh, entry()).wait().unwrap_err();
    assert_eq!((error.reason(), error.blamed_field()), (Reason::KeyExists, Some("keys[10].key_hash")));
    assert!(store.find_credential(&KeyHash::of("fresh 0")).wait().unwrap().is_none());
}

#[test]
fn a_close_finishes_what_was_begun_and_everything_later_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("closed.db");
    let store = store(&path);
    let replies: Vec<_> = (0..100).map(|number| store.insert_keys(vec![key(&number.to_string())], entry())).collect();
    store.close(SOON).wait().unwrap();
    assert!(!folder.path().join("closed.db-wal").exists(), "the log was moved into the file");
    for reply in replies {
        reply.wait().unwrap();
    }
    assert_eq!(store.insert_keys(vec![key("late")], entry()).wait().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(store.find_credential(&KeyHash::of("1")).wait().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(store.status().wait().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(store.close(SOON).wait().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_close_gives_up_at_its_deadline_and_a_dropped_store_still_writes_what_was_queued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dropped.db");
    let store = store(&path);
    let other = other_writer(&path);
    let reply = store.insert_keys(vec![key("queued")], entry());
    let begun = Instant::now();
    let error = store.close(Duration::from_millis(100)).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    drop(store);
    assert!(begun.elapsed() < Duration::from_secs(2), "neither close nor drop waits for the other process");
    drop(other);
    reply.wait().unwrap();
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    assert!(store.find_credential(&KeyHash::of("queued")).wait().unwrap().is_some());
}

#[test]
fn a_close_that_ran_out_of_time_goes_on_when_it_is_called_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.db");
    let store = store(&path);
    let other = other_writer(&path);
    let reply = store.insert_keys(vec![key("queued")], entry());
    assert_eq!(store.close(Duration::ZERO).wait().unwrap_err().kind(), ErrorKind::Unavailable);
    drop(other);
    store.close(SOON).wait().unwrap();
    reply.wait().unwrap();
    assert_eq!(store.close(SOON).wait().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_damaged_policy_is_repaired_by_a_new_config() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("repaired.db");
    let door = Doorward::open(Config::sqlite(&path)).unwrap();
    door.create_institution(NewInstitution::new("Acme", []).with_id(acme())).unwrap();
    let us = "US".parse().unwrap();
    let config = || PolicyConfig::from_json(r#"{"position":{}}"#).unwrap();
    let made = door.upsert_policy(&acme(), us, config(), None).unwrap();
    Connection::open(&path).unwrap().execute("UPDATE institution_policies SET config = 'x'", []).unwrap();
    assert_eq!(door.get_policy(&acme(), us).unwrap_err().reason(), Reason::DamagedRecord);
    let repaired = door.upsert_policy(&acme(), us, config(), Some(1)).unwrap();
    assert_eq!((&repaired.id, repaired.version), (&made.id, 2));
    door.get_policy(&acme(), us).unwrap();
}

#[test]
fn a_file_that_was_deleted_under_the_store_shows_in_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone.db");
    let store = store(&path);
    assert_eq!(store.status().wait().unwrap().schema_version, Some(1));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(store.status().wait().unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn nothing_is_acknowledged_once_the_file_was_deleted_or_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("kept.db"), folder.path().join("aside.db"));
    let store = store(&path);
    let change = |token: &str| store.insert_keys(vec![key(token)], entry()).wait().map(|_| ());
    change("before").unwrap();

    std::fs::rename(&path, &aside).unwrap();
    for token in ["first", "second"] {
        assert_eq!(change(token).unwrap_err().reason(), Reason::StoreUnavailable);
    }
    assert!(!path.exists(), "no other file is made in its place");
    std::fs::write(&path, "").unwrap();
    assert_eq!(change("third").unwrap_err().reason(), Reason::StoreUnavailable);

    std::fs::rename(&aside, &path).unwrap();
    change("after").unwrap();
    let known = |token| store.find_credential(&KeyHash::of(token)).wait().unwrap().is_some();
    assert_eq!(["before", "first", "second", "third", "after"].map(known), [true, false, false, false, true]);
}

const FILE: &str = "DOORWARD_TEST_CROWD_FILE";

/// What each process of the crowd does.
fn open_and_write(path: &std::ffi::OsStr) {
    let door = Doorward::open(Config::sqlite(path)).unwrap();
    let id: InstitutionId = format!("process-{}", std::process::id()).parse().unwrap();
    door.create_institution(NewInstitution::new("Bank", []).with_id(id)).unwrap();
    door.close(SOON).unwrap();
}

#[test]
fn ten_processes_that_start_together_on_no_file_all_come_up() {
    // The test starts itself as each of them.
    if let Some(path) = std::env::var_os(FILE) {
        return open_and_write(&path);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crowd.db");
    let process = |_| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "ten_processes_that_start_together_on_no_file_all_come_up"]).env(FILE, &path);
        command.stdout(std::process::Stdio::piped()).spawn().unwrap()
    };
    let crowd: Vec<_> = (0..10).map(process).collect();
    for process in crowd {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let file = Connection::open(&path).unwrap();
    let count = |sql| file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM institutions"), 10);
    assert_eq!(count("SELECT count(*) FROM doorward_migrations"), 1);
    assert_eq!(count("SELECT number FROM doorward_generation"), 10);
}

#[test]
fn off_thread_nothing_blocks_the_caller_and_changes_still_gather() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("off.db");
    let store = OffThread::new(Arc::new(store(&path)));
    assert!(!store.may_block());
    let other = other_writer(&path);
    // More than it has threads: none of them waits for the other process.
    let replies: Vec<_> = (0..40).map(|number| store.insert_keys(vec![key(&number.to_string())], entry())).collect();
    assert!(pollster::block_on(store.find_credential(&KeyHash::of("0"))).unwrap().is_none());
    drop(other);
    for reply in replies {
        pollster::block_on(reply).unwrap();
    }
    assert!(pollster::block_on(store.find_credential(&KeyHash::of("39"))).unwrap().is_some());
    pollster::block_on(store.close(SOON)).unwrap();
    assert_eq!(pollster::block_on(store.status()).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn off_thread_a_lookup_waits_for_no_change_however_many_are_queued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queued.db");
    drop(store(&path));
    let options = SqliteOptions { busy_timeout: Duration::from_secs(60), ..SqliteOptions::default() };
    let store = OffThread::new(Arc::new(SqliteStore::open(&path, options).unwrap()));
    let other = other_writer(&path);
    // More than the writer's queue has room for.
    let replies: Vec<_> = (0..6000).map(|number| store.insert_keys(vec![key(&number.to_string())], entry())).collect();
    // The other process is still writing: were the lookup to wait for a change, the change would fail as `busy`.
    assert!(pollster::block_on(store.find_credential(&KeyHash::of("0"))).unwrap().is_none());
    drop(other);
    for reply in replies {
        pollster::block_on(reply).unwrap();
    }
}

#[test]
fn the_number_of_an_event_is_never_given_again_even_after_events_were_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pruned.db");
    let store = store(&path);
    let newest = || store.list_events(&AuditQuery::default()).wait().unwrap().items.first().unwrap().sequence;
    store.append_events(vec![entry(), entry()]).wait().unwrap();
    let before = newest();
    Connection::open(&path).unwrap().execute("DELETE FROM audit_events", []).unwrap();
    store.append_events(vec![entry()]).wait().unwrap();
    assert_eq!(newest(), before + 1);
}
