//! Lookups gathered: those that arrive while a query is under way go out together as the next one.
//!
//! A question never joins a query that was sent before it was asked: that might have missed a revocation in between. Equal
//! questions share a query that has not been sent yet. A query that failed and is repeated is a new one: what came meanwhile
//! goes with it. Each question has its own time, counted from when it was asked.

use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout_at};

use super::{
    Inner, Live, attempts,
    connections::Purpose,
    errors::Fault,
    runtime::{answer_with, unpanicked},
    statement::Link,
    values::arguments,
};
use crate::{
    error::{Error, Reason, Result},
    lock::Lock,
    model::{
        api_key::ApiKey,
        code::Region,
        decision::{Decision, DefaultDecision, Position},
    },
    reply::{Completer, Reply},
    store::{
        Credential,
        sql::{
            keys, policies,
            value::{Row, SqlValue},
        },
    },
    token::KeyHash,
};

/// How many questions one query takes at most.
const MOST: usize = 4096;

#[derive(Default)]
pub(super) struct Lookups {
    pub(super) credentials: Gathering<ForCredential>,
    pub(super) records: Gathering<ForRecord>,
    pub(super) admissions: Gathering<ForAdmission>,
}

pub(super) type Answers<T> = Vec<Result<Option<T>>>;

/// Something that is looked up.
pub(super) trait Question: Send + Sized + 'static {
    type Found: Send + 'static;

    /// The answers to these questions, in their order. A row that cannot be read is the trouble of whoever asked for it,
    /// and of nobody else.
    async fn ask(link: &mut Link<'_>, questions: &[&Self]) -> Result<Answers<Self::Found>, Fault>;
}

/// The questions of one kind that wait to be asked.
pub(super) struct Gathering<Q: Question>(Arc<Lock<Waiting<Q>>>);

struct Waiting<Q: Question> {
    asked: Vec<Asked<Q>>,
    /// Whether a query is under way, after which these are asked.
    underway: bool,
}

struct Asked<Q: Question> {
    question: Q,
    completer: Completer<Option<Q::Found>>,
    /// When its time is over.
    until: Instant,
}

impl<Q: Question> Default for Waiting<Q> {
    fn default() -> Self {
        Self { asked: Vec::new(), underway: false }
    }
}

impl<Q: Question> Default for Gathering<Q> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<Q: Question> Gathering<Q> {
    pub(super) fn ask(&self, live: &Live, question: Q) -> Reply<Option<Q::Found>> {
        let Some(until) = Instant::now().checked_add(live.inner.options.operation_limit()) else {
            return Error::new(Reason::Bug, "a time limit is too long").into();
        };
        let (reply, completer) = Reply::pending();
        let begin = {
            let mut waiting = self.0.lock();
            waiting.asked.push(Asked { question, completer, until });
            !mem::replace(&mut waiting.underway, true)
        };
        if begin {
            let (waiting, inner) = (Arc::clone(&self.0), Arc::clone(&live.inner));
            if let Err(error) = live.runtime.begin(move || async move { serve(&waiting, &inner).await }) {
                self.give_up(&error);
            }
        }
        reply
    }

    /// Nobody asks what waits.
    fn give_up(&self, error: &Error) {
        let asked = {
            let mut waiting = self.0.lock();
            waiting.underway = false;
            mem::take(&mut waiting.asked)
        };
        fail(asked, error);
    }
}

/// Asks what waits, until nothing does.
async fn serve<Q: Question>(waiting: &Lock<Waiting<Q>>, inner: &Inner) {
    let mut batch = Vec::new();
    let mut pauses = attempts::pauses();
    let mut last = None;
    loop {
        {
            let mut waiting = waiting.lock();
            let taken = waiting.asked.len().min(MOST.saturating_sub(batch.len()));
            batch.extend(waiting.asked.drain(..taken));
            if batch.is_empty() {
                waiting.underway = false;
                return;
            }
        }
        let questions: Vec<_> = batch.iter().map(|asked| &asked.question).collect();
        let attempt =
            async { Ok(inner.attempt(Purpose::Lookup, &async |link: &mut Link<'_>| Q::ask(link, &questions).await).await) };
        // The oldest comes first, and its time is over first.
        let end = batch.first().map_or_else(Instant::now, |asked| asked.until);
        let pause = match timeout_at(end.into(), unpanicked(attempt)).await {
            Ok(Ok(Ok(answers))) => {
                batch.drain(..).zip(answers).for_each(|(asked, answer)| answer_with(asked.completer, answer));
                if last.take().is_some() {
                    pauses = attempts::pauses();
                }
                continue;
            }
            Ok(Err(error) | Ok(Err(Fault::Final(error)))) => {
                fail(batch.drain(..), &error);
                continue;
            }
            Ok(Ok(Err(Fault::Again(error) | Fault::Lost(error)))) => {
                last = Some(error);
                pauses()
            }
            Err(_) => Duration::ZERO,
        };
        // Those whose time is over before the next attempt hear so now, those too for whom there was no room.
        let next = Instant::now().checked_add(pause);
        let is_over = |asked: &mut Asked<Q>| next.is_none_or(|next| asked.until <= next);
        let mut over: Vec<_> = batch.extract_if(.., is_over).collect();
        over.extend(waiting.lock().asked.extract_if(.., is_over));
        fail(over, last.get_or_insert_with(attempts::too_late));
        if !batch.is_empty() {
            sleep(pause).await;
        }
    }
}

fn fail<Q: Question>(asked: impl IntoIterator<Item = Asked<Q>>, error: &Error) {
    asked.into_iter().for_each(|asked| answer_with(asked.completer, Err(error.again())));
}

/// What authentication needs of the key with this hash.
pub(super) struct ForCredential(pub(super) KeyHash);

impl Question for ForCredential {
    type Found = Credential;

    async fn ask(link: &mut Link<'_>, questions: &[&Self]) -> Result<Answers<Credential>, Fault> {
        let hashes: Vec<_> = questions.iter().map(|question| question.0).collect();
        by_hash(link, (keys::FIND_CREDENTIAL, keys::FIND_CREDENTIALS), &hashes, keys::CREDENTIAL_COLUMNS, keys::read_credential)
            .await
    }
}

/// The record of the key with this hash.
pub(super) struct ForRecord(pub(super) KeyHash);

impl Question for ForRecord {
    type Found = ApiKey;

    async fn ask(link: &mut Link<'_>, questions: &[&Self]) -> Result<Answers<ApiKey>, Fault> {
        let hashes: Vec<_> = questions.iter().map(|question| question.0).collect();
        by_hash(link, (keys::FIND_BY_HASH, keys::FIND_BY_HASHES), &hashes, keys::HASH_COLUMN, keys::read).await
    }
}

/// One statement for one hash, another for several; `hash_at` is the column of the latter that holds the hash.
async fn by_hash<T: Clone>(
    link: &mut Link<'_>,
    (for_one, for_many): (&str, &str),
    hashes: &[KeyHash],
    hash_at: usize,
    read: fn(&dyn Row) -> Result<T>,
) -> Result<Answers<T>, Fault> {
    if let [hash] = hashes {
        return Ok(vec![link.first(for_one, &[hash.into()], read).await?]);
    }
    let texts = SqlValue::Texts(hashes.iter().map(ToString::to_string).collect());
    let rows = link.rows(for_many, arguments(&[texts])?).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let row: &dyn Row = row;
        let hash: KeyHash = row.parsed(hash_at)?;
        found.insert(hash, read(row));
    }
    let answer = |hash| match found.get(hash) {
        None => Ok(None),
        Some(Ok(record)) => Ok(Some(record.clone())),
        Some(Err(error)) => Err(error.again()),
    };
    Ok(hashes.iter().map(answer).collect())
}

/// The credential of the key with this hash, and what its institution's policy says.
pub(super) struct ForAdmission {
    pub(super) hash: KeyHash,
    pub(super) region: Region,
    pub(super) position: Position,
    pub(super) default: DefaultDecision,
}

impl ForAdmission {
    /// Reads a row that begins with a credential and goes on with a policy.
    fn read(&self, row: &dyn Row) -> Result<(Credential, Decision)> {
        let decisions = policies::decide(row, keys::CREDENTIAL_COLUMNS, std::slice::from_ref(&self.position), self.default);
        let decision = decisions.into_iter().next().unwrap_or_else(Decision::by_unreadable);
        Ok((keys::read_credential(row)?, decision))
    }
}

impl Question for ForAdmission {
    type Found = (Credential, Decision);

    async fn ask(link: &mut Link<'_>, questions: &[&Self]) -> Result<Answers<Self::Found>, Fault> {
        if let [one] = questions {
            let values = [one.region.as_str().into(), (&one.hash).into()];
            return Ok(vec![link.first(keys::FIND_WITH_POLICY, &values, |row| one.read(row)).await?]);
        }
        let hashes = questions.iter().map(|question| question.hash.to_string()).collect();
        let regions = questions.iter().map(|question| question.region.as_str().to_owned()).collect();
        let values = arguments(&[SqlValue::Texts(hashes), SqlValue::Texts(regions)])?;
        let rows = link.rows(keys::FIND_WITH_POLICIES, values).await?;
        let mut answers: Answers<Self::Found> = questions.iter().map(|_| Ok(None)).collect();
        for row in &rows {
            let row: &dyn Row = row;
            // The place in the lists, from 1 on.
            let place = usize::try_from(row.count(keys::PLACE_COLUMN)?).unwrap_or_default().wrapping_sub(1);
            if let (Some(question), Some(answer)) = (questions.get(place), answers.get_mut(place)) {
                *answer = question.read(row).map(Some);
            }
        }
        Ok(answers)
    }
}
