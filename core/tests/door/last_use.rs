//! When a key was last accepted: shown at once by memory, written in batches by SQLite.

use std::time::Duration;

use doorward::{Config, Doorward, Request, Role, Timestamp};

use crate::{
    clock::wait_until_after,
    stage::{AGES, Stage},
};

/// The kernel's coarse clock, by which uses are dated in memory, may be this far behind; and memory keeps whole seconds.
const COARSE: Duration = Duration::from_millis(1100);

#[test]
fn memory_shows_a_use_at_once() {
    let stage = Stage::memory();
    let key = stage.key(Role::ReadOnly);
    let show = || stage.door.get_key(&stage.acme, &key.record.id).unwrap();
    assert_eq!(show().last_used_at, None);
    let (before, generation) = (Timestamp::now(), stage.door.health().generation);
    stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
    let shown = show();
    let used = shown.last_used_at.unwrap();
    assert!(used.plus(COARSE) >= before && used <= Timestamp::now(), "{used} is not about {before}");
    assert_eq!((shown.version, stage.door.health().generation), (1, generation));
}

#[test]
fn sqlite_has_a_use_after_it_was_closed_and_opened_again_and_raises_no_generation() {
    let stage = Stage::sqlite();
    let key = stage.key(Role::ReadOnly);
    let (before, generation) = (Timestamp::now(), stage.door.health().generation);
    for _ in 0..100 {
        stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
    }
    let after = Timestamp::now();
    stage.door.close(AGES).unwrap();

    let door = Doorward::open(Config::sqlite(stage.file())).unwrap();
    let shown = door.get_key(&stage.acme, &key.record.id).unwrap();
    let used = shown.last_used_at.unwrap();
    assert!(before <= used && used <= after, "{used} is not between {before} and {after}");
    assert_eq!((shown.version, door.health().generation), (1, generation));
}

#[test]
fn a_late_batch_does_not_move_a_use_backwards() {
    let stage = Stage::sqlite();
    let key = stage.key(Role::ReadOnly);
    let other = Doorward::open(Config::sqlite(stage.file())).unwrap();
    stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
    let first = Timestamp::now();
    wait_until_after(first);
    other.authenticate(key.token.reveal(), &Request::new()).unwrap();
    other.close(AGES).unwrap();
    stage.door.close(AGES).unwrap();

    let door = Doorward::open(Config::sqlite(stage.file())).unwrap();
    assert!(door.get_key(&stage.acme, &key.record.id).unwrap().last_used_at.unwrap() > first);
}

#[test]
fn a_refused_caller_leaves_no_use() {
    for stage in Stage::each() {
        let key = stage.key(Role::ReadOnly);
        stage.door.disable_key(&stage.acme, &key.record.id).unwrap();
        stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap_err();
        stage.door.find_by_token(key.token.reveal()).unwrap();
        assert_eq!(stage.door.get_key(&stage.acme, &key.record.id).unwrap().last_used_at, None);
    }
}
