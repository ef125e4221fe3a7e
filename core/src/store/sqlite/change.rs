//! The frame of every change: its actor is checked, it is made, its audit entry is written, and as the last statements the
//! generation is raised and the feed says what was touched. All in the savepoint that the writer holds.

use rusqlite::Connection;

use super::statement::{execute, exists, find};
use crate::{
    error::Result,
    model::{audit::AuditEntry, id::InstitutionId, institution::institution_not_found, time::Timestamp},
    store::{
        check_actor,
        sql::{audit, changes, institutions, keys},
    },
};

/// Makes a change. `work` answers what it made and what it touched: nothing, if all stays as it was.
pub(super) fn change<T>(
    connection: &Connection,
    entry: &AuditEntry,
    work: impl FnOnce(&Connection) -> Result<(T, Vec<changes::Change>)>,
) -> Result<T> {
    if let Some(actor) = entry.actor.key_id() {
        let key = find(connection, keys::FIND_BY_ID, &[actor.into()], keys::read)?;
        check_actor(key.as_ref(), entry.occurred_at)?;
    }
    let (answer, touched) = work(connection)?;
    append(connection, entry)?;
    if !touched.is_empty() {
        raise(connection, &touched, entry.occurred_at)?;
    }
    Ok(answer)
}

/// Writes an entry to the audit trail.
pub(super) fn append(connection: &Connection, entry: &AuditEntry) -> Result<()> {
    execute(connection, audit::INSERT, &audit::inserted(entry, Timestamp::now())).map(|_| ())
}

fn raise(connection: &Connection, touched: &[changes::Change], at: Timestamp) -> Result<()> {
    let generation = find(connection, changes::RAISE, &[], |row| row.count(0))?.unwrap_or_default();
    for change in touched {
        execute(connection, changes::INSERT, &change.values(generation, at))?;
    }
    // Not with every change: one in so many forgets as many rows.
    if generation % 256 == 0
        && let Some(oldest) = generation.checked_sub(changes::KEPT_GENERATIONS)
    {
        execute(connection, changes::FORGET, &[oldest.into()])?;
    }
    Ok(())
}

/// `NotFound` / `institution_not_found` unless it is there.
pub(super) fn check_institution(connection: &Connection, id: &InstitutionId) -> Result<()> {
    if exists(connection, institutions::EXISTS, &[id.into()])? { Ok(()) } else { Err(institution_not_found(id)) }
}
