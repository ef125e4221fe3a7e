//! Attempts: what is safe to repeat is repeated, with growing pauses, until the operation's time is over.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Inner,
    connections::{Lent, Purpose},
    errors::Fault,
    options::{READ_TIMEOUT_MS, ROW_SECURITY, patience},
    statement::Link,
};
use crate::error::{Error, Reason, Result};

/// Pauses grow from the one to the other, each drawn at random so that many do not come back at once.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// A connection in use. Unless it is given back it is thrown away: what broke off in the middle leaves nobody knows what.
pub(super) struct Loan<'a> {
    inner: &'a Inner,
    lent: Option<Lent<'a>>,
}

impl<'a> Loan<'a> {
    pub(super) fn link(&mut self) -> Result<Link<'_>, Fault> {
        match &mut self.lent {
            Some(lent) => Ok(Link::new(lent.connection(), &self.inner.statements)),
            None => Err(Error::new(Reason::Bug, "a connection was used after it was given back").into()),
        }
    }

    /// The connection is as it was lent: nothing is under way on it.
    pub(super) fn give_back(mut self) {
        drop(self.lent.take());
    }

    /// Ends a transaction that is to stay. After a fault that is no [refusal](Fault::is_refusal) it may have stayed or not.
    pub(super) async fn commit(mut self) -> Result<(), Fault> {
        let committed = self.link()?.simple("COMMIT".to_owned()).await;
        self.end(committed.as_ref().err());
        committed
    }

    /// Lets go of the connection after work that ended well, or with this fault, outside of a transaction.
    fn end(mut self, fault: Option<&Fault>) {
        match (fault, self.lent.take()) {
            (Some(Fault::Lost(_)), Some(lent)) => self.inner.connections.lose(lent),
            (_, lent) => drop(lent),
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(lent) = self.lent.take() {
            lent.discard();
        }
    }
}

impl Inner {
    pub(super) async fn lend(&self) -> Result<Loan<'_>, Fault> {
        self.lend_for(Purpose::Other).await
    }

    async fn lend_for(&self, purpose: Purpose) -> Result<Loan<'_>, Fault> {
        Ok(Loan { inner: self, lent: Some(self.connections.lend(purpose).await?) })
    }

    /// Makes what is safe to repeat: a question, or a change that changes nothing the second time.
    pub(super) async fn ask<T>(&self, work: &impl AsyncFn(&mut Link<'_>) -> Result<T, Fault>) -> Result<T> {
        self.persist(self.options.operation_limit(), async || self.attempt(Purpose::Other, work).await).await
    }

    /// One attempt at what is safe to repeat.
    pub(super) async fn attempt<T>(
        &self,
        purpose: Purpose,
        work: &impl AsyncFn(&mut Link<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.statements.are_prepared() {
            // Statements that each commit by themselves.
            let mut loan = self.lend_for(purpose).await?;
            let answer = work(&mut loan.link()?).await;
            loan.end(answer.as_ref().err());
            return answer;
        }
        // A transaction pooler may give each message another server, and the driver sends a statement in two: only in a
        // transaction do both meet the same one.
        let (answer, loan) = self.transaction(purpose, self.begin(), work).await?;
        loan.commit().await?;
        Ok(answer)
    }

    /// Begins a transaction by `begin`, and does work in it. If that fails, the transaction is taken back.
    pub(super) async fn transaction<T>(
        &self,
        purpose: Purpose,
        begin: String,
        work: impl AsyncFnOnce(&mut Link<'_>) -> Result<T, Fault>,
    ) -> Result<(T, Loan<'_>), Fault> {
        let mut loan = self.lend_for(purpose).await?;
        let mut link = loan.link()?;
        let worked = match link.simple(begin).await {
            Ok(()) => work(&mut link).await,
            Err(fault) => Err(fault),
        };
        match worked {
            Ok(answer) => Ok((answer, loan)),
            Err(fault) => {
                match &fault {
                    Fault::Lost(_) => loan.end(Some(&fault)),
                    _ => {
                        let taken_back = link.simple("ROLLBACK".to_owned()).await;
                        loan.end(taken_back.err().as_ref());
                    }
                }
                Err(fault)
            }
        }
    }

    /// Begins a transaction, with the limits that a session behind a transaction pooler does not keep.
    pub(super) fn begin(&self) -> String {
        let limit = self.options.statement_limit();
        let (millis, wait) = (limit.as_millis(), patience(READ_TIMEOUT_MS, limit));
        let (row_security, off) = ROW_SECURITY;
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {millis}; \
             SET LOCAL idle_in_transaction_session_timeout = {millis}; SET LOCAL lock_timeout = {wait}; \
             SET LOCAL {row_security} = {off}"
        )
    }

    /// Repeats an attempt until it succeeds, fails for good, or the time is over. An attempt that is under way then is
    /// dropped where it stands. A limit that is longer than an operation's is for work that makes way: where attempts do
    /// nothing but fail, an operation's time is enough.
    pub(super) async fn persist<T>(&self, limit: Duration, mut attempt: impl AsyncFnMut() -> Result<T, Fault>) -> Result<T> {
        let long = self.options.operation_limit();
        let end = Instant::now().checked_add(limit);
        let end = end.ok_or_else(|| Error::new(Reason::Bug, "a time limit is too long"))?;
        let mut pauses = pauses();
        let mut failing_until: Option<Instant> = None;
        let mut last = None;
        loop {
            let begun = Instant::now();
            match timeout_at(end, attempt()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Fault::Final(error))) => return Err(error),
                Ok(Err(Fault::Again(error) | Fault::Lost(error))) => last = Some(error),
                Err(_) => return Err(last.unwrap_or_else(too_late)),
            }
            let now = Instant::now();
            if failing_until.is_none() || begun.elapsed() > long {
                failing_until = now.checked_add(long);
            }
            let pause = pauses();
            let next = now.checked_add(pause);
            if next.is_none_or(|next| next >= end || failing_until.is_some_and(|until| next >= until)) {
                return Err(last.unwrap_or_else(too_late));
            }
            sleep(pause).await;
        }
    }
}

/// Gives the pauses between attempts, one after the other.
pub(super) fn pauses() -> impl FnMut() -> Duration {
    let pauses = ExponentialBuilder::new().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
    let mut pauses = pauses.without_max_times().with_jitter().build();
    move || pauses.next().unwrap_or(LONGEST_PAUSE)
}

pub(super) fn too_late() -> Error {
    Error::new(Reason::StoreUnavailable, "the database did not answer in time")
}
