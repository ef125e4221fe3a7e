//! A network that cuts, stalls, delays and refuses.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use doorward::{
    Config, Credentials, Doorward, KeyHash, NewKey, Reason, Request, Role, Verdict,
    store::{ApiKeyStore, postgres::PostgresStore},
};
use doorward_test_servers::{Database, Proxy, wait_until};

use crate::stage::{AGES, Books, Stage, is_let_in, is_unavailable, options, patient, verify};

/// How much longer than its limits say an operation may take on a busy machine.
const SLACK: Duration = Duration::from_secs(10);

#[test]
fn connections_that_were_cut_while_idle_are_replaced() {
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let stage = Stage::new(patient(&proxy.url()));
    let mut tokens = vec![stage.key().token];
    for _ in 0..5 {
        proxy.cut();
        assert!(is_let_in(&stage.door, &tokens[0]));
        proxy.cut();
        tokens.push(stage.key().token);
        proxy.cut();
        assert!(stage.door.health().reachable);
    }
    for token in &tokens {
        assert!(is_let_in(&stage.door, token));
    }
    let books = Books::of_database(&database);
    books.agree();
    assert_eq!(books.keys, 6);
}

#[test]
fn lookups_and_changes_go_on_while_connections_are_cut_under_them() {
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let stage = Stage::new(patient(&proxy.url()));
    let known = stage.key();
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let created: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut created = 0;
                    while !stop.load(Relaxed) {
                        assert!(is_let_in(&stage.door, &stage.key().token));
                        created += 1;
                        done.fetch_add(1, Relaxed);
                    }
                    created
                })
            })
            .collect();
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    assert!(is_let_in(&stage.door, &known.token));
                }
            });
        }
        for _ in 0..25 {
            let before = done.load(Relaxed);
            wait_until("work goes on", AGES, || done.load(Relaxed) > before + 1);
            proxy.cut();
        }
        stop.store(true, Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    let books = Books::of_database(&database);
    books.agree();
    assert_eq!(books.keys, created + 1);
}

#[test]
fn a_stalled_network_hangs_nobody_lets_nobody_in_and_is_used_again_afterwards() {
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let limit = Duration::from_secs(1);
    let stage = Stage::new(options(&proxy.url(), limit));
    let known = stage.key();

    proxy.stall(true);
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(verify(&stage.door, &known.token), Verdict::Refused(Reason::StoreUnavailable)));
            scope.spawn(|| is_unavailable(stage.door.create_key(&stage.acme, NewKey::new("stalled", Role::Admin))));
            scope.spawn(|| is_unavailable(stage.door.get_key(&stage.acme, &known.record.id)));
        }
        scope.spawn(|| assert!(!stage.door.health().reachable));
    });
    assert!(begin.elapsed() < 2 * limit + SLACK, "it took {:?}", begin.elapsed());

    proxy.stall(false);
    wait_until("the store answers again", AGES, || is_let_in(&stage.door, &known.token));
    stage.key();
    let books = Books::of_database(&database);
    books.agree();
    assert_eq!(books.keys, 2, "what was said to have failed has failed");
}

#[test]
fn however_many_lookups_meet_while_the_store_is_away_each_waits_only_its_own_time() {
    const LOOKUPS: u64 = 60_000;
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let store = PostgresStore::open(options(&proxy.url(), Duration::from_secs(1))).unwrap();
    proxy.stall(true);
    let begin = Instant::now();
    let replies: Vec<_> = (0..LOOKUPS).map(|number| store.find_credential(&KeyHash::of(&number.to_string()))).collect();
    for reply in replies {
        is_unavailable(reply.wait());
    }
    assert!(begin.elapsed() < Duration::from_secs(2) + SLACK, "it took {:?}", begin.elapsed());
    proxy.stall(false);
    let found = || store.find_credential(&KeyHash::of("nobody's")).wait();
    wait_until("the store answers again", AGES, || found().is_ok());
}

#[test]
fn a_slow_network_is_waited_for() {
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let stage = Stage::new(patient(&proxy.url()));
    proxy.delay(Duration::from_millis(20), Duration::from_millis(20));
    let key = stage.key();
    assert!(is_let_in(&stage.door, &key.token));
    proxy.cut();
    assert!(is_let_in(&stage.door, &stage.key().token));
    Books::of_database(&database).agree();
}

#[test]
fn while_the_store_is_away_nobody_is_let_in_but_root_and_it_comes_back() {
    const ROOT: &str = "a root token of thirty-two characters or more";
    let database = Database::fresh();
    let proxy = Proxy::before(&database.url());
    let config = Config::postgres(options(&proxy.url(), Duration::from_millis(500))).root_token(ROOT).unwrap();
    let door = Doorward::open(config).unwrap();
    let acme = crate::stage::institution(&door);
    let key = door.create_key(&acme, NewKey::new("a key", Role::Admin)).unwrap();
    assert!(is_let_in(&door, &key.token));

    proxy.refuse(true);
    proxy.cut();
    assert_eq!(verify(&door, &key.token), Verdict::Refused(Reason::StoreUnavailable));
    is_unavailable(door.authenticate(key.token.reveal(), &Request::new()));
    is_unavailable(door.find_by_token(key.token.reveal()));
    let position = doorward::Position::parse("1", "USD").unwrap();
    is_unavailable(door.admit(key.token.reveal(), &Request::new(), None, "US".parse().unwrap(), &position));
    is_unavailable(door.check_position(&acme, "US".parse().unwrap(), &position));
    is_unavailable(door.create_key(&acme, NewKey::new("another", Role::Admin)));
    assert!(door.verify(Credentials::token(ROOT), &Request::new()).granted().is_some());
    let health = door.health();
    assert_eq!((health.reachable, health.error), (false, Some(Reason::StoreUnavailable)));

    proxy.refuse(false);
    wait_until("the store is used again", AGES, || is_let_in(&door, &key.token));
    door.create_key(&acme, NewKey::new("another", Role::Admin)).unwrap();
    Books::of_database(&database).agree();
}
