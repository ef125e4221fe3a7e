//! The frame of every change: its actor is checked, it is made, its audit entry is written, and as the last statements the
//! feed says what was touched and the generation is raised. All in the transaction that the writer holds.

use rusqlite::Connection;

use super::{
    commit::Commit,
    statement::{execute, exists, find},
};
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
    commit: &Commit<'_>,
    entry: &AuditEntry,
    work: impl FnOnce(&Connection) -> Result<(T, Vec<changes::Change>)>,
) -> Result<T> {
    if let Some(actor) = entry.actor.key_id() {
        let key = find(commit, keys::FIND_BY_ID, &[actor.into()], keys::read)?;
        check_actor(key.as_ref(), entry.occurred_at)?;
    }
    let (answer, touched) = work(commit)?;
    append(commit, entry)?;
    if !touched.is_empty() {
        note(commit, &touched, entry.occurred_at)?;
        commit.raise();
    }
    Ok(answer)
}

/// Writes an entry to the audit trail.
pub(super) fn append(connection: &Connection, entry: &AuditEntry) -> Result<()> {
    execute(connection, audit::INSERT, &audit::inserted(entry, Timestamp::now())).map(|_| ())
}

/// Says in the feed what was touched.
fn note(commit: &Commit<'_>, touched: &[changes::Change], at: Timestamp) -> Result<()> {
    let generation = commit.next_generation()?;
    for change in touched {
        execute(commit, changes::INSERT, &change.values(generation, at))?;
    }
    // Not with every change: one in so many forgets as many rows.
    if generation % 256 == 0
        && let Some(oldest) = generation.checked_sub(changes::KEPT_GENERATIONS)
    {
        execute(commit, changes::FORGET, &[oldest.into()])?;
    }
    Ok(())
}

/// `NotFound` / `institution_not_found` unless it is there.
pub(super) fn check_institution(connection: &Connection, id: &InstitutionId) -> Result<()> {
    if exists(connection, institutions::EXISTS, &[id.into()])? { Ok(()) } else { Err(institution_not_found(id)) }
}
