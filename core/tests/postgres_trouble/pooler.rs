//! PgBouncer, pooling by transaction.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use doorward::{
    ApiKeyQuery, ErrorKind, NewKey, PolicyConfig, Position, Reason, Role,
    store::{Backend, postgres::PostgresStore},
    testkit,
};
use doorward_test_servers::{PgBouncer, Postgres};

use crate::stage::{AGES, Books, Stage, is_let_in, patient};

fn pooled(pooler: &PgBouncer) -> String {
    format!("{}?pgbouncer=true", pooler.url())
}

#[test]
fn every_rule_of_a_store_holds_behind_it() {
    let server = Postgres::start();
    let pooler = PgBouncer::with_settings(&server, &[("default_pool_size", "5"), ("max_client_conn", "2000")]);
    let made = AtomicUsize::new(0);
    let report = testkit::check(|| {
        let schema = format!("case_{}", made.fetch_add(1, Relaxed));
        let store = PostgresStore::open(patient(&pooled(&pooler)).schema(&schema)?)?;
        Ok(Arc::new(store) as Arc<dyn Backend>)
    });
    assert!(report.passed(), "{report}");
}

#[test]
fn more_threads_than_it_has_connections_work_through_it_without_mixing_anything_up() {
    const THREADS: usize = 16;
    let server = Postgres::start();
    let pooler = PgBouncer::with_settings(&server, &[("default_pool_size", "3"), ("max_client_conn", "500")]);
    // As many handles as there might be processes: their connections are each other's strangers.
    let stages: Vec<_> = (0..4).map(|_| Stage::new(patient(&pooled(&pooler)))).collect();
    let us = "US".parse().unwrap();
    thread::scope(|scope| {
        for (number, stage) in (0..THREADS).zip(stages.iter().cycle()) {
            scope.spawn(move || {
                for round in 0..8 {
                    let name = format!("key {number} {round}");
                    let made = stage.door.create_key(&stage.acme, NewKey::new(name.clone(), Role::Admin)).unwrap();
                    let caller = stage.door.authenticate(made.token.reveal(), &doorward::Request::new()).unwrap();
                    assert_eq!(caller.institution_id(), Some(&stage.acme));
                    assert_eq!(stage.door.get_key(&stage.acme, &made.record.id).unwrap().label, name);
                    assert_eq!(stage.door.find_by_token(made.token.reveal()).unwrap().unwrap().label, name);
                    let config = PolicyConfig::from_json(r#"{"position":{"maxAmount":5}}"#).unwrap();
                    stage.door.upsert_policy(&stage.acme, us, config, None).unwrap();
                    let position = Position::parse("6", "USD").unwrap();
                    assert!(!stage.door.check_position(&stage.acme, us, &position).unwrap().allowed);
                    let request = doorward::Request::new();
                    let admitted = stage.door.admit(made.token.reveal(), &request, None, us, &position).unwrap();
                    assert!(!admitted.decision.allowed);
                    let listed = stage.door.list_keys(&ApiKeyQuery::of(stage.acme.clone())).unwrap();
                    assert!(listed.items.iter().all(|key| key.institution_id == stage.acme));
                    stage.door.revoke_key(&stage.acme, &made.record.id).unwrap();
                    assert!(!is_let_in(&stage.door, &made.token));
                }
            });
        }
    });
    let books = Books::of(|sql| server.query(sql), None);
    books.agree();
    let made = u64::try_from(THREADS * 8).unwrap();
    assert_eq!((books.keys, books.live_keys, books.versions), (made, 0, made));
    for stage in stages {
        stage.door.close(AGES).unwrap();
    }
}

#[test]
fn without_its_parameter_in_the_url_the_error_says_to_add_it() {
    let server = Postgres::start();
    let strict = PgBouncer::before(&server);
    // This one passes over the parameters of a session, and would mix up prepared statements.
    let lenient = PgBouncer::with_settings(&server, &[("ignore_startup_parameters", "options")]);
    for pooler in [&strict, &lenient] {
        let error = PostgresStore::open(patient(&pooler.url())).map(drop).unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Config, Reason::CannotOpen), "{error:?}");
        assert_eq!(error.blamed_field(), Some("DATABASE_URL"));
        assert!(error.to_string().contains("pgbouncer=true"), "{error}");
    }
}

#[test]
fn its_own_refusals_are_told_apart() {
    const PASSWORD: &str = "Xyzzy-Plugh";
    let server = Postgres::builder().password("the right password").start();
    let pooler = PgBouncer::before(&server);
    let refused = |url: String| {
        let error = PostgresStore::open(patient(&format!("{url}?pgbouncer=true"))).map(drop).unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Config, Reason::CannotOpen), "{error:?}");
        assert!(!format!("{error:?}").contains(PASSWORD));
        error.to_string()
    };
    let wrong = refused(pooler.url_as("postgres", Some(PASSWORD), "postgres"));
    assert!(wrong.contains("check"), "{wrong}");
    let unknown = refused(pooler.url_as("nobody_known", Some(PASSWORD), "postgres"));
    assert!(unknown.contains("check"), "{unknown}");
    let missing = refused(pooler.url_for("missing"));
    assert!(missing.contains("check"), "{missing}");
}

#[test]
fn its_server_may_be_killed_and_come_back() {
    let server = Postgres::builder().durable().start();
    let pooler = PgBouncer::with_settings(&server, &[("server_login_retry", "1")]);
    let stage = Stage::new(patient(&pooled(&pooler)));
    let key = stage.key();
    server.kill();
    server.start_again();
    assert!(is_let_in(&stage.door, &key.token));
    assert!(is_let_in(&stage.door, &stage.key().token));
    Books::of(|sql| server.query(sql), None).agree();
}
