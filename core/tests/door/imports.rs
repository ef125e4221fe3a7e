//! A large import: all of it or nothing, for whoever looks while it goes on.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
};

use doorward::{AddressList, Config, Doorward, ImportedKey, KeyHash, NewKey, Reason, Request, Role, Verdict};

use crate::stage::Stage;

const KEYS: usize = 2_000;

fn token(round: usize, number: usize) -> String {
    format!("ak_made_elsewhere_{round}_{number}")
}

/// Keys of every kind that is looked up in a way of its own.
fn keys(round: usize) -> Vec<ImportedKey> {
    let key = |number: usize| {
        let key = NewKey::new("imported", Role::ReadOnly);
        let key = if number.is_multiple_of(3) { key.allowed_addresses(AddressList::new(["192.0.2.0/24"]).unwrap()) } else { key };
        ImportedKey { key_hash: KeyHash::of(&token(round, number)), key }
    };
    (0..KEYS).map(key).collect()
}

/// Whether the key is there, asked in one of the ways there are.
fn is_there(door: &Doorward, token: &str, way: usize) -> bool {
    let request = Request::new().peer("192.0.2.7".parse().unwrap());
    match way % 3 {
        0 => door.find_by_token(token).unwrap().is_some(),
        1 => matches!(door.verify(token, &request), Verdict::Granted(_)),
        _ => {
            let position = doorward::Position::parse("1", "USD").unwrap();
            match door.admit(token, &request, None, "US".parse().unwrap(), &position) {
                Ok(_) => true,
                Err(error) if error.reason() == Reason::Unknown => false,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn whoever_has_seen_one_key_of_an_import_sees_all() {
    for (stage, rounds) in [(Stage::memory(), 20), (Stage::sqlite(), 5)] {
        let (round, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
        let door = &stage.door;
        thread::scope(|scope| {
            for reader in 0..3_usize {
                let (round, ended) = (&round, &ended);
                scope.spawn(move || {
                    let mut step = reader;
                    while !ended.load(Relaxed) {
                        let round = round.load(Relaxed);
                        step += 1;
                        if is_there(door, &token(round, step * 7919 % KEYS), step) {
                            for (way, number) in [0, 1, 2, 255, 256, 257, KEYS / 2, KEYS - 2, KEYS - 1].into_iter().enumerate() {
                                let seen = is_there(door, &token(round, number), step + way);
                                assert!(seen, "key {number} is not there, and another one was");
                            }
                        }
                    }
                });
            }
            for number in 0..rounds {
                round.store(number, Relaxed);
                let imported = door.import_keys(&stage.acme, keys(number), false);
                assert_eq!(imported.unwrap().imported.len(), KEYS);
            }
            ended.store(true, Relaxed);
        });
        // The oldest first: the order in which they were imported.
        let mut query = stage.all_keys();
        query.page.order = doorward::Order::OldestFirst;
        let first = door.list_keys(&query).unwrap().items;
        let hashes: Vec<_> = (0..1000).map(|number| KeyHash::of(&token(0, number))).collect();
        assert_eq!(first.iter().map(|key| key.key_hash).collect::<Vec<_>>(), hashes);
    }
}

#[test]
fn an_import_that_fails_leaves_nothing_behind() {
    for stage in [Stage::memory(), Stage::open(Config::sqlite)] {
        let twice = KeyHash::of(&token(1, 1500));
        let old = ImportedKey { key_hash: twice, key: NewKey::new("old", Role::Admin) };
        stage.door.import_keys(&stage.acme, vec![old], false).unwrap();
        let generation = stage.door.health().generation;
        let error = stage.door.import_keys(&stage.acme, keys(1), false).unwrap_err();
        assert_eq!((error.reason(), error.blamed_field()), (Reason::KeyExists, Some("keys[1500].key_hash")));
        for number in [0, 1, 2, 1499, 1501] {
            assert!(!is_there(&stage.door, &token(1, number), number));
        }
        assert_eq!(stage.door.list_keys(&stage.all_keys()).unwrap().items.len(), 1);
        assert_eq!(stage.door.health().generation, generation);
    }
}
