//! The audit trail in memory: a ring of stated size. The oldest events give way.

use std::collections::VecDeque;

use crate::model::{
    audit::{AuditEntry, AuditEvent, AuditQuery},
    page::{List, Order, Page},
};

/// How many events are kept unless the host says otherwise.
pub(super) const DEFAULT_CAPACITY: usize = 10_000;

pub(super) struct AuditRing {
    events: VecDeque<AuditEvent>,
    capacity: usize,
    /// The sequence number of the latest event.
    sequence: u64,
}

impl AuditRing {
    pub(super) fn new(capacity: usize) -> Self {
        Self { events: VecDeque::new(), capacity, sequence: 0 }
    }

    pub(super) fn push(&mut self, entry: AuditEntry) {
        self.sequence = self.sequence.saturating_add(1);
        self.events.push_back(AuditEvent::new(self.sequence, entry));
        while self.events.len() > self.capacity {
            self.events.pop_front();
        }
    }

    pub(super) fn list(&self, query: &AuditQuery) -> Page<AuditEvent> {
        let after = query.page.after().and_then(|(_, sequence)| sequence.parse::<u64>().ok());
        let enough = query.page.limit.saturating_add(1);
        let matching = |event: &&AuditEvent| query.selects(&event.entry);
        let events: Vec<_> = match query.page.order {
            Order::OldestFirst => {
                let begin = self.events.partition_point(|event| after.is_some_and(|after| event.sequence <= after));
                self.events.range(begin..).filter(matching).take(enough).cloned().collect()
            }
            Order::NewestFirst => {
                let end = self.events.partition_point(|event| after.is_none_or(|after| event.sequence < after));
                self.events.range(..end).rev().filter(matching).take(enough).cloned().collect()
            }
        };
        query.page.cut(List::AuditEvents, events, |event| (event.entry.occurred_at, event.sequence.to_string()))
    }
}
