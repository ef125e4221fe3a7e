//! The part of the audit trail that is written off the request's way: refused authentications, and successes and reads
//! where the host asks for them.
//!
//! Equal ones are gathered into one row with a count. At most 256 rows are begun in 10 seconds, so that a flood of bad
//! tokens fills neither the memory nor the store; what finds no row is counted.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use crate::lock::Lock;
use serde_json::Value;
use smol_str::SmolStr;

use super::{housekeeper::INTERVAL, metrics::Metrics};
use crate::{
    error::Result,
    model::audit::{Actor, AuditEntry, Outcome},
    reply::Reply,
    store::Backend,
};

/// How many rows are begun in one interval.
const MOST_ROWS: usize = 256;

/// What makes two events equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Likeness {
    /// The operation.
    pub(super) action: &'static str,
    /// What came of it, and why.
    pub(super) outcome: (Outcome, &'static str),
    /// Who did it.
    pub(super) actor: Actor,
    /// The hint of the token, or the resource.
    pub(super) subject: SmolStr,
    /// The client's address, an IPv6 one without its host part.
    pub(super) prefix: Option<IpAddr>,
}

#[derive(Default)]
pub(super) struct Trail {
    window: Arc<Lock<Window>>,
}

#[derive(Default)]
struct Window {
    rows: HashMap<Likeness, Row>,
    /// When the interval began, and how many rows were begun in it.
    since: Option<Instant>,
    begun: usize,
}

struct Row {
    entry: AuditEntry,
    count: u64,
}

impl Trail {
    /// Notes an event; `entry` is called only for the first of its likeness.
    pub(super) fn note(&self, metrics: &Metrics, likeness: Likeness, entry: impl FnOnce() -> Result<AuditEntry>) {
        let mut window = self.window.lock();
        if window.since.is_none_or(|since| since.elapsed() >= INTERVAL) {
            window.since = Some(Instant::now());
            window.begun = 0;
        }
        let full = window.begun >= MOST_ROWS;
        match window.rows.entry(likeness) {
            Entry::Occupied(mut row) => row.get_mut().count = row.get().count.saturating_add(1),
            Entry::Vacant(_) if full => metrics.audit_dropped(1),
            Entry::Vacant(place) => match entry() {
                Ok(entry) => {
                    place.insert(Row { entry, count: 1 });
                    window.begun = window.begun.saturating_add(1);
                }
                Err(_) => metrics.audit_dropped(1),
            },
        }
    }

    /// Writes the gathered rows; if that fails they are kept for the next time.
    pub(super) fn flush(&self, backend: &Arc<dyn Backend>, metrics: &Metrics) -> Reply<()> {
        let rows = std::mem::take(&mut self.window.lock().rows);
        if rows.is_empty() {
            return Reply::from(Ok(()));
        }
        let mut entries: Vec<_> = rows.values().map(Row::entry).collect();
        entries.sort_by(|a, b| (a.occurred_at, &a.id).cmp(&(b.occurred_at, &b.id)));
        let (window, metrics) = (Arc::clone(&self.window), metrics.clone());
        backend.append_events(entries).then(move |written| {
            if written.is_err() {
                let mut window = window.lock();
                for (likeness, row) in rows {
                    // Beyond two intervals' worth the oldest is given up, and counted.
                    if window.rows.len() >= MOST_ROWS.saturating_mul(2) {
                        metrics.audit_dropped(row.count);
                    } else {
                        let kept = window.rows.entry(likeness).or_insert_with(|| Row { entry: row.entry, count: 0 });
                        kept.count = kept.count.saturating_add(row.count);
                    }
                }
            }
            written
        })
    }
}

impl Row {
    fn entry(&self) -> AuditEntry {
        let mut entry = self.entry.clone();
        entry.payload.insert("count".to_owned(), Value::from(self.count));
        entry
    }
}
