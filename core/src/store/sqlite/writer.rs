//! The one writer of a store: a thread, started by the first change, that gathers changes into commits.
//!
//! What a durable commit costs is the disk's answer. While it waits for that, further changes queue up; the next commit
//! takes them all (`commit`). None is answered before the commit that holds it is on the disk. The queue is bounded: a
//! caller waits for room in it.

use std::{
    collections::VecDeque,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{
    commit::{Change, Commit, Task, transact},
    connections::Connections,
    errors,
};
use crate::{
    error::{Error, Reason, Result},
    reply::{self, Gate, Reply},
};

/// How many changes one commit takes at most: what bounds the wait of the first of them.
const GATHERED: usize = 256;
/// How many changes wait at most; whoever brings another one waits with it.
const QUEUED: usize = 4096;

pub(super) struct Writer {
    connections: Arc<Connections>,
    /// The standard library's lock, for the reason given in [`Connections`].
    queue: Mutex<Queue>,
    /// Something was queued, or the writer is to end.
    work: Condvar,
    /// There is room in the queue.
    room: Condvar,
    /// The thread has ended.
    ended: Condvar,
}

#[derive(Default)]
struct Queue {
    changes: VecDeque<Box<dyn Change>>,
    /// Where the callers wait whose changes the next commit will take.
    gate: Arc<Gate>,
    /// The writer waits to be woken.
    sleeping: bool,
    running: bool,
    closing: bool,
    /// The store was dropped: nobody else closes the connections.
    abandoned: bool,
}

impl Writer {
    pub(super) fn new(connections: Arc<Connections>) -> Arc<Self> {
        let (queue, work, room, ended) = Default::default();
        Arc::new(Self { connections, queue, work, room, ended })
    }

    /// Queues a change. Its reply comes once it is durable, or has failed and left nothing behind. `work` may be called again,
    /// after all that it did was rolled back.
    pub(super) fn submit<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnMut(&Commit<'_>) -> Result<T> + Send + 'static,
    ) -> Reply<T> {
        if let Err(error) = self.connections.check_open() {
            return error.into();
        }
        let timeout = self.connections.place.options.busy_timeout;
        let Some(deadline) = Instant::now().checked_add(timeout) else {
            return Error::new(Reason::OutOfRange, "is too long").field("busy_timeout").into();
        };
        let mut queue = self.lock();
        while queue.changes.len() >= QUEUED && !queue.closing {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Error::new(Reason::Busy, "too many changes are waiting to be written").into();
            }
            queue = self.room.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if queue.closing {
            return errors::closed().into();
        }
        if !queue.running {
            if let Err(error) = self.start() {
                return error.into();
            }
            queue.running = true;
        }
        let gate = Arc::clone(&queue.gate);
        let (reply, completer) = Reply::pending_at(Arc::clone(&gate));
        queue.changes.push_back(Box::new(Task { work, answer: None, completer, gate, deadline }));
        // A call of the system, for the first of many changes only.
        let wake = mem::take(&mut queue.sleeping);
        drop(queue);
        if wake {
            self.work.notify_one();
        }
        reply
    }

    fn start(self: &Arc<Self>) -> Result<()> {
        let writer = Arc::clone(self);
        let started = thread::Builder::new().name("doorward-sqlite".to_owned()).spawn(move || {
            reply::mark_own_thread();
            let running = Running(&writer);
            while let Some(changes) = writer.next() {
                writer.commit(changes);
            }
            drop(running);
        });
        started.map(drop).map_err(|error| Error::new(Reason::StoreUnavailable, "no thread could be started").because(error))
    }

    /// The next changes to commit together; `None` when the writer is to end and nothing is left to do.
    fn next(&self) -> Option<Vec<Box<dyn Change>>> {
        let mut queue = self.lock();
        while queue.changes.is_empty() {
            if queue.closing {
                return None;
            }
            queue.sleeping = true;
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.sleeping = false;
        let full = queue.changes.len() >= QUEUED;
        let count = queue.changes.len().min(GATHERED);
        let changes = queue.changes.drain(..count).collect();
        queue.gate = Arc::default();
        if full {
            self.room.notify_all();
        }
        Some(changes)
    }

    /// Takes the changes through one commit, or through several if one of them ends the transaction.
    fn commit(&self, mut changes: Vec<Box<dyn Change>>) {
        while !changes.is_empty() {
            let mut run = 0;
            let fate = self.connections.write(|connection| transact(connection, &mut changes, &mut run));
            let rest = if run > 0 {
                changes.split_off(run.min(changes.len()))
            } else if matches!(&fate, Err(error) if error.reason() == Reason::Busy) {
                // Not even begun: another process is writing. Each change waits for it until its own deadline.
                let now = Instant::now();
                let (late, early) = changes.into_iter().partition(|change| change.deadline() <= now);
                changes = late;
                early
            } else {
                Vec::new()
            };
            let mut gates: Vec<Arc<Gate>> = Vec::new();
            for change in mem::replace(&mut changes, rest) {
                let gate = change.gate();
                if gates.last().is_none_or(|last| !Arc::ptr_eq(last, &gate)) {
                    gates.push(gate);
                }
                // To answer is to wake a task, which is code of the host's executor.
                let _ = catch_unwind(AssertUnwindSafe(|| change.finish(&fate)));
            }
            gates.iter().for_each(|gate| gate.open());
        }
    }

    /// Takes no more changes and ends once those are written that are queued.
    pub(super) fn end(&self) {
        self.lock().closing = true;
        self.work.notify_all();
        self.room.notify_all();
    }

    /// Ends as [`end`](Self::end) does, closes the connections once all is written, and waits for none of it.
    pub(super) fn abandon(&self) {
        self.end();
        let mut queue = self.lock();
        queue.abandoned = true;
        let running = queue.running;
        drop(queue);
        if !running {
            let _ = self.connections.close(None);
        }
    }

    /// Waits until the writer has ended; `false` if it has not in time.
    pub(super) fn wait_for_end(&self, deadline: Option<Instant>) -> bool {
        let mut queue = self.lock();
        while queue.running {
            queue = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return false,
                Some(left) => self.ended.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.ended.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes that the thread has ended, however it did: the next change starts another one.
struct Running<'a>(&'a Writer);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.running = false;
        let abandoned = queue.abandoned;
        drop(queue);
        self.0.ended.notify_all();
        if abandoned {
            let _ = self.0.connections.close(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{SqliteOptions, place::Place, statement::execute};

    #[test]
    fn a_change_that_panics_fails_alone_and_the_writer_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(&folder.path().join("panics.db"), SqliteOptions::default()).unwrap();
        let writer = Writer::new(Connections::open(place).unwrap());
        let note = |version: u64| {
            move |commit: &Commit<'_>| {
                execute(commit, "INSERT INTO doorward_migrations VALUES ($1, 'noted', 0)", &[version.into()])
            }
        };
        let before = writer.submit(note(7));
        let panics = writer.submit(move |commit| -> Result<usize> {
            note(8)(commit)?;
            panic!("on purpose")
        });
        let after = writer.submit(note(9));
        assert_eq!(before.wait().unwrap(), 1);
        assert_eq!(panics.wait().unwrap_err().reason(), Reason::Panicked);
        assert_eq!(after.wait().unwrap(), 1);
        let left = "DELETE FROM doorward_migrations WHERE version IN (7, 8, 9)";
        assert_eq!(writer.submit(move |commit| execute(commit, left, &[])).wait().unwrap(), 2);
        writer.end();
        assert!(writer.wait_for_end(None));
    }
}
