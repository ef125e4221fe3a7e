//! Counters and latency histograms, per operation and outcome: kept here, read as a snapshot or as Prometheus text, and
//! handed to the host's own recorder through the `metrics` facade.
//!
//! Counts are exact. Latencies of what memory answers are sampled, one call in 64: reading a clock twice costs as much as
//! the lookup. The successes of the hottest operations are counted in shards, one for each thread, so that two threads do
//! not pull one cache line back and forth (see `shard`).

use std::{
    fmt::Write as _,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    faces::Operation,
    shard::{self, SHARDS},
};
use crate::error::Reason;

/// The upper bounds of the histogram's buckets, in nanoseconds.
const BOUNDS: [u64; 16] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    50_000,
    100_000,
    500_000,
    1_000_000,
    5_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
];
/// One call in so many is timed where memory answers.
const SAMPLE: u64 = 64;
/// The operations whose successes are counted in shards.
const HOT: [Operation; 4] = [Operation::verify, Operation::authenticate, Operation::admit, Operation::check_position];
/// Outcomes of an operation: success, then one for each reason.
const OUTCOMES: usize = Reason::ALL.len() + 1;

/// Counts and times calls. Clones share what they count.
#[derive(Clone)]
pub(super) struct Metrics {
    tables: Option<Arc<Tables>>,
}

struct Tables {
    /// Whether calls may block, so that the price of a clock does not matter.
    time_all: bool,
    hot: Box<[Shard]>,
    counts: Box<[[AtomicU64; OUTCOMES]]>,
    latencies: Box<[Latency]>,
    audit_dropped: AtomicU64,
    sink_dropped: AtomicU64,
    sink_panicked: AtomicU64,
    /// Those of the recorder that was there when first something was published, which may be none at all; and of the one that
    /// took its place, since a host may install its recorder late.
    handles: [OnceLock<Handles>; 2],
}

/// The counts of one shard; a cache line pair of its own.
#[repr(align(128))]
#[derive(Default)]
struct Shard([AtomicU64; HOT.len()]);

#[derive(Default)]
struct Latency {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    sum: AtomicU64,
}

/// The handles of the host's recorder: held, since fetching costs more than counting.
struct Handles {
    /// Tells recorders apart: where it lies. One that is installed stays for ever.
    recorder: usize,
    counters: Vec<[OnceLock<Published>; OUTCOMES]>,
    latencies: Vec<metrics::Histogram>,
    audit_dropped: Published,
    sink_dropped: Published,
    sink_panicked: Published,
}

/// A counter of the host's recorder, and how much of our count it has. It is only ever added to: all handles of a process
/// count in it.
struct Published {
    counter: metrics::Counter,
    total: AtomicU64,
}

impl Published {
    fn new(counter: metrics::Counter) -> Self {
        Self { counter, total: AtomicU64::new(0) }
    }

    /// Adds what the recorder does not have yet. Threads that publish at the same time add nothing twice.
    fn advance(&self, total: u64) {
        let more = total.saturating_sub(self.total.fetch_max(total, Relaxed));
        if more > 0 {
            self.counter.increment(more);
        }
    }
}

impl Metrics {
    pub(super) fn new(enabled: bool, time_all: bool) -> Self {
        let operations = Operation::ALL.len();
        let tables = enabled.then(|| {
            Arc::new(Tables {
                time_all,
                hot: std::iter::repeat_with(Shard::default).take(SHARDS).collect(),
                counts: std::iter::repeat_with(|| std::array::from_fn(|_| AtomicU64::new(0))).take(operations).collect(),
                latencies: std::iter::repeat_with(Latency::default).take(operations).collect(),
                audit_dropped: AtomicU64::new(0),
                sink_dropped: AtomicU64::new(0),
                sink_panicked: AtomicU64::new(0),
                handles: Default::default(),
            })
        });
        Self { tables }
    }

    /// Begins a call; the answer is given back to [`finish`](Self::finish).
    #[inline]
    pub(super) fn start(&self, operation: Operation) -> Option<Instant> {
        let tables = self.tables.as_ref()?;
        let timed = tables.time_all
            || hot(operation).is_none_or(|hot| tables.hot_count(hot).is_some_and(|(count, _)| count.load(Relaxed) % SAMPLE == 0));
        timed.then(Instant::now)
    }

    /// Counts a call. Answers true now and then, first at the first call: the counts had better be published soon.
    #[inline]
    pub(super) fn finish(&self, operation: Operation, timer: Option<Instant>, refusal: Option<Reason>) -> bool {
        let Some(tables) = &self.tables else { return false };
        match (hot(operation).and_then(|hot| tables.hot_count(hot)), refusal) {
            (Some((count, shard::Hold::Alone)), None) => count.store(count.load(Relaxed).wrapping_add(1), Relaxed),
            (Some((count, shard::Hold::Shared)), None) => _ = count.fetch_add(1, Relaxed),
            (_, refusal) => {
                let outcome = refusal.map_or(0, |reason| (reason as usize).wrapping_add(1));
                if let Some(count) = tables.counts.get(operation as usize).and_then(|counts| counts.get(outcome)) {
                    count.fetch_add(1, Relaxed);
                }
            }
        }
        if let Some(start) = timer {
            tables.time(operation, start.elapsed());
        }
        timer.is_some()
    }

    pub(super) fn audit_dropped(&self, events: u64) {
        if let Some(tables) = &self.tables {
            tables.audit_dropped.fetch_add(events, Relaxed);
        }
    }

    pub(super) fn sink_dropped(&self) {
        if let Some(tables) = &self.tables {
            tables.sink_dropped.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn sink_panicked(&self) {
        if let Some(tables) = &self.tables {
            tables.sink_panicked.fetch_add(1, Relaxed);
        }
    }

    /// Hands the counts to the host's recorder; one that was installed late gets all of them.
    pub(super) fn publish(&self) {
        let Some(tables) = &self.tables else { return };
        let [first, late] = &tables.handles;
        let first = first.get_or_init(Handles::fetch);
        let is_first = || first.recorder == metrics::with_recorder(place);
        let handles = if late.get().is_none() && is_first() { first } else { late.get_or_init(Handles::fetch) };
        for count in self.snapshot().counts {
            let counter = handles.counters.get(count.index).and_then(|counters| counters.get(count.outcome_index));
            if let Some(counter) = counter {
                counter
                    .get_or_init(|| Published::new(metrics::counter!("doorward_operations_total", "operation" => count.operation, "outcome" => count.outcome)))
                    .advance(count.total);
            }
        }
        handles.audit_dropped.advance(tables.audit_dropped.load(Relaxed));
        handles.sink_dropped.advance(tables.sink_dropped.load(Relaxed));
        handles.sink_panicked.advance(tables.sink_panicked.load(Relaxed));
    }

    pub(super) fn snapshot(&self) -> MetricsSnapshot {
        let Some(tables) = &self.tables else { return MetricsSnapshot::default() };
        let mut snapshot = MetricsSnapshot {
            audit_dropped: tables.audit_dropped.load(Relaxed),
            audit_sink_dropped: tables.sink_dropped.load(Relaxed),
            audit_sink_panicked: tables.sink_panicked.load(Relaxed),
            ..MetricsSnapshot::default()
        };
        for ((index, operation), counts) in Operation::ALL.iter().enumerate().zip(&tables.counts) {
            for (outcome_index, count) in counts.iter().enumerate() {
                let sharded = hot(*operation).filter(|_| outcome_index == 0).map_or(0, |hot| tables.hot_total(hot));
                let total = count.load(Relaxed).saturating_add(sharded);
                if total > 0 {
                    let reason = outcome_index.checked_sub(1).and_then(|index| Reason::ALL.get(index));
                    let outcome = reason.map_or("ok", |reason| reason.as_str());
                    snapshot.counts.push(OperationCount { operation: operation.name(), outcome, total, index, outcome_index });
                }
            }
        }
        for (operation, latency) in Operation::ALL.iter().zip(&tables.latencies) {
            let count = latency.count.load(Relaxed);
            if count > 0 {
                snapshot.latencies.push(OperationLatency {
                    operation: operation.name(),
                    count,
                    sum: Duration::from_nanos(latency.sum.load(Relaxed)),
                    buckets: BOUNDS
                        .iter()
                        .zip(&latency.buckets)
                        .map(|(bound, count)| (Duration::from_nanos(*bound), count.load(Relaxed)))
                        .collect(),
                });
            }
        }
        snapshot
    }
}

impl Tables {
    /// The calling thread's count of a hot operation, and whether other threads count there too.
    #[inline]
    fn hot_count(&self, hot: usize) -> Option<(&AtomicU64, shard::Hold)> {
        let (shard, hold) = shard::current();
        Some((self.hot.get(shard)?.0.get(hot)?, hold))
    }

    fn hot_total(&self, hot: usize) -> u64 {
        self.hot.iter().filter_map(|shard| shard.0.get(hot)).fold(0, |total, count| total.saturating_add(count.load(Relaxed)))
    }

    fn time(&self, operation: Operation, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let Some(latency) = self.latencies.get(operation as usize) else { return };
        if let Some(bucket) = BOUNDS.iter().position(|bound| nanos <= *bound).and_then(|at| latency.buckets.get(at)) {
            bucket.fetch_add(1, Relaxed);
        }
        latency.count.fetch_add(1, Relaxed);
        latency.sum.fetch_add(nanos, Relaxed);
        let handles = self.handles.iter().rev().find_map(OnceLock::get);
        if let Some(histogram) = handles.and_then(|handles| handles.latencies.get(operation as usize)) {
            histogram.record(took.as_secs_f64());
        }
    }
}

impl Handles {
    fn fetch() -> Self {
        let latency =
            |operation: &Operation| metrics::histogram!("doorward_operation_duration_seconds", "operation" => operation.name());
        Self {
            recorder: metrics::with_recorder(place),
            counters: Operation::ALL.iter().map(|_| std::array::from_fn(|_| OnceLock::new())).collect(),
            latencies: Operation::ALL.iter().map(latency).collect(),
            audit_dropped: Published::new(metrics::counter!("doorward_audit_dropped_total")),
            sink_dropped: Published::new(metrics::counter!("doorward_audit_sink_dropped_total")),
            sink_panicked: Published::new(metrics::counter!("doorward_audit_sink_panicked_total")),
        }
    }
}

fn place(recorder: &dyn metrics::Recorder) -> usize {
    std::ptr::from_ref(recorder).addr()
}

#[inline]
fn hot(operation: Operation) -> Option<usize> {
    HOT.iter().position(|hot| *hot == operation)
}

/// What was counted and timed since the handle was opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSnapshot {
    /// Calls by operation and outcome; those that never happened are left out.
    pub counts: Vec<OperationCount>,
    /// Latencies by operation. What memory answers is sampled, one call in 64.
    pub latencies: Vec<OperationLatency>,
    /// Audit events that found no row: see the bounds of the trail.
    pub audit_dropped: u64,
    /// Audit events that the trail has and the sink was too slow for: see [`Config::audit_sink`](crate::Config::audit_sink).
    pub audit_sink_dropped: u64,
    /// Calls of the sink that panicked.
    pub audit_sink_panicked: u64,
}

/// How often an operation had an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationCount {
    /// The operation.
    pub operation: &'static str,
    /// `ok`, or the reason of the error.
    pub outcome: &'static str,
    /// How often.
    pub total: u64,
    #[serde(skip)]
    index: usize,
    #[serde(skip)]
    outcome_index: usize,
}

/// How long an operation took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationLatency {
    /// The operation.
    pub operation: &'static str,
    /// How many calls were timed.
    pub count: u64,
    /// How long they took together.
    pub sum: Duration,
    /// For each upper bound, how many took no longer than it and longer than the one before.
    pub buckets: Vec<(Duration, u64)>,
}

impl MetricsSnapshot {
    /// The total of an operation's outcome (`ok`, or a reason).
    #[must_use]
    pub fn count(&self, operation: &str, outcome: &str) -> u64 {
        self.counts.iter().find(|count| count.operation == operation && count.outcome == outcome).map_or(0, |count| count.total)
    }

    /// The snapshot in Prometheus' text format (version 0.0.4).
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_prometheus(&mut text);
        text
    }

    fn write_prometheus(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "# HELP doorward_operations_total Calls by operation and outcome.")?;
        writeln!(text, "# TYPE doorward_operations_total counter")?;
        for OperationCount { operation, outcome, total, .. } in &self.counts {
            writeln!(text, "doorward_operations_total{{operation=\"{operation}\",outcome=\"{outcome}\"}} {total}")?;
        }
        writeln!(
            text,
            "# HELP doorward_operation_duration_seconds Latency by operation; answers from memory are sampled, 1 in {SAMPLE}."
        )?;
        writeln!(text, "# TYPE doorward_operation_duration_seconds histogram")?;
        for OperationLatency { operation, count, sum, buckets } in &self.latencies {
            let mut below = 0_u64;
            for (bound, within) in buckets {
                below = below.saturating_add(*within);
                let bound = bound.as_secs_f64();
                writeln!(text, "doorward_operation_duration_seconds_bucket{{operation=\"{operation}\",le=\"{bound}\"}} {below}")?;
            }
            writeln!(text, "doorward_operation_duration_seconds_bucket{{operation=\"{operation}\",le=\"+Inf\"}} {count}")?;
            writeln!(text, "doorward_operation_duration_seconds_sum{{operation=\"{operation}\"}} {}", sum.as_secs_f64())?;
            writeln!(text, "doorward_operation_duration_seconds_count{{operation=\"{operation}\"}} {count}")?;
        }
        writeln!(text, "# HELP doorward_audit_dropped_total Audit events that found no row in the bounded trail.")?;
        writeln!(text, "# TYPE doorward_audit_dropped_total counter")?;
        writeln!(text, "doorward_audit_dropped_total {}", self.audit_dropped)?;
        writeln!(text, "# HELP doorward_audit_sink_dropped_total Recorded audit events for which the sink was too slow.")?;
        writeln!(text, "# TYPE doorward_audit_sink_dropped_total counter")?;
        writeln!(text, "doorward_audit_sink_dropped_total {}", self.audit_sink_dropped)?;
        writeln!(text, "# HELP doorward_audit_sink_panicked_total Calls of the audit sink that panicked.")?;
        writeln!(text, "# TYPE doorward_audit_sink_panicked_total counter")?;
        writeln!(text, "doorward_audit_sink_panicked_total {}", self.audit_sink_panicked)
    }
}

#[cfg(test)]
mod tests {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    #[test]
    fn a_recorder_that_is_installed_late_gets_the_counts_from_the_beginning_and_none_twice() {
        let metrics = Metrics::new(true, false);
        let call = || _ = metrics.finish(Operation::admit, None, None);
        (0..10).for_each(|_| call());
        metrics.publish();

        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        // As one that is installed: to the publishing thread both look the same.
        metrics::with_local_recorder(&recorder, || {
            (0..5).for_each(|_| call());
            metrics.publish();
            call();
            metrics.publish();
        });
        call();
        metrics.publish();
        let counts = snapshotter.snapshot().into_vec().into_iter().filter_map(|(_, _, _, value)| match value {
            DebugValue::Counter(count) if count > 0 => Some(count),
            _ => None,
        });
        assert_eq!(counts.collect::<Vec<_>>(), [17]);
    }
}
