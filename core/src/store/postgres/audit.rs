//! [`AuditStore`] in PostgreSQL.

use super::{PostgresStore, values::columns};
use crate::{
    model::{
        audit::{AuditEntry, AuditEvent, AuditQuery},
        page::{List, Page},
        time::Timestamp,
    },
    reply::Reply,
    store::{AuditStore, sql::audit as sql},
};

impl AuditStore for PostgresStore {
    fn append_events(&self, entries: Vec<AuditEntry>) -> Reply<()> {
        self.ask(async move |link| {
            if entries.is_empty() {
                return Ok(());
            }
            let now = Timestamp::now();
            let rows: Vec<_> = entries.iter().map(|entry| sql::inserted(entry, now)).collect();
            let (arguments, unnest) = columns(&rows)?;
            // Repeated after a lost answer, it finds the entries and leaves them.
            let sql = format!("{} SELECT * FROM {unnest} ON CONFLICT DO NOTHING", sql::INSERT_INTO);
            link.rows(&sql, arguments).await.map(drop)
        })
    }

    fn list_events(&self, query: &AuditQuery) -> Reply<Page<AuditEvent>> {
        let query = query.clone();
        self.ask(async move |link| {
            // No text in the tables has one, and the server takes none.
            let is_nowhere = query.action.as_ref().is_some_and(|action| action.contains('\0'));
            let (statement, values) = sql::list(&query)?;
            let items = if is_nowhere { Vec::new() } else { link.all(&statement, &values, sql::read).await? };
            Ok(query.page.cut(List::AuditEvents, items, |item| (item.entry.occurred_at, item.sequence.to_string())))
        })
    }
}
