//! Servers that crash, restart and hand over to a standby while threads write: what was acknowledged is there, nothing is
//! there twice, and the store goes on without being opened again.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
    time::Duration,
};

use doorward::{NewKey, PostgresOptions, Reason, Role};
use doorward_test_servers::{Postgres, wait_until};

use crate::stage::{AGES, Books, Stage, is_let_in, options, patient, verify};

const WRITERS: usize = 4;

/// How often a server is maltreated; in the long form of the tests more often.
fn times() -> usize {
    if std::env::var_os("DOORWARD_SOAK").is_some() { 30 } else { 3 }
}

/// Has threads create keys and revoke every second one while `trouble` is made, which is told how to wait until they have
/// got on. All of their operations succeed, since the server comes back in time; then what they did is compared with what
/// is stored.
fn write_through(options: PostgresOptions, trouble: impl FnOnce(&dyn Fn()), stored: impl Fn(&str) -> Vec<Vec<String>>) {
    let stage = Stage::new(options);
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let acknowledged: HashMap<String, bool> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (stage, stop, done) = (&stage, &stop, &done);
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    while !stop.load(Relaxed) {
                        let new = NewKey::new(format!("key {writer} {}", mine.len()), Role::ReadOnly);
                        let created = stage.door.create_key(&stage.acme, new).unwrap();
                        assert!(is_let_in(&stage.door, &created.token));
                        let revoke = mine.len() % 2 == 1;
                        if revoke {
                            stage.door.revoke_key(&stage.acme, &created.record.id).unwrap();
                            assert!(verify(&stage.door, &created.token).granted().is_none());
                        }
                        mine.push((created.record.id.to_string(), revoke));
                        done.fetch_add(1, Relaxed);
                    }
                    mine
                })
            })
            .collect();
        let get_on = || {
            let before = done.load(Relaxed);
            wait_until("the writers get on", AGES, || done.load(Relaxed) >= before + 2 * WRITERS);
        };
        get_on();
        trouble(&get_on);
        get_on();
        stop.store(true, Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let rows = stored("SELECT id, revoked_at IS NOT NULL, label FROM doorward.api_keys");
    let found: HashMap<String, bool> = rows.iter().map(|row| (row[0].clone(), row[1] == "t")).collect();
    assert_eq!((found.len(), rows.len()), (acknowledged.len(), acknowledged.len()), "as many keys as were made");
    assert_eq!(found, acknowledged);
    Books::of(stored, None).agree();
}

#[test]
fn nothing_is_lost_or_doubled_when_the_server_is_killed_and_comes_back() {
    let server = Postgres::builder().durable().start();
    let trouble = |get_on: &dyn Fn()| {
        for _ in 0..times() {
            server.kill();
            server.start_again();
            get_on();
        }
    };
    write_through(patient(&server.url()), trouble, |sql| server.query(sql));
}

#[test]
fn nothing_is_lost_or_doubled_when_the_server_restarts() {
    let server = Postgres::start();
    let trouble = |get_on: &dyn Fn()| {
        for _ in 0..times() {
            server.restart();
            get_on();
        }
    };
    write_through(patient(&server.url()), trouble, |sql| server.query(sql));
}

#[test]
fn nothing_is_lost_or_doubled_when_every_session_is_ended_again_and_again() {
    let server = Postgres::start();
    let trouble = |get_on: &dyn Fn()| {
        for _ in 0..5 * times() {
            server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doorward'");
            get_on();
        }
    };
    write_through(patient(&server.url()), trouble, |sql| server.query(sql));
}

#[test]
fn a_standby_that_is_promoted_takes_over_and_nothing_acknowledged_is_lost() {
    let primary = Postgres::start();
    let standby = primary.standby();
    primary.psql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.psql("SELECT pg_reload_conf()");
    wait_until("the standby is waited for", AGES, || primary.query("SELECT sync_state FROM pg_stat_replication") == [["sync"]]);
    let url = format!("postgres://postgres@localhost:{},localhost:{}/postgres", primary.port(), standby.port());
    let trouble = |_: &dyn Fn()| {
        primary.kill();
        standby.promote();
    };
    write_through(patient(&url), trouble, |sql| standby.query(sql));
}

#[test]
fn a_change_that_no_standby_confirms_is_not_acknowledged() {
    let server = Postgres::start();
    let stage = Stage::new(options(&server.url(), Duration::from_secs(1)));
    let known = stage.key();
    let reload = |statement: &str| {
        server.psql(statement);
        server.psql("SELECT pg_reload_conf()");
    };
    reload("ALTER SYSTEM SET synchronous_standby_names = 'away'");
    wait_until("commits wait for a standby", AGES, || server.query("SHOW synchronous_standby_names") == [["away"]]);
    let error = stage.door.create_key(&stage.acme, NewKey::new("unconfirmed", Role::Admin)).unwrap_err();
    assert_eq!(error.reason(), Reason::OutcomeUnknown, "{error:?}");
    assert!(is_let_in(&stage.door, &known.token));

    reload("ALTER SYSTEM RESET synchronous_standby_names");
    wait_until("the commit that waited is done", AGES, || Books::of(|sql| server.query(sql), None).keys == 2);
    stage.key();
    Books::of(|sql| server.query(sql), None).agree();
}
