//! Attempts: what is safe to repeat is repeated, with growing pauses, until the operation's time is over.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Inner, connections::Lent, errors::Fault, statement::Link};
use crate::error::{Error, Reason, Result};

/// Pauses grow from the one to the other, each drawn at random so that many do not come back at once.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// A connection in use. Unless it is given back it is thrown away: what broke off in the middle leaves nobody knows what.
pub(super) struct Loan<'a> {
    inner: &'a Inner,
    lent: Option<Lent>,
}

impl<'a> Loan<'a> {
    pub(super) fn link(&mut self) -> Result<Link<'_>, Fault> {
        match &mut self.lent {
            Some(lent) => Ok(Link::new(lent, &self.inner.statements)),
            None => Err(Error::new(Reason::Bug, "a connection was used after it was given back").into()),
        }
    }

    /// The connection is as it was lent: nothing is under way on it.
    pub(super) fn give_back(mut self) {
        drop(self.lent.take());
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(lent) = self.lent.take() {
            self.inner.connections.discard(lent);
        }
    }
}

impl Inner {
    pub(super) async fn lend(&self) -> Result<Loan<'_>, Fault> {
        Ok(Loan { inner: self, lent: Some(self.connections.lend().await?) })
    }

    /// Makes what is safe to repeat, with statements that each commit by themselves.
    pub(super) async fn ask<T>(&self, work: &impl AsyncFn(&mut Link<'_>) -> Result<T, Fault>) -> Result<T> {
        self.persist(self.options.operation_limit(), async || {
            let mut loan = self.lend().await?;
            let answer = work(&mut loan.link()?).await;
            if !matches!(answer, Err(Fault::Lost(_))) {
                loan.give_back();
            }
            answer
        })
        .await
    }

    /// Repeats an attempt until it succeeds, fails for good, or the time is over.
    pub(super) async fn persist<T>(&self, limit: Duration, mut attempt: impl AsyncFnMut() -> Result<T, Fault>) -> Result<T> {
        let end = Instant::now().checked_add(limit);
        let end = end.ok_or_else(|| Error::new(Reason::Bug, "a time limit is too long"))?;
        let pauses = ExponentialBuilder::new().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
        let mut pauses = pauses.without_max_times().with_jitter().build();
        let mut last = None;
        loop {
            match timeout_at(end, attempt()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Fault::Final(error))) => return Err(error),
                Ok(Err(Fault::Again(error) | Fault::Lost(error))) => last = Some(error),
                Err(_) => return Err(last.unwrap_or_else(too_late)),
            }
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            if Instant::now().checked_add(pause).is_none_or(|next| next >= end) {
                return Err(last.unwrap_or_else(too_late));
            }
            sleep(pause).await;
        }
    }
}

fn too_late() -> Error {
    Error::new(Reason::StoreUnavailable, "the database did not answer in time")
}
