//! The audit trail.

use pyo3::{prelude::*, types::PyTuple};

use crate::record::records;

records! {
    /// An entry of the audit trail: who did what to what, from where, and what came of it.
    plain AuditEvent(doorward::AuditEvent) {
        /// Its place in the trail: rises with every event, in the order in which they were written.
        sequence: |record| &record.sequence,
        /// `evt_…`
        id: |record| &record.entry.id,
        /// When it happened.
        occurred_at: |record| &record.entry.occurred_at,
        /// Who did it: `system`, `root`, `anonymous`, or a key's id.
        actor: |record| &record.entry.actor,
        /// The operation, by its name in all languages (`create_key`).
        action: |record| &record.entry.action,
        /// What came of it.
        outcome: |record| &record.entry.outcome,
        /// The institution concerned.
        institution_id: |record| &record.entry.institution_id,
        /// The key whose holder did it.
        api_key_id: |record| &record.api_key_id,
        /// What it was done to: `institution`, `api_key` or `policy`.
        resource_type: |record| &record.entry.resource_type,
        /// Its id; the region for a policy.
        resource_id: |record| &record.entry.resource_id,
        /// The HTTP method or its like.
        method: |record| &record.entry.origin.method,
        /// The path without its query.
        path: |record| &record.entry.origin.path,
        /// The host's id of the request.
        request_id: |record| &record.entry.origin.request_id,
        /// The client's address.
        client_address: |record| &record.entry.origin.client_address,
        /// The HTTP status of a refusal.
        status_code: |record| &record.entry.status_code,
        /// The reason of a refusal.
        error: |record| &record.entry.error,
        /// What else is kept; never a secret. A copy.
        payload: |record| &record.entry.payload,
    } => |fields| {
        let sequence = fields.next()?;
        let (id, occurred_at, actor) = (fields.next()?, fields.next()?, fields.next()?);
        let (action, outcome) = (fields.next()?, fields.next()?);
        let (institution_id, api_key_id) = (fields.next()?, fields.next()?);
        let (resource_type, resource_id) = (fields.next()?, fields.next()?);
        let origin = doorward::Origin {
            method: fields.next()?,
            path: fields.next()?,
            request_id: fields.next()?,
            client_address: fields.next()?,
        };
        let (status_code, error, payload) = (fields.next()?, fields.next()?, fields.next()?);
        let entry = doorward::AuditEntry {
            id,
            occurred_at,
            actor,
            action,
            outcome,
            institution_id,
            resource_type,
            resource_id,
            origin,
            status_code,
            error,
            payload,
        };
        doorward::AuditEvent { sequence, api_key_id, entry }
    };
}
