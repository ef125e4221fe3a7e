//! The table `audit_events`.

use super::{
    listing::Listing,
    value::{Row, SqlValue, damaged},
};
use crate::{
    error::Result,
    model::{
        address::parse_address,
        audit::{Actor, AuditEntry, AuditEvent, AuditQuery, Origin, Outcome},
        id::{ApiKeyId, EventId, InstitutionId},
        time::Timestamp,
    },
};

macro_rules! insert_into {
    () => {
        concat!(
            "INSERT INTO audit_events (id, occurred_at, created_at, api_key_id, institution_id, method, path, action, outcome, ",
            "resource_type, resource_id, payload, actor, request_id, status_code, client_address, error)"
        )
    };
}

/// Where an event is stored, in the order of [`inserted`]. The sequence is given by the database.
#[cfg(feature = "postgres")]
pub(crate) const INSERT_INTO: &str = insert_into!();
pub(crate) const INSERT: &str =
    concat!(insert_into!(), " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)");
const SELECT: &str = "SELECT sequence, id, coalesce(occurred_at, created_at), api_key_id, institution_id, method, path, action, outcome, resource_type, \
     resource_id, payload, actor, request_id, status_code, client_address, error FROM audit_events";

/// The values of [`INSERT`]; `now` is when the row is written.
pub(crate) fn inserted(entry: &AuditEntry, now: Timestamp) -> [SqlValue; 17] {
    let text = |value: &Option<String>| SqlValue::from(value.clone());
    // In tables that were adopted these two are NOT NULL: an empty text stands for "none".
    let present = |value: &Option<String>| SqlValue::from(value.clone().unwrap_or_default());
    [
        (&entry.id).into(),
        entry.occurred_at.into(),
        now.into(),
        entry.actor.key_id().into(),
        entry.institution_id.as_ref().into(),
        present(&entry.origin.method),
        present(&entry.origin.path),
        entry.action.as_str().into(),
        entry.outcome.as_str().into(),
        text(&entry.resource_type),
        text(&entry.resource_id),
        SqlValue::object(&entry.payload),
        entry.actor.to_string().into(),
        text(&entry.origin.request_id),
        SqlValue::Integer(entry.status_code.map(i64::from)),
        entry.origin.client_address.map(|address| address.to_string()).into(),
        text(&entry.error),
    ]
}

/// Reads a row of [`list`].
pub(crate) fn read(row: &dyn Row) -> Result<AuditEvent> {
    let text = |at| row.text(at).map(|value| value.map(str::to_owned));
    let present = |at| row.text(at).map(|value| value.filter(|text| !text.is_empty()).map(str::to_owned));
    let entry = AuditEntry {
        id: EventId::from_stored(row.required_text(1)?),
        occurred_at: row.required_time(2)?,
        // A row that the host wrote before its tables were adopted names a key or nobody.
        actor: match (row.text(12)?, row.text(3)?) {
            (Some(_), _) => row.parsed(12)?,
            (None, Some(key)) => Actor::Key(ApiKeyId::from_stored(key)),
            (None, None) => Actor::System,
        },
        // An application whose tables were adopted goes on writing rows in words of its own.
        action: row.text(7)?.unwrap_or_default().to_owned(),
        outcome: row.text(8)?.and_then(|word| word.parse().ok()).unwrap_or(Outcome::Unstated),
        institution_id: row.text(4)?.map(InstitutionId::from_stored),
        resource_type: text(9)?,
        resource_id: text(10)?,
        origin: Origin {
            method: present(5)?,
            path: present(6)?,
            request_id: text(13)?,
            client_address: row.text(15)?.and_then(parse_address),
        },
        status_code: row.integer(14)?.and_then(|code| u16::try_from(code).ok()),
        error: text(16)?,
        payload: match row.json(11)? {
            Some(text) => match serde_json::from_str(&text) {
                Ok(serde_json::Value::Object(payload)) => payload,
                Ok(other) => serde_json::Map::from_iter([("value".to_owned(), other)]),
                Err(error) => return Err(damaged("its payload is no JSON").because(error)),
            },
            None => serde_json::Map::new(),
        },
    };
    Ok(AuditEvent::new(row.count(0)?, entry))
}

/// The statement of a page.
pub(crate) fn list(query: &AuditQuery) -> Result<(String, Vec<SqlValue>)> {
    let mut listing = Listing::of(SELECT);
    // Events from before an application's tables were adopted have no place in the order.
    listing.filter("sequence IS NOT NULL", []);
    if let Some(institution_id) = &query.institution_id {
        listing.filter("institution_id = ?", [institution_id.into()]);
    }
    if let Some(actor) = &query.actor {
        listing.filter("actor = ?", [actor.to_string().into()]);
    }
    if let Some(action) = &query.action {
        listing.filter("action = ?", [action.as_str().into()]);
    }
    if let Some(since) = query.since {
        listing.filter("occurred_at >= ?", [since.into()]);
    }
    if let Some(until) = query.until {
        listing.filter("occurred_at < ?", [until.into()]);
    }
    listing.page_by_number(&query.page, "sequence")
}
