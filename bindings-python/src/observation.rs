//! What a handle says of itself: health and metrics.

use pyo3::{prelude::*, types::PyTuple};

use crate::record::records;

records! {
    /// Whether the store can be reached, how quickly, and how far it has come. True if it can.
    kept Health(doorward::Health) {
        /// `memory`, `sqlite`, `postgres`; `unknown` if it cannot be told.
        backend: |record| &record.backend,
        /// Whether the store answered.
        reachable: |record| &record.reachable,
        /// Why it did not.
        error: |record| &record.error,
        /// The version of its tables, if it has some and answered.
        schema_version: |record| &record.schema_version,
        /// How many changes the store has had, if it answered.
        generation: |record| &record.generation,
        /// How long the answer took.
        latency_seconds: |record| &record.latency,
    }
    + {
        fn __bool__(&self) -> bool {
            self.0.reachable
        }
    }

    /// How often an operation had an outcome.
    kept OperationCount(doorward::OperationCount) {
        /// The operation.
        operation: |record| &record.operation,
        /// `ok`, or the reason of the error.
        outcome: |record| &record.outcome,
        /// How often.
        total: |record| &record.total,
    }

    /// How long an operation took.
    kept OperationLatency(doorward::OperationLatency) {
        /// The operation.
        operation: |record| &record.operation,
        /// How many calls were timed.
        count: |record| &record.count,
        /// How long they took together.
        sum_seconds: |record| &record.sum,
        /// For each upper bound in seconds, how many took no longer than it and longer than the one before.
        buckets: |record| &record.buckets,
    }

    /// What was counted and timed since the handle was opened, in this process.
    kept MetricsSnapshot(doorward::MetricsSnapshot) {
        /// Calls by operation and outcome; those that never happened are left out.
        counts: |record| &record.counts,
        /// Latencies by operation. What memory answers is sampled, one call in 64.
        latencies: |record| &record.latencies,
        /// Audit events that found no row: see the bounds of the trail.
        audit_dropped: |record| &record.audit_dropped,
    }
    + {
        /// The total of an operation's outcome (`ok`, or a reason).
        #[pyo3(signature = (operation, outcome = "ok"))]
        fn count(&self, operation: &str, outcome: &str) -> u64 {
            self.0.count(operation, outcome)
        }

        /// The snapshot in Prometheus' text format (version 0.0.4).
        fn to_prometheus(&self) -> String {
            self.0.to_prometheus()
        }
    }
}
