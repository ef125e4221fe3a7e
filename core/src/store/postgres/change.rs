//! The frame of every change: one transaction in which the actor is checked, the change is made, its audit entry is
//! written, and as the last statement the generation is raised and the feed says what was touched.
//!
//! **Locks.** Changes of one institution take turns at an advisory lock, before they touch a row. Rows are then locked
//! without waiting, each before it is changed and an institution before a row is stored that refers to it: where another
//! application holds one, everything is given back and tried again. What remains to wait for (a unique index in which an
//! application is just storing the same key; a table that it holds as a whole) is waited for much more briefly than
//! PostgreSQL lets others wait before it looks for a deadlock. So doorward does not wait for an application's lock while it
//! holds one that the application may want, and no application meets a deadlock for doorward's sake. Locks are no stronger
//! than needed, so that an application may store rows that refer to those which doorward changes. The generation's row comes
//! last, since it makes all changes take turns; whoever has it waits for nobody.
//!
//! **Lost answers.** When the answer of COMMIT is lost the change may have been made. Each change holds an advisory lock
//! of its own, named by its audit entry; the next attempt takes it, which waits for the end of the one before, and then
//! looks for the entry. So a change is never made twice, and never said to have failed when it was made.

use std::time::Duration;

use super::{Inner, connections::Purpose, errors::Fault, options::patience, statement::Link, values::columns};
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

/// How long a change waits for its turn, while it holds no row, before it tries again.
const TURN_TIMEOUT_MS: u128 = 500;
/// How long it waits for anything else, while it may hold rows that an application wants: much less than the server's
/// `deadlock_timeout`, 1 s by default.
const LOCK_TIMEOUT_MS: u128 = 100;
/// How long it waits for the generation's row, which only doorward's own changes hold, and each for the time of a commit.
const GENERATION_TIMEOUT_MS: u128 = 2000;
/// How many of the feed's rows one statement numbers or forgets, so that however many there are none takes too long.
const FEED_ROWS_AT_ONCE: u64 = 10_000;

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
        let longest_wait = self.patience(GENERATION_TIMEOUT_MS);
        let answer = self
            .persist(limit, async || {
                let attempt = async |link: &mut Link<'_>| {
                    if made.is_some() {
                        if link.exists(MADE_BEFORE, &[(&entry.id).into()]).await? {
                            return Ok(None);
                        }
                        made = None;
                    }
                    framed(link, entry, longest_wait, &work).await.map(Some)
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
        let mut text = format!(
            "{}; SET LOCAL lock_timeout = {}; SET LOCAL doorward.writer = 'on'; \
             SELECT pg_catalog.set_config('synchronous_commit', 'local', true) \
             WHERE pg_catalog.current_setting('synchronous_commit') = 'off'; \
             SELECT pg_catalog.pg_advisory_xact_lock({})",
            self.begin(),
            self.patience(TURN_TIMEOUT_MS),
            lock_number("change", &entry.id.to_string()),
        );
        if let Some(id) = institution_id {
            let number = lock_number(self.statements.schema(), &id.to_string());
            text.push_str(&format!("; SELECT pg_catalog.pg_advisory_xact_lock({number})"));
        }
        text.push_str(&format!("; SET LOCAL lock_timeout = {}", self.patience(LOCK_TIMEOUT_MS)));
        text
    }

    /// How long to wait for a lock, where statements may have less time.
    fn patience(&self, millis: u128) -> u128 {
        patience(millis, self.options.statement_limit())
    }

    /// Gives the feed's rows that other SQL left a number: all that are there the next one, unless they are very many. If that
    /// is lost half-way, the next one does it.
    pub(super) async fn number_foreign_changes(&self) -> Result<()> {
        let begin = format!("{}; SET LOCAL lock_timeout = {}", self.begin(), self.patience(GENERATION_TIMEOUT_MS));
        let number = async |link: &mut Link<'_>| {
            // The lock first: what is seen after it belongs to the number.
            let number = link.find("SELECT number FROM doorward_generation FOR UPDATE", &[], |row| row.count(0)).await?;
            let numbered = link.execute(changes::NUMBER_SOME, &[FEED_ROWS_AT_ONCE.into()]).await?;
            if numbered > 0 {
                link.execute("UPDATE doorward_generation SET number = number + 1", &[]).await?;
                forget(link, number.unwrap_or_default()).await?;
            }
            Ok(numbered)
        };
        let attempt = async || {
            let (numbered, loan) = self.transaction(Purpose::Other, begin.clone(), &number).await?;
            loan.commit().await?;
            Ok(numbered)
        };
        while self.persist(self.options.operation_limit(), attempt).await? == FEED_ROWS_AT_ONCE {}
        Ok(())
    }
}

/// Forgets rows of the feed that nobody needs any more, at this generation.
async fn forget(link: &mut Link<'_>, generation: u64) -> Result<(), Fault> {
    if let Some(oldest) = generation.checked_sub(changes::KEPT_GENERATIONS) {
        link.execute(changes::FORGET_SOME, &[oldest.into(), FEED_ROWS_AT_ONCE.saturating_mul(2).into()]).await?;
    }
    Ok(())
}

async fn framed<T>(
    link: &mut Link<'_>,
    entry: &AuditEntry,
    longest_wait: u128,
    work: &impl AsyncFn(&mut Link<'_>) -> Result<(T, Vec<Change>), Fault>,
) -> Result<T, Fault> {
    if let Some(actor) = entry.actor.key_id() {
        let key = link.find(keys::FIND_BY_ID, &[actor.into()], keys::read).await?;
        check_actor(key.as_ref(), entry.occurred_at)?;
    }
    let (answer, touched) = work(link).await?;
    link.execute(audit::INSERT, &audit::inserted(entry, Timestamp::now())).await?;
    if !touched.is_empty() {
        raise(link, &touched, entry.occurred_at, longest_wait).await?;
    }
    Ok(answer)
}

/// Raises the generation and writes the feed, in one statement: from here on all other changes wait.
async fn raise(link: &mut Link<'_>, touched: &[Change], at: Timestamp, longest_wait: u128) -> Result<(), Fault> {
    // The number is not known yet; the statement puts it in the first column's place.
    let rows: Vec<_> = touched.iter().map(|change| change.values(0, at)).collect();
    let (arguments, unnest) = columns(&rows)?;
    let sql = format!(
        "WITH patience AS MATERIALIZED (SELECT pg_catalog.set_config('lock_timeout', '{longest_wait}', true)), \
         raised AS (UPDATE doorward_generation SET number = number + 1 FROM patience RETURNING number) \
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
    if generation % 256 == 0 {
        forget(link, generation).await?;
    }
    Ok(())
}

/// Keeps an institution that a row will refer to from being deleted; `NotFound` / `institution_not_found` if it is not there.
pub(super) async fn hold_institution(link: &mut Link<'_>, id: &InstitutionId) -> Result<(), Fault> {
    if link.exists(institutions::HOLD, &[id.into()]).await? { Ok(()) } else { Err(institution_not_found(id).into()) }
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
