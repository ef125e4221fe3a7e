//! What a lookup costs, against what one would write by hand, measured in the same run on the same data.
//!
//! `cargo bench --bench lookup` prints, for 1,000, 100,000 and 1,000,000 keys: (a) SHA-256 of the token, (b) one probe of
//! a plain hashbrown map from digest to a 32-byte entry, (c) `verify` on the memory store with metrics on and expiry
//! checked, and the ratio c / (a + b); then two threads against one; then `check_position` among 10,000 policies against a
//! hash map by hand; `admit` against `verify`; `verify` with a rate limit against it; how long others wait while many keys are imported; and the memory that a key
//! takes.
//!
//! Rounds are interleaved, and each ratio is the median of the rounds' ratios: the machine's speed may drift. Keys are
//! visited in random order; the list of tokens is in that order too, so that reading it costs nothing that a request
//! would not pay. Each lookup waits for the one before.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a benchmark that meets an error may stop"
)]

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    hint::black_box,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use doorward::{
    Config, Currency, Doorward, ImportedKey, InstitutionId, KeyHash, NewInstitution, NewKey, Policy, PolicyConfig, Position,
    RateLimit, Region, Request, Role, Timestamp, TokenFormat, Verdict,
};
use sha2::{Digest, Sha256};

const ROUNDS: usize = 15;
const INSTITUTIONS: usize = 1000;

fn main() {
    // `-- 1000`, `-- policies`, `-- limits`, `-- import` or `-- memory` runs that part alone.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runs = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == part);
    println!("lookup: ns per call, median of {ROUNDS} interleaved rounds\n");
    println!(
        "{:>9} {:>8} {:>8} {:>8} {:>10} {:>10} {:>10}",
        "keys", "a sha", "b probe", "c verify", "c/(a+b)", "2 thr/1", "hot 2/1"
    );
    for keys in [1_000, 100_000, 1_000_000] {
        if runs(&keys.to_string()) {
            verify(keys);
        }
    }
    println!();
    if runs("policies") {
        policies();
    }
    if runs("limits") {
        limits();
    }
    if runs("import") {
        import();
    }
    if runs("memory") {
        memory();
    }
}

struct Data {
    door: Doorward,
    tokens: Vec<String>,
    digests: Vec<[u8; 32]>,
    plain: hashbrown::HashMap<[u8; 32], [u8; 32], BuildHasherDefault<FirstBytes>>,
}

/// Every second key has an expiry, some years away.
fn data(keys: usize) -> Data {
    let door = Doorward::open(Config::memory()).unwrap();
    let institutions = institutions(&door, INSTITUTIONS);
    let format = TokenFormat::default();
    let expiry = Timestamp::from_millis(Timestamp::now().as_millis() + 100_000_000_000);
    let mut tokens: Vec<String> = (0..keys).map(|_| format.generate().unwrap().reveal().to_owned()).collect();
    for (at, part) in tokens.chunks(keys.div_ceil(INSTITUTIONS)).enumerate() {
        let import = part.iter().enumerate().map(|(n, token)| {
            let key = NewKey::new("twenty characters ok", Role::ReadOnly);
            ImportedKey { key_hash: KeyHash::of(token), key: if n % 2 == 0 { key } else { key.expires_at(expiry) } }
        });
        door.import_keys(&institutions[at], import.collect(), false).unwrap();
    }
    shuffle(&mut tokens);
    let digests: Vec<[u8; 32]> = tokens.iter().map(|token| *KeyHash::of(token).as_bytes()).collect();
    let plain = digests.iter().map(|digest| (*digest, *digest)).collect();
    Data { door, tokens, digests, plain }
}

fn verify(keys: usize) {
    let data = data(keys);
    let calls = keys.clamp(100_000, 1_000_000);
    let request = Request::new();
    let Data { door, tokens, digests, plain } = &data;
    let hash = |at: usize| usize::from(Sha256::digest(&tokens[at])[0]);
    let probe = |at: usize| usize::from(black_box(*plain.get(&digests[at]).unwrap())[0]);
    let check = |at: usize| granted(door.verify(tokens[at].as_str(), &request));
    let hot = |_: usize| granted(door.verify(tokens[0].as_str(), &request));

    time(calls, keys, check);
    let (mut a, mut b, mut c, mut ratio, mut two, mut two_hot) = (vec![], vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let round = [time(calls, keys, hash), time(calls, keys, probe), time(calls, keys, check)];
        a.push(round[0]);
        b.push(round[1]);
        c.push(round[2]);
        ratio.push(round[2] / (round[0] + round[1]));
        two.push(round[2] / time_two(calls, keys, check) * 2.0);
        two_hot.push(time(calls, keys, hot) / time_two(calls, keys, hot) * 2.0);
    }
    println!(
        "{keys:>9} {:>8.1} {:>8.1} {:>8.1} {:>10.2} {:>10.2} {:>10.2}",
        median(a),
        median(b),
        median(c),
        median(ratio),
        median(two),
        median(two_hot)
    );
}

fn policies() {
    const POLICIES: usize = 10_000;
    let door = Doorward::open(Config::memory()).unwrap();
    let region: Region = "US".parse().unwrap();
    let mut ids = institutions(&door, POLICIES);
    let config =
        PolicyConfig::from_json(r#"{"position":{"minAmount":100,"maxAmount":5000,"allowedCurrencies":["USD","EUR"]}}"#).unwrap();
    let mut by_hand: HashMap<(InstitutionId, Region), Policy> = HashMap::new();
    let mut tokens = Vec::new();
    for id in &ids {
        let policy = door.upsert_policy(id, region, config.clone(), None).unwrap();
        by_hand.insert((id.clone(), region), policy);
        tokens.push((door.create_key(id, NewKey::new("bench", Role::ReadOnly)).unwrap().token.reveal().to_owned(), id.clone()));
    }
    shuffle(&mut ids);
    shuffle(&mut tokens);
    let position = Position::parse("1250.00", "EUR").unwrap();
    let request = Request::new();

    let plain = |at: usize| {
        let rule = &by_hand[&(ids[at].clone(), region)].config.position;
        let amount =
            rule.min_amount.is_none_or(|min| position.amount >= min) && rule.max_amount.is_none_or(|max| position.amount <= max);
        let currencies: Option<&Vec<Currency>> = rule.allowed_currencies.as_ref();
        usize::from(amount && currencies.is_none_or(|allowed| allowed.contains(&position.currency)))
    };
    let check = |at: usize| usize::from(door.check_position(&ids[at], region, &position).unwrap().allowed);
    let verify = |at: usize| granted(door.verify(tokens[at].0.as_str(), &request));
    let admit = |at: usize| {
        usize::from(door.admit(tokens[at].0.as_str(), &request, Some(&tokens[at].1), region, &position).unwrap().decision.allowed)
    };
    let (mut hand, mut door_time, mut ratio, mut verified, mut above) = (vec![], vec![], vec![], vec![], vec![]);
    time(POLICIES, POLICIES, admit);
    for _ in 0..ROUNDS * 3 {
        let round = [
            time(100_000, POLICIES, plain),
            time(100_000, POLICIES, check),
            time(100_000, POLICIES, verify),
            time(100_000, POLICIES, admit),
        ];
        hand.push(round[0]);
        door_time.push(round[1]);
        ratio.push(round[1] / round[0]);
        verified.push(round[2]);
        above.push(round[3] - round[2]);
    }
    let hot: Vec<_> = (0..ROUNDS * 3).map(|_| time(100_000, 256, admit) - time(100_000, 256, verify)).collect();
    println!("admit, 256 hot keys: {:.1} ns above verify", median(hot));
    println!(
        "check_position among {POLICIES}: by hand {:.1} ns, door {:.1} ns, ratio {:.2}",
        median(hand),
        median(door_time),
        median(ratio)
    );
    println!("admit, {POLICIES} keys of as many institutions: {:.1} ns above verify ({:.1} ns)", median(above), median(verified));
}

/// What a lookup costs more that has a limit, which is never reached here: one for all keys, or each key's own.
fn limits() {
    let limit = RateLimit::new(RateLimit::MOST_REQUESTS, Duration::from_millis(1)).unwrap();
    let request = Request::new();
    for keys in [256, 100_000] {
        let tokens = |config, own: bool| {
            let door = Doorward::open(config).unwrap();
            let id = institutions(&door, 1).remove(0);
            let format = TokenFormat::default();
            let mut tokens: Vec<String> = (0..keys).map(|_| format.generate().unwrap().reveal().to_owned()).collect();
            let new = || if own { NewKey::new("x", Role::ReadOnly).rate_limit(limit) } else { NewKey::new("x", Role::ReadOnly) };
            let import = tokens.iter().map(|token| ImportedKey { key_hash: KeyHash::of(token), key: new() });
            door.import_keys(&id, import.collect(), false).unwrap();
            shuffle(&mut tokens);
            (door, tokens)
        };
        let doors =
            [tokens(Config::memory(), false), tokens(Config::memory().rate_limit(limit), false), tokens(Config::memory(), true)];
        let [without, for_all, own] = doors.each_ref().map(|(door, tokens)| {
            let verify = |at: usize| granted(door.verify(tokens[at].as_str(), &request));
            time(100_000, keys, verify);
            verify
        });
        let (mut plain, mut all_above, mut own_above) = (vec![], vec![], vec![]);
        for _ in 0..ROUNDS * 3 {
            let round = [time(100_000, keys, without), time(100_000, keys, for_all), time(100_000, keys, own)];
            plain.push(round[0]);
            all_above.push(round[1] - round[0]);
            own_above.push(round[2] - round[0]);
        }
        println!(
            "rate limits, {keys} keys: verify {:.1} ns without; {:.1} ns more with a limit for all, {:.1} ns with one of its own",
            median(plain),
            median(all_above),
            median(own_above)
        );
    }
}

/// Keys with an address rule and records are read under a lock that an import takes too.
fn import() {
    const KEYS: usize = 300_000;
    let (mut took, mut longest, mut rare) = (vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        let door = Doorward::open(Config::memory()).unwrap();
        let id = institutions(&door, 1).remove(0);
        let bound = NewKey::new("bound", Role::ReadOnly).allowed_addresses("192.0.2.0/24".parse().unwrap());
        let token = door.create_key(&id, bound).unwrap().token;
        let request = Request::new().peer("192.0.2.1".parse().unwrap());
        let keys = (0..KEYS).map(|n| ImportedKey {
            key_hash: KeyHash::of(&format!("{round} {n}")),
            key: NewKey::new("twenty characters ok", Role::ReadOnly),
        });
        let keys: Vec<_> = keys.collect();
        let ended = AtomicBool::new(false);
        let mut waits: Vec<f64> = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut waits = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    waits.push(time(1, 1, |_| granted(door.verify(token.reveal(), &request))));
                }
                waits
            });
            took.push(time(1, 1, |_| usize::from(door.import_keys(&id, keys.clone(), false).is_err())));
            ended.store(true, Ordering::Relaxed);
            reader.join().unwrap()
        });
        waits.sort_by(f64::total_cmp);
        longest.push(waits[waits.len() - 1]);
        rare.push(waits[waits.len() - 1 - waits.len() / 10_000]);
    }
    println!(
        "import of {KEYS} keys: {:.0} ms; meanwhile verify of a key with an address rule waits at most {:.2} ms, one in 10,000 over {:.3} ms",
        median(took) / 1e6,
        median(longest) / 1e6,
        median(rare) / 1e6
    );
}

fn memory() {
    const KEYS: usize = 1_000_000;
    let door = Doorward::open(Config::memory()).unwrap();
    let institutions = institutions(&door, INSTITUTIONS);
    let before = resident();
    for (at, id) in institutions.iter().enumerate() {
        let import = (0..KEYS / INSTITUTIONS).map(|n| ImportedKey {
            key_hash: KeyHash::of(&format!("{at} {n}")),
            key: NewKey::new("twenty characters ok", Role::ReadOnly),
        });
        door.import_keys(id, import.collect(), false).unwrap();
    }
    let bytes = (resident() - before) as f64 / KEYS as f64;
    println!("memory: {bytes:.0} resident bytes per key at {KEYS} keys with a label of 20 characters");
}

fn institutions(door: &Doorward, count: usize) -> Vec<InstitutionId> {
    let create = |n| door.create_institution(NewInstitution::new(format!("Bank {n}"), ["US".parse().unwrap()])).unwrap().id;
    (0..count).map(create).collect()
}

fn granted(verdict: Verdict) -> usize {
    match black_box(&verdict) {
        Verdict::Granted(context) => usize::from(context.api_key_id().is_some()),
        refused => panic!("{:?}", refused.reason()),
    }
}

/// Nanoseconds per call. Each call's place depends on the answer of the one before.
fn time(calls: usize, keys: usize, call: impl Fn(usize) -> usize) -> f64 {
    let start = Instant::now();
    let mut at = 0;
    for _ in 0..calls {
        // The answer is at most 255 and so adds nothing, which neither compiler nor processor know.
        at = at + 1 + (black_box(call(at)) >> 8);
        if at >= keys {
            at -= keys;
        }
    }
    black_box(at);
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// Nanoseconds per call of either of two threads at work at once, beginning at different places.
fn time_two(calls: usize, keys: usize, call: impl Fn(usize) -> usize + Sync) -> f64 {
    let barrier = Barrier::new(2);
    let half = |begin: usize| {
        barrier.wait();
        time(calls, keys, |at| call((at + begin) % keys))
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(keys / 2));
        let own = half(0);
        f64::midpoint(own, other.join().unwrap())
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Fisher and Yates, with a fixed linear congruential generator: the same order in every run.
fn shuffle<T: Clone>(items: &mut [T]) {
    let mut state = 1_u64;
    for at in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
    }
    // Copied in the new order, so that what an item owns lies in that order as well.
    let copy = items.to_vec();
    items.iter_mut().zip(copy).for_each(|(place, item)| *place = item);
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// A digest is a hash already: its first bytes do.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length of the array says nothing.
    fn write_usize(&mut self, _: usize) {}
}
