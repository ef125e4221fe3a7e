//! [`AuditStore`] in SQLite.

use super::{SqliteStore, change::append, statement::all};
use crate::{
    model::{
        audit::{AuditEntry, AuditEvent, AuditQuery},
        page::{List, Page},
    },
    reply::Reply,
    store::{AuditStore, sql::audit as sql},
};

impl AuditStore for SqliteStore {
    fn append_events(&self, entries: Vec<AuditEntry>) -> Reply<()> {
        self.write(move |commit| entries.iter().try_for_each(|entry| append(commit, entry)))
    }

    fn list_events(&self, query: &AuditQuery) -> Reply<Page<AuditEvent>> {
        self.read(|connection| {
            let (statement, values) = sql::list(query)?;
            let items = all(connection, &statement, &values, sql::read)?;
            Ok(query.page.cut(List::AuditEvents, items, |item| (item.entry.occurred_at, item.sequence.to_string())))
        })
    }
}
