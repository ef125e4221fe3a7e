//! The frame of every change: one transaction in which the actor is checked, the change is made, its audit entry is
//! written, and as the last statement the generation is raised and the feed says what was touched.
//!
//! **Locks.** Changes of one institution take turns at an advisory lock, before they touch a row. Rows are then locked
//! without waiting: where another application holds one, everything is given back and tried again. So doorward never waits
//! for an application's lock while it holds one that the application may want, and no application meets a deadlock for
//! doorward's sake. The generation's row comes last, since it makes all changes take turns.
//!
//! **Lost answers.** When the answer of COMMIT is lost the change may have been made. Each change holds an advisory lock
//! of its own, named by its audit entry; the next attempt takes it, which waits for the end of the one before, and then
//! looks for the entry. So a change is never made twice, and never said to have failed when it was made.

use std::time::Duration;

use super::{
    Inner,
    connections::Purpose,
    errors::Fault,
    statement::{Link, columns},
};
use crate::{
    error::{Error, Reason, Result},
    model::{audit::AuditEntry, id::InstitutionId, institution::institution_not_found, time::Timestamp},
    store::{
        check_actor,
        sql::{
            audit,
            changes::{self, Change},
            institutions, keys,
            value::SqlValue,
        },
    },
    token::KeyHash,
};

/// How long a change waits for a lock before it gives back what it has and tries again; less where statements have less
/// time than twice this.
const LOCK_TIMEOUT_MS: u128 = 500;

const MADE_BEFORE: &str = "SELECT 1 FROM audit_events WHERE id = $1";

impl Inner {
    /// Makes a change within this time. `work` answers what it made and what it touched: nothing, if all stays as it was.
    pub(super) async fn change<T>(
        &self,
        limit: Duration,
        institution_id: Option<&InstitutionId>,
        entry: &AuditEntry,
        work: impl AsyncFn(&mut Link<'_>) -> Result<(T, Vec<Change>), Fault>,
    ) -> Result<T> {
        // What an attempt made whose COMMIT was sent and not answered.
        let mut made = None;
        let begin = self.begin_change(institution_id, entry);
        let answer = self
            .persist(limit, async || {
                let attempt = async |link: &mut Link<'_>| {
                    if made.is_some() {
                        if link.exists(MADE_BEFORE, &[(&entry.id).into()]).await? {
                            return Ok(None);
                        }
                        made = None;
                    }
                    framed(link, entry, &work).await.map(Some)
                };
                let (answer, loan) = self.transaction(Purpose::Other, begin.clone(), attempt).await?;
                let Some(answer) = answer else {
                    // Nobody waits for this transaction: the connection is thrown away with it.
                    return made.take().ok_or_else(|| Error::new(Reason::Bug, "an answer was lost").into());
                };
                // Before it is sent: if the time is over meanwhile, nobody is there to note it.
                made = Some(answer);
                match loan.commit().await {
                    Ok(()) => made.take().ok_or_else(|| Error::new(Reason::Bug, "an answer was lost").into()),
                    Err(refused) if refused.is_refusal() => {
                        made = None;
                        Err(refused)
                    }
                    Err(Fault::Lost(error) | Fault::Final(error) | Fault::Again(error)) => Err(Fault::Lost(error)),
                }
            })
            .await;
        match (answer, made) {
            (Err(error), Some(_)) => {
                let message = "no answer came to the COMMIT of the change: it may have been made or not";
                Err(Error::new(Reason::OutcomeUnknown, message).because(error))
            }
            (answer, _) => answer,
        }
    }

    /// Begins the transaction of a change. All in one message: a session keeps nothing of it, as a transaction pooler wants.
    fn begin_change(&self, institution_id: Option<&InstitutionId>, entry: &AuditEntry) -> String {
        // To wait for a lock is to be tried again, and must not look like a statement that takes too long.
        let lock_timeout = LOCK_TIMEOUT_MS.min(self.options.statement_limit().as_millis() / 2).max(1);
        let mut text = format!(
            "{}; SET LOCAL lock_timeout = {lock_timeout}; SET LOCAL doorward.writer = 'on'; \
             SELECT pg_catalog.set_config('synchronous_commit', 'local', true) \
             WHERE pg_catalog.current_setting('synchronous_commit') = 'off'; \
             SELECT pg_catalog.pg_advisory_xact_lock({})",
            self.begin(),
            lock_number("change", &entry.id.to_string()),
        );
        if let Some(id) = institution_id {
            let number = lock_number(self.statements.schema(), &id.to_string());
            text.push_str(&format!("; SELECT pg_catalog.pg_advisory_xact_lock({number})"));
        }
        text
    }
}

async fn framed<T>(
    link: &mut Link<'_>,
    entry: &AuditEntry,
    work: &impl AsyncFn(&mut Link<'_>) -> Result<(T, Vec<Change>), Fault>,
) -> Result<T, Fault> {
    if let Some(actor) = entry.actor.key_id() {
        let key = link.find(keys::FIND_BY_ID, &[actor.into()], keys::read).await?;
        check_actor(key.as_ref(), entry.occurred_at)?;
    }
    let (answer, touched) = work(link).await?;
    link.execute(audit::INSERT, &audit::inserted(entry, Timestamp::now())).await?;
    if !touched.is_empty() {
        raise(link, &touched, entry.occurred_at).await?;
    }
    Ok(answer)
}

/// Raises the generation and writes the feed, in one statement: from here on all other changes wait.
async fn raise(link: &mut Link<'_>, touched: &[Change], at: Timestamp) -> Result<(), Fault> {
    // The number is not known yet; the statement puts it in the first column's place.
    let rows: Vec<_> = touched.iter().map(|change| change.values(0, at)).collect();
    let (arguments, unnest) = columns(&rows)?;
    let sql = format!(
        "WITH raised AS (UPDATE doorward_generation SET number = number + 1 RETURNING number) \
         INSERT INTO doorward_change_feed (generation, entity, entity_id, institution_id, region, old_hash, new_hash, \
         changed_at) SELECT raised.number, c.entity, c.entity_id, c.institution_id, c.region, c.old_hash, c.new_hash, \
         c.changed_at FROM raised, {unnest} AS c (generation, entity, entity_id, institution_id, region, old_hash, new_hash, \
         changed_at) RETURNING generation"
    );
    let rows = link.rows(&sql, arguments).await?;
    let Some(first) = rows.first() else {
        return Err(Error::new(Reason::DamagedRecord, "the database has no generation").into());
    };
    let generation = (first as &dyn crate::store::sql::value::Row).count(0)?;
    // Not with every change: one in so many forgets as many rows.
    if generation % 256 == 0
        && let Some(oldest) = generation.checked_sub(changes::KEPT_GENERATIONS)
    {
        link.execute(changes::FORGET, &[oldest.into()]).await?;
    }
    Ok(())
}

/// `NotFound` / `institution_not_found` unless it is there.
pub(super) async fn check_institution(link: &mut Link<'_>, id: &InstitutionId) -> Result<(), Fault> {
    let values: [SqlValue; 1] = [id.into()];
    if link.exists(institutions::EXISTS, &values).await? { Ok(()) } else { Err(institution_not_found(id).into()) }
}

/// The number of an advisory lock: 64 bits of a digest, so that it meets no application's by chance.
pub(super) fn lock_number(space: &str, name: &str) -> i64 {
    let digest = KeyHash::of(&format!("doorward {space} {name}"));
    digest.as_bytes().first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))
}
