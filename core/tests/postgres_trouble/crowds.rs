//! Many at once: threads, processes, and those that hold what others want.

use std::{
    process::Command,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use doorward::{AuditQuery, ImportedKey, KeyHash, NewKey, PolicyConfig, Reason, Region, Role, Verdict};
use doorward_test_servers::Database;

use crate::stage::{
    AGES, Books, Holder, Slow, Stage, is_let_in, is_unavailable, open, options, patient, verify, wait_until_locked_out,
};

fn us() -> Region {
    "US".parse().unwrap()
}

fn config(most: usize) -> PolicyConfig {
    PolicyConfig::from_json(&format!(r#"{{"position":{{"maxAmount":{most}}}}}"#)).unwrap()
}

#[test]
fn thirty_two_threads_create_revoke_and_look_up_and_the_counts_agree() {
    const THREADS: u64 = 32;
    const ROUNDS: u64 = 6;
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let known = stage.key();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let made = stage.key();
                    assert!(is_let_in(&stage.door, &made.token) && is_let_in(&stage.door, &known.token));
                    if round % 2 == 1 {
                        stage.door.revoke_key(&stage.acme, &made.record.id).unwrap();
                        assert_eq!(verify(&stage.door, &made.token), Verdict::Refused(Reason::Revoked));
                    }
                }
            });
        }
    });
    let (made, revoked) = (THREADS * ROUNDS, THREADS * ROUNDS / 2);
    let books = Books::of_database(&database);
    books.agree();
    assert_eq!((books.keys, books.live_keys), (1 + made, 1 + made - revoked));
    // Besides the keys: the institution.
    assert_eq!(books.generation, 2 + made + revoked);
    assert_eq!(stage.door.health().generation, Some(books.generation));
}

#[test]
fn of_two_writers_who_expect_the_same_version_one_is_refused() {
    let database = Database::fresh();
    let stages = [Stage::new(patient(&database.url())), Stage::new(patient(&database.url()))];
    let acme = &stages[0].acme;
    let together = Barrier::new(2);
    for version in 0..15 {
        let answers: Vec<_> = thread::scope(|scope| {
            let writers: Vec<_> = stages
                .iter()
                .map(|stage| {
                    let together = &together;
                    scope.spawn(move || {
                        together.wait();
                        stage.door.upsert_policy(acme, us(), config(10), Some(version))
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (1, 1));
        assert_eq!(refused[0].as_ref().unwrap_err().reason(), Reason::VersionMismatch);
    }
    assert_eq!(stages[0].door.get_policy(acme, us()).unwrap().version, 15);
    Books::of_database(&database).agree();
}

#[test]
fn writers_without_versions_are_all_applied_and_the_history_has_no_gap() {
    let database = Database::fresh();
    let stages = [Stage::new(patient(&database.url())), Stage::new(patient(&database.url()))];
    let acme = &stages[0].acme;
    thread::scope(|scope| {
        for stage in stages.iter().cycle().take(4) {
            scope.spawn(|| {
                for round in 1..=10 {
                    stage.door.upsert_policy(acme, us(), config(round), None).unwrap();
                }
            });
        }
    });
    let versions = database.query("SELECT version FROM doorward.doorward_policy_history ORDER BY version");
    let dense: Vec<_> = (1..=40).map(|version| vec![version.to_string()]).collect();
    assert_eq!(versions, dense);
    Books::of_database(&database).agree();
}

const TO_REVOKE: &str = "DOORWARD_TEST_REVOKE";

/// What the other process does.
fn revoke(text: &str) {
    let [url, acme, key] = text.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{text}") };
    open(patient(url)).revoke_key(&acme.parse().unwrap(), &key.parse().unwrap()).unwrap();
}

#[test]
fn a_lookup_after_a_revocation_by_another_process_is_refused() {
    // The test starts itself as the other process.
    if let Ok(text) = std::env::var(TO_REVOKE) {
        return revoke(&text);
    }
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    for _ in 0..3 {
        let key = stage.key();
        assert!(is_let_in(&stage.door, &key.token));
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crowds::a_lookup_after_a_revocation_by_another_process_is_refused"])
            .env(TO_REVOKE, format!("{} {} {}", database.url(), stage.acme, key.record.id))
            .output()
            .unwrap();
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(verify(&stage.door, &key.token), Verdict::Refused(Reason::Revoked));
    }
}

#[test]
fn equal_lookups_at_once_never_miss_a_revocation_that_came_before_them() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let other = open(patient(&database.url()));
    let asked = AtomicU64::new(0);
    for _ in 0..10 {
        let key = stage.key();
        let revoked = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    loop {
                        let was_revoked = revoked.load(SeqCst);
                        let verdict = verify(&stage.door, &key.token);
                        asked.fetch_add(1, SeqCst);
                        match verdict {
                            Verdict::Granted(_) => assert!(!was_revoked, "let in after the revocation"),
                            refused => assert_eq!(refused, Verdict::Refused(Reason::Revoked)),
                        }
                        if was_revoked {
                            break;
                        }
                    }
                });
            }
            let before = asked.load(SeqCst);
            doorward_test_servers::wait_until("lookups are under way", AGES, || asked.load(SeqCst) > before + 16);
            other.revoke_key(&stage.acme, &key.record.id).unwrap();
            revoked.store(true, SeqCst);
        });
    }
}

#[test]
fn lookups_of_different_keys_at_once_are_answered_each_for_itself() {
    let database = Database::fresh();
    let stages: Vec<_> = (0..8).map(|_| Stage::new(patient(&database.url()))).collect();
    let keys: Vec<_> = stages.iter().map(Stage::key).collect();
    let door = &stages[0].door;
    thread::scope(|scope| {
        for (stage, key) in stages.iter().zip(&keys) {
            scope.spawn(move || {
                for _ in 0..50 {
                    let caller = verify(door, &key.token).granted().expect("the key is good");
                    assert_eq!(caller.institution_id(), Some(&stage.acme));
                    let record = door.find_by_token(key.token.reveal()).unwrap();
                    assert_eq!(record.map(|record| record.id), Some(key.record.id.clone()));
                }
            });
            scope.spawn(move || {
                let unknown = other_token();
                for _ in 0..50 {
                    assert_eq!(verify(door, &unknown), Verdict::Refused(Reason::Unknown));
                }
            });
        }
    });
}

/// A well-formed token that nobody has.
fn other_token() -> doorward::Token {
    let memory = doorward::Doorward::open(doorward::Config::memory()).unwrap();
    let acme = crate::stage::institution(&memory);
    memory.create_key(&acme, NewKey::new("elsewhere", Role::Admin)).unwrap().token
}

#[test]
fn an_exhausted_pool_names_the_variable_that_bounds_it() {
    let database = Database::fresh();
    let limits = patient(&database.url()).acquire_timeout(Duration::from_millis(300)).unwrap().pool_max(1).unwrap();
    let stage = Stage::new(limits);
    let key = stage.key();
    let slow = Slow::make(&database, "audit_events", 3);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| stage.door.list_audit_events(&AuditQuery::default()));
        slow.wait_until_read();
        let error = is_unavailable(stage.door.get_institution(&stage.acme));
        assert!(error.to_string().contains("DOORWARD_POOL_MAX"), "{error}");
        assert_eq!(verify(&stage.door, &key.token), Verdict::Refused(Reason::StoreUnavailable));
        waiting.join().unwrap().unwrap();
    });
    drop(slow);
    assert!(is_let_in(&stage.door, &key.token));
    stage.key();
}

#[test]
fn what_waits_for_locks_leaves_a_connection_for_lookups() {
    let database = Database::fresh();
    let limits = patient(&database.url()).acquire_timeout(Duration::from_secs(2)).unwrap().pool_max(2).unwrap();
    let stage = Stage::new(limits);
    let key = stage.key();
    let holder = Holder::begin(&database.url(), "LOCK TABLE doorward.audit_events IN ACCESS EXCLUSIVE MODE");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| stage.door.list_audit_events(&AuditQuery::default()));
        }
        wait_until_locked_out(&database, 1);
        for _ in 0..50 {
            assert!(is_let_in(&stage.door, &key.token));
        }
        holder.release();
    });
}

#[test]
fn lookups_get_their_turn_among_changes_that_wait_for_a_lock_even_on_one_connection() {
    let database = Database::fresh();
    let stage = Stage::new(options(&database.url(), AGES).pool_max(1).unwrap());
    let key = stage.key();
    let holder = Holder::begin(&database.url(), "SELECT 1 FROM doorward.doorward_generation FOR UPDATE");
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| stage.key());
        }
        wait_until_locked_out(&database, 1);
        for _ in 0..3 {
            assert!(is_let_in(&stage.door, &key.token));
        }
        holder.release();
    });
    let books = Books::of_database(&database);
    books.agree();
    assert_eq!(books.keys, 17);
}

#[test]
fn a_large_import_has_the_time_of_all_its_statements() {
    const KEYS: u64 = 50_000;
    let database = Database::fresh();
    let limits = options(&database.url(), Duration::from_secs(1)).statement_timeout(Duration::from_secs(3)).unwrap();
    let stage = Stage::new(limits);
    // Each statement takes a second: all of them more than any other change may.
    database.psql(
        "CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$; \
         CREATE TRIGGER rest BEFORE INSERT ON doorward.api_keys FOR EACH STATEMENT EXECUTE FUNCTION rest()",
    );
    let key =
        |number: u64| ImportedKey { key_hash: KeyHash::of(&number.to_string()), key: NewKey::new("imported", Role::ReadOnly) };
    let report = stage.door.import_keys(&stage.acme, (0..KEYS).map(key).collect(), false).unwrap();
    assert_eq!(report.imported.len() as u64, KEYS);
    let books = Books::of_database(&database);
    books.agree();
    assert_eq!(books.keys, KEYS);
}
