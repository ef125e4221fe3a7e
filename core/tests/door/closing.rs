//! Closing a handle, and a caller whose key dies during its request.

use std::{
    future::Future,
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use doorward::{
    AuditQuery, Config, Doorward, Error, ErrorKind, NewInstitution, NewKey, Outcome, Position, Reason, Request, Role, Verdict,
    store::sqlite::{SqliteOptions, SqliteStore},
};
use pollster::block_on;
use rusqlite::Connection;

use crate::stage::{AGES, Stage};

#[test]
fn closing_writes_what_was_gathered() {
    let stage = Stage::sqlite();
    let key = stage.key(Role::ReadOnly);
    stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
    for _ in 0..7 {
        stage.door.authenticate("a bad token", &Request::new()).unwrap_err();
    }
    block_on(stage.door.to_async().close(AGES)).unwrap();

    let door = Doorward::open(Config::sqlite(stage.file())).unwrap();
    assert!(door.get_key(&stage.acme, &key.record.id).unwrap().last_used_at.is_some());
    let events = door.list_audit_events(&AuditQuery::default()).unwrap().items;
    let refused = &events.iter().find(|event| event.entry.outcome == Outcome::Refused).unwrap().entry;
    assert_eq!(refused.payload["count"], 7);
}

/// A door whose changes wait for ages while another process writes to its file, with a refusal that is still to be written.
fn patient() -> (Stage, Connection) {
    let mut stage = Stage::sqlite();
    let options = SqliteOptions { busy_timeout: AGES, ..SqliteOptions::default() };
    let store = SqliteStore::open(stage.file(), options).unwrap();
    stage.door = Doorward::with_backend(Arc::new(store), Config::memory());
    stage.door.authenticate("a bad token", &Request::new()).unwrap_err();
    let other = Connection::open(stage.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (stage, other)
}

/// What was written of the refusal, seen by another handle.
fn refusals(stage: &Stage) -> usize {
    let door = Doorward::open(Config::sqlite(stage.file())).unwrap();
    let events = door.list_audit_events(&AuditQuery::default()).unwrap().items;
    events.iter().filter(|event| event.entry.outcome == Outcome::Refused).count()
}

#[test]
fn a_close_ends_at_its_deadline_although_another_process_writes_and_the_next_one_finishes_it() {
    type Close = fn(&Doorward, Duration) -> Result<(), Error>;
    let closes: [Close; 2] = [Doorward::close, |door, deadline| block_on(door.to_async().close(deadline))];
    for close in closes {
        let (stage, other) = patient();
        // Were it to wait for the other process, it would end as `busy`, after ages.
        let error = close(&stage.door, Duration::from_millis(50)).unwrap_err();
        assert_eq!((error.reason(), error.operation()), (Reason::StoreUnavailable, Some("close")));
        is_closed(stage.door.get_institution(&stage.acme));
        drop(other);
        close(&stage.door, AGES).unwrap();
        close(&stage.door, AGES).unwrap();
        assert_eq!(refusals(&stage), 1);
    }
}

#[test]
fn a_close_whose_caller_went_away_closes_the_store_all_the_same() {
    let (stage, other) = patient();
    let door = stage.door.to_async();
    let mut close = Box::pin(door.close(AGES));
    assert!(close.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(close);
    drop(other);
    let begin = Instant::now();
    // The last connection to the file takes the log away.
    while stage.file().with_extension("db-wal").exists() {
        assert!(begin.elapsed() < AGES, "the store was never closed");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(refusals(&stage), 1);
}

#[test]
fn dropping_the_last_handle_writes_what_was_gathered_in_the_background() {
    let stage = Stage::sqlite();
    let key = stage.key(Role::ReadOnly);
    let door = Doorward::open(Config::sqlite(stage.file())).unwrap();
    door.authenticate(key.token.reveal(), &Request::new()).unwrap();
    drop(door);
    let begin = Instant::now();
    while stage.door.get_key(&stage.acme, &key.record.id).unwrap().last_used_at.is_none() {
        assert!(begin.elapsed() < AGES, "the use was never written");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_closed<T>(answer: Result<T, Error>) {
    let error = answer.err().unwrap();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Closed, Reason::HandleClosed));
}

#[test]
fn every_face_of_a_closed_handle_answers_closed() {
    for stage in Stage::each() {
        let Stage { door, acme, .. } = &stage;
        let key = stage.key(Role::Admin);
        let token = key.token.reveal();
        let request = Request::new();
        let (us, position) = ("US".parse().unwrap(), Position::parse("1", "USD").unwrap());
        let caller = door.authenticate(token, &request).unwrap();
        let (session, clone, later) = (door.session(caller.clone(), request.clone()), door.clone(), door.to_async());
        let later_session = later.session(caller, request.clone());
        door.close(AGES).unwrap();

        for door in [door, &clone] {
            is_closed(door.authenticate(token, &request));
            is_closed(door.admit(token, &request, None, us, &position));
            is_closed(door.find_by_token(token));
            is_closed(door.get_institution(acme));
            is_closed(door.create_key(acme, NewKey::new("x", Role::Admin)));
            is_closed(door.create_institution(NewInstitution::new("x", [us])));
            is_closed(door.check_position(acme, us, &position));
            assert_eq!(door.verify(token, &request), Verdict::Refused(Reason::HandleClosed));
            let health = door.health();
            assert_eq!((health.reachable, health.error), (false, Some(Reason::HandleClosed)));
        }
        is_closed(session.create_key(acme, NewKey::new("x", Role::Admin)));
        is_closed(session.check_position(acme, us, &position));
        block_on(async {
            is_closed(later.authenticate(token, &request).await);
            is_closed(later.admit(token, &request, None, us, &position).await);
            is_closed(later.find_by_token(token).await);
            is_closed(later.create_key(acme, NewKey::new("x", Role::Admin)).await);
            assert_eq!(later.verify(token, &request).await, Verdict::Refused(Reason::HandleClosed));
            assert_eq!(later.health().await.error, Some(Reason::HandleClosed));
            is_closed(later_session.create_key(acme, NewKey::new("x", Role::Admin)).await);
            is_closed(later_session.check_position(acme, us, &position).await);
            later.close(AGES).await.unwrap();
        });
        door.close(AGES).unwrap();
        clone.close(AGES).unwrap();
        // What was counted can still be read.
        assert_eq!(door.metrics().count("create_key", "ok"), 1);
    }
}

#[test]
fn a_caller_whose_key_was_revoked_meanwhile_reads_but_changes_nothing() {
    for stage in Stage::each() {
        let Stage { door, acme, .. } = &stage;
        let key = stage.key(Role::Admin);
        let caller = door.authenticate(key.token.reveal(), &Request::new()).unwrap();
        let session = door.session(caller.clone(), Request::new());
        let later = door.to_async().session(caller, Request::new());
        session.create_key(acme, NewKey::new("while it was good", Role::Admin)).unwrap();
        door.revoke_key(acme, &key.record.id).unwrap();
        let generation = door.health().generation;

        assert_eq!(session.list_keys(&stage.all_keys()).unwrap().items.len(), 1);
        let not_active = |error: Error| {
            assert_eq!((error.kind(), error.reason()), (ErrorKind::Forbidden, Reason::ActorNotActive));
        };
        not_active(session.create_key(acme, NewKey::new("x", Role::Admin)).unwrap_err());
        not_active(session.revoke_all_keys(acme).unwrap_err());
        not_active(session.delete_policy(acme, "US".parse().unwrap(), None).unwrap_err());
        not_active(block_on(later.create_key(acme, NewKey::new("x", Role::Admin))).unwrap_err());
        assert_eq!(door.list_keys(&stage.all_keys()).unwrap().items.len(), 1);
        assert_eq!(door.health().generation, generation);

        // Every act that was forbidden is in the trail, whoever found out that it was.
        let query = AuditQuery { actor: Some(doorward::Actor::Key(key.record.id)), ..AuditQuery::default() };
        let events = door.list_audit_events(&query).unwrap().items;
        let forbidden = events.iter().filter(|event| event.entry.outcome == Outcome::Forbidden);
        assert_eq!(forbidden.filter(|event| event.entry.error.as_deref() == Some("actor_not_active")).count(), 4);
    }
}

#[test]
fn a_key_that_was_rotated_without_grace_is_refused_at_once() {
    let door = Doorward::open(Config::memory()).unwrap();
    let id = door.create_institution(NewInstitution::new("Acme", [])).unwrap().id;
    for _ in 0..200 {
        let key = door.create_key(&id, NewKey::new("old", Role::Admin)).unwrap();
        door.rotate_key(&id, &key.record.id, Duration::ZERO).unwrap();
        let verdict = door.verify(key.token.reveal(), &Request::new());
        assert_eq!(verdict, Verdict::Refused(Reason::Expired));
    }
}
