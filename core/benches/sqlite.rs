//! What the SQLite store costs, beside what SQLite alone costs, measured in the same run on the same file.
//!
//! - A lookup (`find_credential`) against a bare prepared statement that reads the same row. Goal: at most 2 x.
//! - Creating keys durably with one thread and with 64. Goal: at least 8 x the rate.
//! - Importing 100,000 keys in one transaction.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "a benchmark that panics has failed"
)]

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use doorward::{
    Actor, ApiKey, ApiKeyId, AuditEntry, EventId, Institution, KeyHash, NewKey, Origin, Outcome, Role, Timestamp,
    store::{ApiKeyStore, InstitutionStore, sqlite::SqliteOptions, sqlite::SqliteStore},
};

const KEYS: usize = 100_000;

fn main() {
    let directory =
        tempfile::tempdir_in(std::env::var_os("BENCH_DIRECTORY").map_or_else(std::env::temp_dir, Into::into)).unwrap();
    let path = directory.path().join("bench.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let at = Timestamp::now();
    let institution =
        Institution { id: "bench".parse().unwrap(), name: "Bench".to_owned(), regions: vec![], created_at: at, updated_at: at };
    store.insert_institution(institution, entry()).wait().unwrap();

    let begun = Instant::now();
    store.insert_keys((0..KEYS).map(|n| key(&format!("imported {n}"))).collect(), entry()).wait().unwrap();
    println!("import of {KEYS} keys in one transaction      {:>10.2} s", begun.elapsed().as_secs_f64());

    lookups(&store, &path);
    creations(&store);
}

fn lookups(store: &SqliteStore, path: &std::path::Path) {
    let hashes: Vec<KeyHash> = (0..KEYS).map(|n| KeyHash::of(&format!("imported {n}"))).collect();
    let texts: Vec<String> = hashes.iter().map(ToString::to_string).collect();
    let bare = rusqlite::Connection::open(path).unwrap();
    bare.query_row("PRAGMA mmap_size = 1073741824", [], |_| Ok(())).unwrap();
    let sql = "SELECT id, institution_id, role, revoked_at, disabled_at, expires_at, allowed_addresses FROM api_keys \
               WHERE key_hash = ?";
    let mut statement = bare.prepare(sql).unwrap();
    let mut by_hand = |n: usize| {
        let mut rows = statement.query([&texts[n]]).unwrap();
        let row = rows.next().unwrap().unwrap();
        black_box((row.get_ref(0).unwrap(), row.get_ref(1).unwrap(), row.get_ref(2).unwrap(), row.get_ref(3).unwrap()));
    };
    let by_store = |n: usize| {
        black_box(store.find_credential(&hashes[n]).wait().unwrap().unwrap());
    };
    // Interleaved rounds, each in a random order that does not repeat; the median counts.
    let mut rounds: [Vec<f64>; 2] = Default::default();
    let mut place = 1;
    let mut next = || {
        place = place * 75_321 % 99_991;
        place % KEYS
    };
    for _ in 0..11 {
        rounds[0].push(nanoseconds(20_000, || by_hand(next())));
        rounds[1].push(nanoseconds(20_000, || by_store(next())));
    }
    let [bare, ours] = rounds.map(median);
    println!("lookup, bare prepared statement                 {bare:>10.0} ns");
    println!("lookup, find_credential                         {ours:>10.0} ns   {:.2} x (goal: at most 2)", ours / bare);
}

fn creations(store: &SqliteStore) {
    let mut rates: [Vec<f64>; 2] = Default::default();
    for _ in 0..3 {
        rates[0].push(rate(store, 1));
        rates[1].push(rate(store, 64));
    }
    let [one, many] = rates.map(median);
    println!("keys created durably, 1 thread                  {one:>10.0} /s");
    println!("keys created durably, 64 threads                {many:>10.0} /s   {:.1} x (goal: at least 8)", many / one);
}

fn rate(store: &SqliteStore, threads: usize) -> f64 {
    let (stop, created) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let key = key(&ApiKeyId::generate().unwrap().to_string());
                    store.insert_keys(vec![key], entry()).wait().unwrap();
                    created.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(Duration::from_secs(1));
        stop.store(true, Ordering::Relaxed);
    });
    created.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

fn nanoseconds(times: u32, mut work: impl FnMut()) -> f64 {
    let begun = Instant::now();
    (0..times).for_each(|_| work());
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn key(token: &str) -> ApiKey {
    let new = NewKey::new("a label of 20 letters", Role::Admin);
    let key_hash = KeyHash::of(token);
    ApiKey {
        id: ApiKeyId::generate().unwrap(),
        institution_id: "bench".parse().unwrap(),
        key_hash,
        hint: key_hash.hint(),
        label: new.label,
        role: new.role,
        created_at: Timestamp::now(),
        revoked_at: None,
        disabled_at: None,
        expires_at: None,
        last_used_at: None,
        allowed_addresses: new.allowed_addresses,
        rate_limit: None,
        metadata: new.metadata,
        rotated_from: None,
        rotated_to: None,
        version: 1,
    }
}

fn entry() -> AuditEntry {
    AuditEntry {
        id: EventId::generate().unwrap(),
        occurred_at: Timestamp::now(),
        actor: Actor::System,
        action: "create_key".to_owned(),
        outcome: Outcome::Succeeded,
        institution_id: Some("bench".parse().unwrap()),
        resource_type: Some("api_key".to_owned()),
        resource_id: None,
        origin: Origin::default(),
        status_code: None,
        error: None,
        payload: serde_json::Map::new(),
    }
}
