//! What a lookup in PostgreSQL costs, against `pgbench -M prepared` doing the same point select with as many clients.
//!
//! `cargo bench --bench postgres` starts a throw-away server, stores 1,000,000 keys in it, and prints lookups per second
//! for 1, 8 and 64 clients: of pgbench, of `find_credential` called by as many threads, and their ratio; first with
//! client and server on one core together (`taskset`), which gives stable figures, then on all. Goals: at least 0.7 x with
//! 1 client, 1.5 x with 8, 3 x with 64. Rounds are interleaved; a ratio is the median of the rounds' ratios.
//!
//! `DOORWARD_BENCH_KEYS` sets another number of keys.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::panic,
    reason = "a benchmark that panics has failed"
)]

use std::{
    hint::black_box,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use doorward::{
    Config, Doorward, ImportedKey, KeyHash, NewInstitution, NewKey, PostgresOptions, Role,
    store::{ApiKeyStore, postgres::PostgresStore},
};
use doorward_test_servers::{Postgres, program};

const PINNED: &str = "DOORWARD_BENCH_PINNED";
const CLIENTS: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

fn main() {
    if std::env::var_os(PINNED).is_none() {
        println!("client and server on one core");
        let itself = std::env::current_exe().unwrap();
        let status = Command::new("taskset").args(["--cpu-list", "0"]).arg(itself).env(PINNED, "1").status();
        assert!(status.expect("taskset is missing (Debian: apt-get install util-linux)").success());
        println!("\nclient and server on all cores");
    }
    let keys = std::env::var("DOORWARD_BENCH_KEYS").map_or(1_000_000, |text| text.parse().unwrap());
    let server = Postgres::start();
    let store = Arc::new(PostgresStore::open(PostgresOptions::new(server.socket_url()).unwrap()).unwrap());
    fill(&store, keys);
    server.psql("VACUUM ANALYZE");
    println!("{:>8} {:>14} {:>14} {:>8}", "clients", "pgbench", "doorward", "ratio");
    for clients in CLIENTS {
        let rounds: Vec<(f64, f64)> =
            (0..ROUNDS).map(|_| (pgbench(&server, clients, keys), lookups(&store, clients, keys))).collect();
        let by_hand = median(rounds.iter().map(|(by_hand, _)| *by_hand).collect());
        let ours = median(rounds.iter().map(|(_, ours)| *ours).collect());
        let ratio = median(rounds.iter().map(|(by_hand, ours)| ours / by_hand).collect());
        println!("{clients:>8} {by_hand:>12.0}/s {ours:>12.0}/s {ratio:>8.2}");
    }
}

/// The hash of the key with this number, such that pgbench can put it together: 57 zeros and 7 digits.
fn hash(number: usize) -> KeyHash {
    format!("{:064}", number + 1_000_000).parse().unwrap()
}

fn fill(store: &Arc<PostgresStore>, keys: usize) {
    let door = Doorward::with_backend(Arc::clone(store) as _, Config::memory());
    let institution = door.create_institution(NewInstitution::new("Bench", [])).unwrap();
    let (begun, numbers) = (Instant::now(), (0..keys).collect::<Vec<_>>());
    for part in numbers.chunks(100_000) {
        let key =
            |number: &usize| ImportedKey { key_hash: hash(*number), key: NewKey::new("twenty characters ok", Role::ReadOnly) };
        door.import_keys(&institution.id, part.iter().map(key).collect(), false).unwrap();
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{keys} keys stored, 100,000 in a transaction: {seconds:.1} s, {:.0} keys/s", keys as f64 / seconds);
}

/// Point selects per second by pgbench.
fn pgbench(server: &Postgres, clients: usize, keys: usize) -> f64 {
    let script = server.data_directory().with_file_name("lookup.sql");
    let columns = "id, institution_id, role, revoked_at, disabled_at, expires_at, allowed_addresses";
    let zeros = "0".repeat(57);
    let last = keys - 1;
    let text = format!(
        "\\set n 1000000 + random(0, {last})\nSELECT {columns} FROM doorward.api_keys WHERE key_hash = '{zeros}' || :n;\n"
    );
    std::fs::write(&script, text).unwrap();
    let (clients, seconds) = (clients.to_string(), ROUND.as_secs().to_string());
    let output = Command::new(program("pgbench"))
        .args(["-n", "-M", "prepared", "-c", &clients, "-j", "1", "-T", &seconds, "-f"])
        .arg(&script)
        .arg(server.socket_url())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("pgbench failed: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Lookups per second by so many threads.
fn lookups(store: &PostgresStore, clients: usize, keys: usize) -> f64 {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        for client in 0..clients {
            let (stop, count) = (&stop, &count);
            scope.spawn(move || {
                let (mut place, mut done) = (client * 7919 + 1, 0);
                while !stop.load(Relaxed) {
                    place = (place * 75_321 + 12_345) % 999_983;
                    black_box(store.find_credential(&hash(place % keys)).wait().unwrap().unwrap());
                    done += 1;
                }
                count.fetch_add(done, Relaxed);
            });
        }
        thread::sleep(ROUND);
        stop.store(true, Relaxed);
    });
    count.load(Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
