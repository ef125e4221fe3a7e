//! Reading the audit trail.

use doorward::{Actor, AuditQuery};
use pyo3::prelude::*;

use crate::{
    arguments::{Preset, institution, optional, page, text, time},
    faces::operations,
};

operations! {
    /// Lists audit events in the order of writing. A key's holder sees those of its institution; only root may leave the
    /// institution open. `since` and `until` are aware datetimes, or RFC 3339.
    ///
    /// Raises `ValidationError` (limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can
    /// answer.
    #[pyo3(
        signature = (
            institution_id = None, *, actor = None, action = None, since = None, until = None, limit = Preset::Unless(50),
            cursor = None, order = Preset::Unless("newest_first")
        ),
        text_signature = "($self, institution_id=None, *, actor=None, action=None, since=None, until=None, limit=50, \
            cursor=None, order='newest_first')"
    )]
    slow fn list_audit_events(
        &self,
        py,
        institution_id: Option<&Bound<'_, PyAny>>,
        actor: Option<&Bound<'_, PyAny>>,
        action: Option<&Bound<'_, PyAny>>,
        since: Option<&Bound<'_, PyAny>>,
        until: Option<&Bound<'_, PyAny>>,
        limit: Preset<'_, u64>,
        cursor: Option<&Bound<'_, PyAny>>,
        order: Preset<'_, &'static str>,
    ) {
        let query = AuditQuery {
            institution_id: optional(institution_id, institution)?,
            actor: optional(actor, |actor| Ok(text(actor, "actor")?.parse::<Actor>().unwrap_or_else(|never| match never {})))?,
            action: optional(action, |action| Ok(text(action, "action")?.to_owned()))?,
            since: optional(since, |at| time(at, "since"))?,
            until: optional(until, |at| time(at, "until"))?,
            page: page(&limit, cursor, &order)?,
        };
    } => list_audit_events(&query);
}
