//! The answer of COMMIT is lost, before or after the server has seen it: whatever the change, it is made once.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use doorward::{
    ApiKeyId, AuditQuery, Config, Doorward, ErrorKind, ImportedKey, InstitutionId, KeyHash, KeyPatch, NewInstitution, NewKey,
    Order, PageRequest, PolicyConfig, PolicyPatch, Reason, Role, Token, store::postgres::PostgresStore,
};
use doorward_test_servers::{Database, Moment, Proxy, wait_until};

use crate::stage::{AGES, Books, institution, is_let_in, open, options, patient};

/// What a change needs: an institution of its own, with a key and a policy.
struct Place {
    acme: InstitutionId,
    key: ApiKeyId,
    /// For an institution that is made by the change.
    fresh: InstitutionId,
}

impl Place {
    fn new(door: &Doorward, name: &str) -> Self {
        let acme = institution(door);
        let key = door.create_key(&acme, NewKey::new("first", Role::Admin)).unwrap().record.id;
        door.upsert_policy(&acme, us(), config(100), None).unwrap();
        let fresh = format!("{name}-{key}").parse().unwrap();
        Self { acme, key, fresh }
    }
}

/// A kind of change, what it adds, and the tokens that it gives.
struct Kind {
    name: &'static str,
    keys: u64,
    versions: u64,
    make: fn(&Doorward, &Place) -> doorward::Result<Vec<Token>>,
}

fn us() -> doorward::Region {
    "US".parse().unwrap()
}

fn config(most: u32) -> PolicyConfig {
    PolicyConfig::from_json(&format!(r#"{{"position":{{"maxAmount":{most}}}}}"#)).unwrap()
}

fn two() -> Vec<NewKey> {
    vec![NewKey::new("one", Role::Admin), NewKey::new("two", Role::ReadOnly)]
}

const KINDS: [Kind; 11] = [
    Kind {
        name: "create_institution",
        keys: 0,
        versions: 0,
        make: |door, place| {
            let new = NewInstitution::new("Fresh", [us()]).with_id(place.fresh.clone());
            assert_eq!(door.create_institution(new)?.id, place.fresh);
            Ok(vec![])
        },
    },
    Kind {
        name: "create_key",
        keys: 1,
        versions: 0,
        make: |door, place| Ok(vec![door.create_key(&place.acme, NewKey::new("new", Role::Admin))?.token]),
    },
    Kind {
        name: "create_keys",
        keys: 2,
        versions: 0,
        make: |door, place| Ok(door.create_keys(&place.acme, two())?.into_iter().map(|created| created.token).collect()),
    },
    Kind {
        name: "import_keys",
        keys: 2,
        versions: 0,
        make: |door, place| {
            let hash = |number| KeyHash::of(&format!("{} {number}", place.key));
            let keys = two().into_iter().zip(0..).map(|(key, number)| ImportedKey { key_hash: hash(number), key });
            assert_eq!(door.import_keys(&place.acme, keys.collect(), false)?.imported.len(), 2);
            Ok(vec![])
        },
    },
    Kind {
        name: "rotate_key",
        keys: 1,
        versions: 0,
        make: |door, place| {
            let rotated = door.rotate_key(&place.acme, &place.key, AGES)?;
            assert_eq!(door.get_key(&place.acme, &place.key).unwrap().version, 2);
            Ok(vec![rotated.token])
        },
    },
    Kind {
        name: "revoke_key",
        keys: 0,
        versions: 0,
        make: |door, place| {
            assert_eq!(door.revoke_key(&place.acme, &place.key)?.version, 2);
            Ok(vec![])
        },
    },
    Kind {
        name: "update_key",
        keys: 0,
        versions: 0,
        make: |door, place| {
            let patch = KeyPatch { label: Some("renamed".into()), expected_version: Some(1), ..KeyPatch::default() };
            assert_eq!(door.update_key(&place.acme, &place.key, patch)?.version, 2);
            Ok(vec![])
        },
    },
    Kind {
        name: "upsert_policy",
        keys: 0,
        versions: 1,
        make: |door, place| {
            assert_eq!(door.upsert_policy(&place.acme, us(), config(200), Some(1))?.version, 2);
            Ok(vec![])
        },
    },
    Kind {
        name: "merge_policy",
        keys: 0,
        versions: 1,
        make: |door, place| {
            let patch = PolicyPatch::from_json(r#"{"position":{"minAmount":5}}"#).unwrap();
            assert_eq!(door.merge_policy(&place.acme, us(), patch, None)?.version, 2);
            Ok(vec![])
        },
    },
    Kind {
        name: "delete_policy",
        keys: 0,
        versions: 1,
        make: |door, place| {
            assert_eq!(door.delete_policy(&place.acme, us(), None)?.version, 1);
            Ok(vec![])
        },
    },
    Kind {
        name: "revoke_all_keys",
        keys: 0,
        versions: 0,
        make: |door, place| {
            assert_eq!(door.revoke_all_keys(&place.acme)?, 1);
            Ok(vec![])
        },
    },
];

/// Makes the change while `trouble` is under way, and sees that it was made once: one audit entry, one generation, as many
/// keys and versions of the policy as it adds.
fn made_once(database: &Database, direct: &Doorward, door: &Doorward, kind: &Kind, trouble: impl FnOnce() + Send) {
    let place = Place::new(direct, kind.name);
    let whose = if kind.name == "create_institution" { &place.fresh } else { &place.acme };
    let count = || Books::of(|sql| database.query(sql), Some(whose));
    let before = count();
    let made = thread::scope(|scope| {
        let making = scope.spawn(|| (kind.make)(door, &place));
        trouble();
        making.join().unwrap_or_else(|_| panic!("{} panicked", kind.name))
    });
    let tokens = made.unwrap_or_else(|error| panic!("{}: {error:?}", kind.name));
    let after = count();
    let grown =
        (after.audited - before.audited, after.fed - before.fed, after.keys - before.keys, after.versions - before.versions);
    assert_eq!(grown, (1, 1, kind.keys, kind.versions), "{}", kind.name);
    for token in &tokens {
        assert!(is_let_in(door, token) && is_let_in(direct, token), "{}: a token is not good", kind.name);
    }
}

fn each_kind_is_made_once_where_commits_are_lost(moment: Moment) {
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let direct = open(patient(&database.url()));
    let door = open(patient(&proxy.url()));
    for (kind, fired) in KINDS.iter().zip(1..) {
        proxy.drop_at_commit(moment);
        made_once(&database, &direct, &door, kind, || proxy.wait_until_fired(fired));
    }
    Books::of_database(&database).agree();
}

#[test]
fn a_change_whose_commit_is_lost_on_its_way_to_the_server_is_made_once() {
    each_kind_is_made_once_where_commits_are_lost(Moment::Before);
}

#[test]
fn a_change_whose_commit_is_lost_on_its_way_back_is_made_once() {
    each_kind_is_made_once_where_commits_are_lost(Moment::After);
}

#[test]
fn an_audit_sink_gets_each_change_once_in_the_order_of_the_trail_whatever_becomes_of_commits() {
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let (sender, entries) = mpsc::channel();
    let store = Arc::new(PostgresStore::open(patient(&proxy.url())).unwrap());
    let door = Doorward::with_backend(store, Config::memory().audit_sink(move |entry| sender.send(entry.id).unwrap()));
    let acme = institution(&door);
    for (moment, fired) in [Moment::Before, Moment::After].into_iter().zip(1..) {
        door.create_key(&acme, NewKey::new("undisturbed", Role::Admin)).unwrap();
        proxy.drop_at_commit(moment);
        door.create_key(&acme, NewKey::new("disturbed", Role::Admin)).unwrap();
        proxy.wait_until_fired(fired);
        assert_eq!(door.revoke_key(&acme, &"ak_nobodys".parse().unwrap()).unwrap_err().kind(), ErrorKind::NotFound);
    }
    let page = PageRequest { order: Order::OldestFirst, ..PageRequest::first(100) };
    let trail = door.list_audit_events(&AuditQuery { page, ..AuditQuery::default() }).unwrap().items;
    door.close(AGES).unwrap();
    assert_eq!(trail.len(), 5);
    assert_eq!(entries.iter().collect::<Vec<_>>(), trail.into_iter().map(|event| event.entry.id).collect::<Vec<_>>());
}

/// Kinds at once, each through a proxy of its own.
fn with_held_commits(kinds: &[Kind], statement_timeout: Duration, trouble: fn(&Proxy, &dyn Fn() -> bool)) {
    let database = Database::fresh();
    let direct = open(patient(&database.url()));
    thread::scope(|scope| {
        for kind in kinds {
            let (database, direct) = (&database, &direct);
            scope.spawn(move || {
                let proxy = Proxy::before(&database.url());
                let name = format!("held {}", kind.name);
                let url = format!("{}?application_name={}", proxy.url(), name.replace(' ', "%20"));
                let door = open(patient(&url).statement_timeout(statement_timeout).unwrap());
                proxy.hold_commit();
                made_once(database, direct, &door, kind, || {
                    proxy.wait_until_fired(1);
                    trouble(&proxy, &|| {
                        let waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND application_name";
                        !database.query(&format!("{waits} = '{name}'")).is_empty()
                    });
                });
            });
        }
    });
    Books::of_database(&database).agree();
}

#[test]
fn a_commit_that_arrives_while_the_change_is_tried_again_is_waited_for_and_found() {
    with_held_commits(&KINDS, AGES, |proxy, waits| {
        wait_until("the next attempt waits for the one before", AGES, waits);
        assert_eq!(proxy.release_commit(), Ok("COMMIT".to_owned()));
    });
}

#[test]
fn a_commit_that_never_arrives_is_given_up_by_the_server_and_the_change_is_made_by_the_next_attempt() {
    // Each holds the others up for as long as the server has patience with it.
    with_held_commits(&KINDS[4..8], Duration::from_secs(1), |_, _| {});
}

#[test]
fn a_commit_that_arrives_after_the_change_was_made_anew_changes_nothing() {
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let direct = open(patient(&database.url()));
    let door = open(patient(&proxy.url()).statement_timeout(Duration::from_secs(1)).unwrap());
    proxy.hold_commit();
    made_once(&database, &direct, &door, &KINDS[1], || proxy.wait_until_fired(1));
    let before = Books::of_database(&database);
    proxy.release_commit().unwrap_err();
    assert_eq!(Books::of_database(&database), before);
}

#[test]
fn where_the_outcome_cannot_be_found_out_in_time_it_is_said_to_be_unknown() {
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let direct = open(patient(&database.url()));
    let limit = Duration::from_secs(3);
    let door = open(options(&proxy.url(), Duration::from_millis(200)).statement_timeout(limit).unwrap());
    for arrives in [true, false] {
        let place = Place::new(&direct, "unknown");
        proxy.refuse(false);
        wait_until("the store is reached", AGES, || door.health().reachable);
        proxy.hold_commit();
        let fired = proxy.fired() + 1;
        let error = thread::scope(|scope| {
            let creating = scope.spawn(|| door.create_key(&place.acme, NewKey::new("unknown", Role::Admin)));
            proxy.wait_until_fired(fired);
            proxy.refuse(true);
            proxy.cut();
            if arrives {
                assert_eq!(proxy.release_commit(), Ok("COMMIT".to_owned()));
            }
            creating.join().unwrap().unwrap_err()
        });
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Reason::OutcomeUnknown), "{error:?}");
        if !arrives {
            wait_until("the server gives the transaction up", AGES, || {
                database.query("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'").is_empty()
            });
            proxy.release_commit().unwrap_err();
        }
        let keys = Books::of(|sql| database.query(sql), Some(&place.acme)).keys;
        assert_eq!(keys, if arrives { 2 } else { 1 });
        Books::of_database(&database).agree();
    }
}

#[test]
fn where_the_time_is_over_while_the_server_commits_the_outcome_is_unknown() {
    let database = Database::fresh();
    let direct = open(patient(&database.url()));
    let place = Place::new(&direct, "slow");
    // Half of the time goes before the COMMIT, and the COMMIT takes more than the other half.
    database.psql(
        "CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(TG_ARGV[0]::float8); RETURN NEW; END $$; \
         CREATE TRIGGER slow BEFORE INSERT ON doorward.api_keys FOR EACH ROW EXECUTE FUNCTION rest('2'); \
         CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON doorward.api_keys DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION rest('3.5')",
    );
    let limits = options(&database.url(), Duration::from_secs(1)).statement_timeout(Duration::from_secs(4)).unwrap();
    let error = open(limits).create_key(&place.acme, NewKey::new("slow", Role::Admin)).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Reason::OutcomeUnknown), "{error:?}");
    let keys = || Books::of(|sql| database.query(sql), Some(&place.acme)).keys;
    wait_until("the server has committed", AGES, || keys() == 2);
    Books::of_database(&database).agree();
}
