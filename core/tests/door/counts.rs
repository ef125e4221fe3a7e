//! Counters and histograms, as a snapshot and as Prometheus text.

use std::{collections::BTreeMap, thread, time::Duration};

use doorward::{AddressList, Config, Credentials, NewKey, Request, Role, Timestamp, Verdict};

use crate::{clock::wait_until_after, stage::Stage};

#[test]
fn counts_are_exact_however_many_threads_count() {
    const THREADS: u64 = 8;
    for (stage, calls) in [(Stage::memory(), 10_000), (Stage::sqlite(), 1_000)] {
        let key = stage.key(Role::ReadOnly);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for call in 0..calls {
                        let token = if call % 10 == 0 { "an unknown token" } else { key.token.reveal() };
                        let verdict = stage.door.verify(token, &Request::new());
                        assert_eq!(matches!(verdict, Verdict::Granted(_)), call % 10 != 0);
                    }
                });
            }
        });
        let metrics = stage.door.metrics();
        assert_eq!(metrics.count("verify", "unknown"), THREADS * calls / 10);
        assert_eq!(metrics.count("verify", "ok"), THREADS * calls / 10 * 9);
        assert_eq!(metrics.count("authenticate", "ok"), 0);
    }
}

#[test]
fn outcomes_are_counted_by_their_reason() {
    for stage in Stage::each() {
        let keys = ["revoked", "disabled"].map(|_| stage.key(Role::Admin));
        stage.door.revoke_key(&stage.acme, &keys[0].record.id).unwrap();
        stage.door.disable_key(&stage.acme, &keys[1].record.id).unwrap();
        let bound = NewKey::new("bound", Role::Admin).allowed_addresses(AddressList::new(["192.0.2.0/24"]).unwrap());
        let bound = stage.door.create_key(&stage.acme, bound).unwrap();
        let short = NewKey::new("short", Role::Admin).expires_at(Timestamp::now().plus(Duration::from_millis(50)));
        let short = stage.door.create_key(&stage.acme, short).unwrap();
        wait_until_after(short.record.expires_at.unwrap());
        let tokens = [
            ("missing", ""),
            ("malformed", "dw_live_damaged"),
            ("unknown", "nobody's token"),
            ("revoked", keys[0].token.reveal()),
            ("disabled", keys[1].token.reveal()),
            ("expired", short.token.reveal()),
            ("address_not_allowed", bound.token.reveal()),
        ];
        for (times, (reason, token)) in (1..).zip(tokens) {
            for _ in 0..times {
                let Verdict::Refused(verdict) = stage.door.verify(token, &Request::new()) else { panic!("{reason}") };
                let error = stage.door.authenticate(Credentials::token(token), &Request::new()).unwrap_err();
                assert_eq!((verdict.as_str(), error.reason().as_str()), (reason, reason));
            }
            let metrics = stage.door.metrics();
            assert_eq!((metrics.count("verify", reason), metrics.count("authenticate", reason)), (times, times));
        }
        stage.door.create_key(&"inst_nobody".parse().unwrap(), NewKey::new("x", Role::Admin)).unwrap_err();
        assert_eq!(stage.door.metrics().count("create_key", "institution_not_found"), 1);
        assert_eq!(stage.door.metrics().count("create_key", "ok"), 4);
        assert_eq!(stage.door.metrics().count("verify", "ok"), 0);
    }
}

/// Name, labels and value of a line of Prometheus' text format.
fn sample(line: &str) -> (&str, BTreeMap<&str, &str>, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').map_or((series, ""), |(name, rest)| (name, rest.strip_suffix('}').unwrap()));
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
    let label = |pair: &'_ str| -> (usize, usize) {
        let (name, value) = pair.split_once('=').unwrap();
        assert!(value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{line}");
        (name.len(), value.len())
    };
    let labels = labels
        .split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = label(pair);
            (&pair[..name], &pair[pair.len() - value + 1..pair.len() - 1])
        })
        .collect();
    (name, labels, value.parse().unwrap())
}

#[test]
fn the_prometheus_text_has_declared_families_and_cumulative_buckets() {
    for stage in Stage::each() {
        let key = stage.key(Role::ReadOnly);
        for token in [key.token.reveal(), "a bad token"].repeat(200) {
            let _ = stage.door.verify(token, &Request::new());
        }
        let text = stage.door.metrics().to_prometheus();
        assert!(text.ends_with('\n'));
        let mut families: Vec<&str> = Vec::new();
        let mut buckets: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        let mut sums = BTreeMap::new();
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                if let Some(family) = comment.strip_prefix("TYPE ") {
                    let (name, kind) = family.split_once(' ').unwrap();
                    assert!(["counter", "histogram"].contains(&kind));
                    assert!(!families.contains(&name), "{name} is declared twice");
                    families.push(name);
                } else {
                    assert!(comment.starts_with("HELP "), "{line}");
                }
                continue;
            }
            let (name, labels, value) = sample(line);
            assert!(name.starts_with(families.last().unwrap()), "{line} belongs to no family");
            match name.strip_prefix("doorward_operation_duration_seconds_") {
                Some("bucket") => {
                    let bound = labels["le"].replace("+Inf", "inf").parse().unwrap();
                    buckets.entry(labels["operation"]).or_default().push((bound, value));
                }
                Some("count") => _ = counts.insert(labels["operation"], value),
                Some("sum") => _ = sums.insert(labels["operation"], value),
                _ => {}
            }
        }
        let expected = [
            "doorward_operations_total",
            "doorward_operation_duration_seconds",
            "doorward_audit_dropped_total",
            "doorward_audit_sink_dropped_total",
            "doorward_audit_sink_panicked_total",
        ];
        assert_eq!(families, expected);
        assert!(text.contains("doorward_operations_total{operation=\"verify\",outcome=\"ok\"} 200\n"), "{text}");
        assert!(text.contains("doorward_operations_total{operation=\"verify\",outcome=\"unknown\"} 200\n"), "{text}");
        assert!(counts.contains_key("verify") && counts.contains_key("create_key"));
        assert!(sums["verify"] > 0.0);
        assert_eq!(buckets.keys().collect::<Vec<_>>(), counts.keys().collect::<Vec<_>>());
        for (operation, buckets) in &buckets {
            assert!(buckets.is_sorted_by(|(low, few), (high, many)| low < high && few <= many), "{operation}: {buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, counts[operation])));
        }
    }
}

#[test]
fn nothing_is_counted_where_the_host_wants_no_metrics() {
    for stage in [Stage::open(|_| Config::memory().metrics(false)), Stage::open(|file| Config::sqlite(file).metrics(false))] {
        let key = stage.key(Role::ReadOnly);
        stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
        assert_eq!(stage.door.metrics(), doorward::MetricsSnapshot::default());
    }
}
