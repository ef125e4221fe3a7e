//! One transaction and the changes in it.
//!
//! A change that fails takes no other with it. Most of those that fail do so before they have written anything, so the
//! changes are first made without savepoints: a savepoint costs a copy of every page that is touched in it. Only when one
//! fails after it has written is all rolled back and made once more, each change in a savepoint of its own.

use std::{
    cell::Cell,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use rusqlite::Connection;

use super::{
    errors,
    statement::{execute, find},
};
use crate::{
    error::{Error, Reason, Result},
    reply::{Completer, Gate},
    store::sql::changes,
};

/// The transaction in which changes are made: a connection, and the generation that they have come to.
pub(super) struct Commit<'a> {
    connection: &'a Connection,
    /// What the store had when it was first asked for, and what it will have.
    generations: Cell<Option<(u64, u64)>>,
}

impl Deref for Commit<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Commit<'_> {
    /// The number of the next generation.
    pub(super) fn next_generation(&self) -> Result<u64> {
        let (_, now) = match self.generations.get() {
            Some(generations) => generations,
            None => {
                let stored = find(self, changes::GENERATION, &[], changes::read_generation)?;
                let number = stored.map(|stored| stored.number).unwrap_or_default();
                self.generations.set(Some((number, number)));
                (number, number)
            }
        };
        Ok(now.saturating_add(1))
    }

    /// Raises the generation. The last that a change does, so that one which failed has raised nothing.
    pub(super) fn raise(&self) {
        if let Some((before, now)) = self.generations.get() {
            self.generations.set(Some((before, now.saturating_add(1))));
        }
    }

    /// Writes the generation, once for all changes, and commits.
    fn end(&self) -> Result<()> {
        if let Some(raised) = self.generations.get().map(|(before, now)| now.saturating_sub(before)).filter(|raised| *raised > 0)
        {
            find(self, changes::RAISE, &[raised.into()], |_| Ok(()))?;
        }
        execute(self, "COMMIT", &[]).map(|_| ())
    }
}

/// A change in the queue.
pub(super) trait Change: Send {
    /// Makes the change and keeps its answer. An error is given besides, since it may be that of others as well.
    fn run(&mut self, commit: &Commit<'_>) -> Result<()>;

    /// Until when it waits for another writer.
    fn deadline(&self) -> Instant;

    /// Where a thread waits for the answer.
    fn gate(&self) -> Arc<Gate>;

    /// Gives the answer, or the error of the commit if there was one. The gate is still to be opened.
    fn finish(self: Box<Self>, fate: &Result<()>);
}

/// Makes changes in one transaction and commits it. `run` says how many were begun: those share its fate.
pub(super) fn transact(connection: &Connection, changes: &mut [Box<dyn Change>], run: &mut usize) -> Result<()> {
    // Where there is but one, nothing else has to be kept when it fails.
    if attempt(connection, changes, run, false)? || changes.len() == 1 {
        return Ok(());
    }
    attempt(connection, changes, run, true).map(|_| ())
}

/// `false` if a change failed after it had written something, and all was rolled back.
fn attempt(connection: &Connection, changes: &mut [Box<dyn Change>], run: &mut usize, savepoints: bool) -> Result<bool> {
    *run = 0;
    execute(connection, "BEGIN IMMEDIATE", &[])?;
    let commit = Commit { connection, generations: Cell::new(None) };
    let made = make(&commit, changes, run, savepoints).and_then(|all| if all { commit.end().map(|()| true) } else { Ok(false) });
    if !matches!(made, Ok(true)) && !connection.is_autocommit() {
        execute(connection, "ROLLBACK", &[])?;
    }
    made
}

fn make(commit: &Commit<'_>, changes: &mut [Box<dyn Change>], run: &mut usize, savepoints: bool) -> Result<bool> {
    for change in changes {
        *run = run.saturating_add(1);
        if savepoints {
            execute(commit, "SAVEPOINT change", &[])?;
        }
        let written = commit.total_changes();
        if let Err(error) = change.run(commit) {
            // A full disk and the like end the whole transaction.
            if commit.is_autocommit() {
                return Err(error);
            }
            if savepoints {
                execute(commit, "ROLLBACK TO change", &[])?;
            } else if commit.total_changes() != written {
                return Ok(false);
            }
        }
        if savepoints {
            execute(commit, "RELEASE change", &[])?;
        }
    }
    Ok(true)
}

/// A change that is work to do on a transaction, and the reply that waits for it.
pub(super) struct Task<T, F> {
    /// May be called again, after all that it did was rolled back.
    pub(super) work: F,
    pub(super) answer: Option<Result<T>>,
    pub(super) completer: Completer<T>,
    pub(super) gate: Arc<Gate>,
    pub(super) deadline: Instant,
}

impl<T: Send, F: FnMut(&Commit<'_>) -> Result<T> + Send> Change for Task<T, F> {
    fn run(&mut self, commit: &Commit<'_>) -> Result<()> {
        let work = &mut self.work;
        let answer = catch_unwind(AssertUnwindSafe(|| work(commit))).unwrap_or_else(|_| Err(errors::panicked()));
        let copy = answer.as_ref().map(|_| ()).map_err(Error::again);
        self.answer = Some(answer);
        copy
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    fn finish(self: Box<Self>, fate: &Result<()>) {
        let Self { work, answer, completer, .. } = *self;
        // Before the answer: what the work shares with whoever waits is then that one's alone.
        drop(work);
        completer.complete_behind_gate(match (answer, fate) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(error)) => Err(error.again()),
            (Some(answer), Ok(())) => answer,
            (None, Ok(())) => Err(Error::new(Reason::Bug, "a change was committed without being run")),
        });
    }
}
