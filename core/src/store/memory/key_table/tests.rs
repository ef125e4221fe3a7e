//! What the table promises, on small segments, so that replacement happens all the time.

use super::{
    slot::{EXPIRY_MAX, bytes},
    *,
};
use std::{
    collections::HashMap,
    sync::atomic::Ordering::Release,
    thread,
    time::{Duration, Instant},
};

/// A digest as good as random (splitmix64), the same for the same number.
fn digest(number: u64) -> [u8; 32] {
    bytes(array::from_fn::<u64, 4, _>(|i| random(number.wrapping_mul(4) + i as u64)))
}

fn random(number: u64) -> u64 {
    let mut x = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn entry(number: u64) -> Entry {
    let id = bytes([random(number ^ 77), number]);
    Entry { id, tenant: number as u32 ^ 0xabcd_ef01, flags: number as u8, limit: number as u8 & 63, expires_ms: None }
}

fn get(table: &KeyTable, digest: &[u8; 32]) -> Option<Entry> {
    table.find(digest).map(|found| found.entry)
}

#[test]
fn agrees_with_a_hash_map_over_random_operations() {
    let (table, mut writer) = KeyTable::new();
    let mut model: HashMap<[u8; 32], (Entry, u32)> = HashMap::new();
    for step in 0..300_000_u64 {
        let dice = random(step);
        // Phases in which keys are added more often than removed, and the reverse.
        let growing = (step / 20_000) % 2 == 0;
        let number = (dice >> 8) % 2_000;
        let key = digest(number);
        match dice % 16 {
            0..6 => {
                let new = Entry { expires_ms: Some(step), ..entry(number) };
                assert_eq!(writer.insert(&key, &new), !model.contains_key(&key));
                model.entry(key).or_insert((new, 0));
            }
            6..9 if growing => {}
            6..12 => assert_eq!(writer.remove(&key), model.remove(&key).is_some()),
            12 | 13 => {
                let (flags, limit, expires_ms) = (dice as u8, (dice >> 8) as u8 & 63, Some(dice >> 20));
                let changed = writer.set_state(&key, &Entry { flags, limit, expires_ms, ..entry(number) });
                assert_eq!(changed, model.contains_key(&key));
                if let Some((entry, _)) = model.get_mut(&key) {
                    (entry.flags, entry.limit, entry.expires_ms) = (flags, limit, expires_ms);
                }
            }
            _ => {
                if let Some(found) = table.find(&key) {
                    found.stamp(step as u32);
                    model.get_mut(&key).unwrap().1 = step as u32;
                }
            }
        }
        assert_eq!(get(&table, &key), model.get(&key).map(|(entry, _)| *entry));
        assert_eq!(writer.len(), model.len());
    }
    let held: HashMap<_, _> = writer.iter().map(|found| (found.digest(), (found.entry, found.last_used))).collect();
    assert_eq!(writer.iter().count(), model.len());
    assert_eq!(held, model);
    for number in 0..2_000 {
        assert_eq!(get(&table, &digest(number)).is_some(), model.contains_key(&digest(number)));
    }
    // Recycling works: thousands of replacements, but memory for the largest state only.
    assert!(table.memory_bytes() < 2_000 * 64 * 6, "{}", table.memory_bytes());
}

#[test]
fn readers_are_right_while_the_writer_changes_everything() {
    const FIXED: u64 = 300;
    const WINDOW: u64 = 200;
    let seconds = std::env::var("KEY_TABLE_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(2));
    let (table, mut writer) = KeyTable::new();
    for number in 0..FIXED {
        assert!(writer.insert(&digest(number), &entry(number)));
    }
    // Key `number` of the moving window is present while removed <= number < added.
    let (added, removed) = (AtomicU64::new(1 << 20), AtomicU64::new(1 << 20));
    let changes = AtomicU64::new(0);
    let changing = digest(u64::MAX >> 4);
    assert!(writer.insert(&changing, &Entry { expires_ms: Some(0), flags: 0, limit: 0, ..entry(1) }));

    let read = &|thread: u64| {
        let mut step = thread << 40;
        while Instant::now() < end {
            step += 1;
            let dice = random(step);
            let number = dice % FIXED;
            let found = table.find(&digest(number)).expect("always present");
            assert_eq!(found.entry, entry(number));
            if dice >> 60 == 0 {
                found.stamp(step as u32);
            }
            assert!(get(&table, &digest(number + (1 << 50))).is_none(), "never present");

            let (low, high) = (removed.load(Acquire), added.load(Acquire));
            let number = low.saturating_sub(20) + (dice >> 16) % (high - low + 20);
            let seen = get(&table, &digest(number));
            if number < low {
                assert_eq!(seen, None, "removed before the search");
            } else if removed.load(Acquire) < number && number < high {
                // `removed` is raised just after each removal.
                assert_eq!(seen, Some(entry(number)), "present during the search");
            }
            // The next key is just being inserted: seen whole, or not yet.
            let number = added.load(Acquire);
            let seen = get(&table, &digest(number));
            assert!(seen.is_none_or(|seen| seen == entry(number)), "seen in part");

            let before = changes.load(Acquire);
            let seen = get(&table, &changing).expect("always present");
            let version = seen.expires_ms.expect("always set");
            assert!(version >= before, "a change made before the search is not seen");
            let expected = (version as u8, version as u8 & 63);
            assert_eq!((seen.flags, seen.limit), expected, "flags, limit and expiry of different changes");
        }
    };
    thread::scope(|scope| {
        (1..=4).for_each(|thread| drop(scope.spawn(move || read(thread))));
        let mut version = 0;
        while Instant::now() < end {
            let high = added.load(Relaxed);
            assert!(writer.insert(&digest(high), &entry(high)));
            added.store(high + 1, Release);
            let low = removed.load(Relaxed);
            // Now and then the window shrinks to nothing, so that segments are rebuilt too.
            let keep = if high % 1_000 < 100 { 0 } else { WINDOW };
            for number in low..(high + 1).saturating_sub(keep).max(low) {
                assert!(writer.remove(&digest(number)));
                removed.store(number + 1, Release);
            }
            version += 1;
            let (flags, limit) = (version as u8, version as u8 & 63);
            assert!(writer.set_state(&changing, &Entry { flags, limit, expires_ms: Some(version), ..entry(1) }));
            changes.store(version, Release);
        }
    });
    for number in 0..FIXED {
        assert_eq!(get(&table, &digest(number)), Some(entry(number)));
    }
    let replacements = table.root.load(Relaxed) >> DEPTH_BITS;
    assert!(replacements > 1_000, "only {replacements} replacements");
    println!("{replacements} replacements, {} bytes", table.memory_bytes());
}

/// Inserts, finds, removes and inserts again; returns the bytes held.
fn exercise(seed: [u64; 4], count: u64, digest: impl Fn(u64) -> [u8; 32]) -> usize {
    let (table, mut writer) = KeyTable::with_seed(seed);
    for number in 0..count {
        assert!(writer.insert(&digest(number), &entry(number)));
        assert!(!writer.insert(&digest(number), &entry(0)));
    }
    for number in 0..count {
        assert_eq!(get(&table, &digest(number)), Some(entry(number)));
        assert_eq!(get(&table, &digest(number + count)), None);
    }
    for number in (0..count).step_by(2) {
        assert!(writer.remove(&digest(number)));
    }
    for number in 0..count {
        assert_eq!(writer.insert(&digest(number), &entry(number)), number % 2 == 0);
    }
    assert_eq!((writer.iter().count() as u64, writer.len() as u64), (count, count));
    table.memory_bytes()
}

#[test]
fn equal_prefixes_cost_memory_in_proportion_only() {
    let seed = array::from_fn(|i| random(i as u64));
    for equal in [8, 20, 40, 63, 64] {
        let prefix = |number| {
            let [first, rest @ ..] = words::<32, 4>(&digest(number));
            let [second, third, fourth] = rest;
            bytes([first.checked_shr(equal).unwrap_or(0), second, third, fourth])
        };
        let held = exercise(seed, 5_000, prefix);
        assert!(held < 5_000 * 64 * 10, "{held} bytes with {equal} equal bits");
    }
}

#[test]
fn equal_prefixes_after_many_keys_do_not_grow_the_directory() {
    let mixed = |number| match words::<32, 4>(&digest(number)) {
        [_, second, third, fourth] if number > 20_000 => bytes([7, second, third, fourth]),
        spread => bytes(spread),
    };
    let held = exercise([1, 2, 3, 4], 40_000, mixed);
    assert!(held < 40_000 * 64 * 8, "{held} bytes");
}

#[test]
fn keys_that_all_collide_are_slow_but_right() {
    // With this seed the hash is 0 for all of these; and so is every bit for the directory.
    exercise([0; 4], 400, |number| bytes([0, random(number), 0, number]));
    exercise([0; 4], 400, |number| bytes([0, 1, 0, number]));
}

#[test]
fn a_stamp_moves_forward_and_survives_replacement() {
    let (table, mut writer) = KeyTable::new();
    assert!(writer.insert(&digest(1), &entry(1)));
    let early = table.find(&digest(1)).unwrap();
    assert_eq!(early.last_used, 0);
    early.stamp(100);
    table.find(&digest(1)).unwrap().stamp(90);
    // It saw 0, which is no longer there: another reader was first.
    early.stamp(200);
    assert_eq!(table.find(&digest(1)).unwrap().last_used, 100);
    for number in 2..500 {
        assert!(writer.insert(&digest(number), &entry(number)));
    }
    let found = table.find(&digest(1)).unwrap();
    assert_eq!((found.last_used, found.entry), (100, entry(1)));
}

#[test]
fn a_slot_is_not_reused_while_its_segment_is_in_use() {
    let (table, mut writer) = KeyTable::new();
    assert!(writer.insert(&digest(1), &entry(1)));
    let before = table.find(&digest(1)).unwrap();
    assert!(writer.remove(&digest(1)) && writer.insert(&digest(1), &entry(1)));
    assert!(!std::ptr::eq(before.slot, table.find(&digest(1)).unwrap().slot));
    assert_eq!(table.segments.count(), 1);
}

#[test]
fn a_late_stamp_touches_no_other_key() {
    let (table, mut writer) = KeyTable::new();
    let keys: Vec<_> = (0..500).map(digest).collect();
    assert!(keys.iter().zip(0..).all(|(key, number)| writer.insert(key, &entry(number))));
    let late: Vec<_> = keys.iter().filter_map(|key| table.find(key)).collect();
    assert!(keys.iter().all(|key| writer.remove(key)));
    // Every segment is recycled, several times.
    for number in 1_000..5_000 {
        assert!(writer.insert(&digest(number), &entry(number)));
        assert!(number < 1_300 || writer.remove(&digest(number - 300)));
    }
    late.iter().for_each(|found| found.stamp(7));
    assert_eq!(writer.iter().count(), 300);
    for number in 4_700..5_000 {
        let found = table.find(&digest(number)).unwrap();
        assert_eq!((found.entry, found.last_used), (entry(number), 0));
    }
}

#[test]
fn every_expiry_is_kept_apart_from_never() {
    let (table, mut writer) = KeyTable::new();
    assert!(writer.insert(&digest(1), &entry(1)));
    let last = EXPIRY_MAX - 1;
    for (set, held) in [(0, 0), (1, 1), (last, last), (last + 1, last), (u64::MAX, last)] {
        assert!(writer.set_state(&digest(1), &Entry { flags: 0xff, limit: 63, expires_ms: Some(set), ..entry(1) }));
        let found = table.find(&digest(1)).unwrap();
        assert_eq!((found.entry.expires_ms, found.entry.flags, found.entry.limit), (Some(held), 0xff, 63));
    }
    let cleared = Entry { flags: 0, limit: 0, ..entry(1) };
    assert!(writer.set_state(&digest(1), &cleared));
    assert_eq!(get(&table, &digest(1)), Some(cleared));
    assert!(!writer.set_state(&digest(2), &cleared));
}

#[test]
fn a_flag_is_cleared_and_nothing_else_is() {
    let (table, mut writer) = KeyTable::new();
    for (number, expires_ms) in [(1, None), (2, Some(0)), (3, Some(EXPIRY_MAX - 1))] {
        let new = Entry { flags: 0b1010_0101, expires_ms, ..entry(number) };
        assert!(writer.insert(&digest(number), &new));
        assert!(writer.clear_flags(&digest(number), 0b0010_0001));
        assert_eq!(get(&table, &digest(number)), Some(Entry { flags: 0b1000_0100, ..new }));
    }
    assert!(!writer.clear_flags(&digest(4), 1));
}
