//! The operation on the audit trail.

use std::sync::Arc;

use super::{Act, Operation, Operations, Permission};
use crate::{
    model::{
        audit::{AuditEvent, AuditQuery},
        page::{List, Page},
    },
    reply::Reply,
};

impl Operations<'_> {
    pub(in crate::door) fn list_audit_events(&self, query: &AuditQuery) -> Reply<Page<AuditEvent>> {
        let act = Act::new(Operation::list_audit_events, Permission::ReadAuditTrail, query.institution_id.as_ref());
        self.read(act, query.page.check(List::AuditEvents), || {
            // Whoever reads the trail sees what is still being gathered; what could not be written now will be later.
            let gathered = self.engine.trail.flush(self.backend, &self.engine.metrics);
            let (backend, asked) = (Arc::clone(self.backend), query.clone());
            let page = gathered.and_then(move |_| backend.list_events(&asked));
            match &query.institution_id {
                Some(id) => self.page_of(id, page),
                None => page,
            }
        })
    }
}
