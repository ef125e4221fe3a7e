//! The connections of one store: a few that read, on whichever thread asks, and one that writes.
//!
//! SQLite's locks belong to the process, and it keeps count of them in memory. A forked child would inherit the count
//! without the locks: even a connection of its own would then work unprotected on the same file. So all connections are
//! idle and closed in the moment of a fork ([`Quiesce`]); the parent opens them again when it next needs them, and a
//! child that opens the file begins with nothing inherited.

use std::{
    any::Any,
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, config::DbConfig};

use super::{
    errors::{self, failed},
    migrate,
    place::Place,
};
use crate::{
    error::{Error, Reason, Result},
    fork::{self, Quiesce},
};

/// How many idle connections that read are kept.
const KEPT: usize = 16;

pub(super) struct Connections {
    pub(super) place: Place,
    // The standard library's lock, which is nothing but a word in it: parking_lot keeps a table for the whole process, and a
    // thread that is at it during a fork leaves it locked in the child.
    idle: Mutex<Idle>,
    /// A use ended, or the gate was opened.
    changed: Condvar,
    closed: AtomicBool,
    /// Which file was opened, by [`Place::file`].
    file: OnceLock<Option<(u64, u64)>>,
    /// The count of forks in the process that opened them.
    forks: u64,
}

#[derive(Default)]
struct Idle {
    readers: Vec<Connection>,
    writer: Option<Connection>,
    /// How many are in use.
    used: usize,
    /// Whether uses must wait: everything is being closed.
    shut: bool,
    /// Closed for good.
    ended: bool,
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
}

impl Connections {
    /// Opens the file, and creates it and its tables if need be. Another process may be at the same: waits for it.
    pub(super) fn open(place: Place) -> Result<Arc<Self>> {
        fork::watch();
        let connections = Arc::new(Self {
            place,
            idle: Mutex::default(),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
            file: OnceLock::new(),
            forks: fork::count(),
        });
        let quiesced: Weak<dyn Quiesce> = Arc::downgrade(&connections) as _;
        fork::quiesce(quiesced);
        let place = &connections.place;
        let deadline = Instant::now().checked_add(place.options.busy_timeout);
        let mut opened = connections.prepare();
        while matches!(&opened, Err(error) if error.reason() == Reason::Busy) && deadline.is_none_or(|at| Instant::now() < at) {
            // Changing the journal mode does not wait by itself.
            thread::sleep(Duration::from_millis(5));
            opened = connections.prepare();
        }
        opened.map_err(|error| errors::cannot_open(&place.path, error))?;
        Ok(connections)
    }

    fn prepare(&self) -> Result<()> {
        self.place.create_privately();
        let file = self.place.file();
        self.use_one(
            Access::Write,
            |place| {
                let mut connection = place.create_writer()?;
                migrate::migrate(&mut connection)?;
                Ok(connection)
            },
            |_| Ok(()),
        )?;
        if *self.file.get_or_init(|| file.or_else(|| self.place.file())) != self.place.file() {
            return Err(errors::gone());
        }
        self.use_one(Access::Read, Place::open_reader, |connection| migrate::version(connection).map(|_| ()))
    }

    /// Whether this process may use them: `Closed` if not.
    #[inline]
    pub(super) fn check_open(&self) -> Result<()> {
        // Asked before any lock is taken: in a forked child a lock may be held for ever.
        if self.is_inherited() {
            return Err(errors::inherited());
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(errors::closed());
        }
        Ok(())
    }

    /// Whether there is something left to close: `Closed` if not.
    pub(super) fn check_not_ended(&self) -> Result<()> {
        if self.is_inherited() {
            return Err(errors::inherited());
        }
        if self.lock().ended { Err(errors::closed()) } else { Ok(()) }
    }

    /// Whether a parent process opened them.
    #[inline]
    pub(super) fn is_inherited(&self) -> bool {
        fork::count() != self.forks
    }

    /// Reads on the calling thread. Each statement sees every change that was committed before it began.
    #[inline]
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if self.is_inherited() {
            return Err(errors::inherited());
        }
        self.use_one(Access::Read, Place::open_reader, work)
    }

    /// Reads in several statements that all see the same state.
    pub(super) fn read_on_one_view<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.read(|connection| {
            let view = connection.unchecked_transaction().map_err(failed)?;
            let answer = work(&view)?;
            view.finish().map_err(failed)?;
            Ok(answer)
        })
    }

    /// Writes, on the writer's thread.
    pub(super) fn write<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.check_file()?;
        let answer = self.use_one(Access::Write, Place::open_writer, work)?;
        // Once more, since it may have gone in between: what is answered with success is in the file at the path.
        self.check_file().map(|()| answer)
    }

    /// `Unavailable` if the file was deleted, or another one is in its place. An open connection does not notice that.
    pub(super) fn check_file(&self) -> Result<()> {
        match self.file.get() {
            Some(opened) if *opened != self.place.file() => Err(errors::gone()),
            _ => Ok(()),
        }
    }

    /// Gives an idle connection, or a new one, to `work`.
    #[inline]
    fn use_one<T>(
        &self,
        access: Access,
        open: impl FnOnce(&Place) -> Result<Connection>,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let mut in_use = self.begin(access)?;
        let connection = match &mut in_use.connection {
            Some(connection) => &*connection,
            none => {
                // Before, so that another file is left alone.
                self.check_file()?;
                let opened = open(&self.place)?;
                self.check_file()?;
                none.insert(opened)
            }
        };
        let answer = work(connection);
        // Where a change failed, the next one finds the file as it is by then, through a new connection.
        if matches!((&answer, access), (Err(error), Access::Write) if error.reason() != Reason::Busy) {
            in_use.connection = None;
        }
        answer
    }

    #[inline]
    fn begin(&self, access: Access) -> Result<InUse<'_>> {
        let mut idle = self.lock();
        while idle.shut {
            idle = self.changed.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
        let connection = match access {
            Access::Read if self.closed.load(Ordering::Acquire) => return Err(errors::closed()),
            Access::Read => idle.readers.pop(),
            // A store that was dropped still writes what is queued.
            Access::Write => idle.writer.take(),
        };
        idle.used = idle.used.saturating_add(1);
        Ok(InUse { connections: self, access, connection })
    }

    /// Lets no further read begin.
    pub(super) fn refuse(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Moves what the log holds into the file and closes everything, once all uses have ended; `Unavailable` if they do not
    /// in time.
    pub(super) fn close(&self, deadline: Option<Instant>) -> Result<()> {
        self.refuse();
        if !self.shut(deadline) {
            return Err(Error::new(Reason::StoreUnavailable, "the store could not be closed in time: it is still in use"));
        }
        // The last connection to a file moves the log into it as it closes: the one that writes.
        let (readers, writer) = self.take_idle();
        drop(readers);
        drop(writer);
        self.lock().ended = true;
        self.reopen();
        Ok(())
    }

    /// Lets no further use begin and waits for those that have; `false` if they do not end in time.
    fn shut(&self, deadline: Option<Instant>) -> bool {
        let mut idle = self.lock();
        let mut mine = false;
        loop {
            // One at a time: a fork may meet a close.
            if !mine && !idle.shut {
                idle.shut = true;
                mine = true;
            }
            if mine && idle.used == 0 {
                return true;
            }
            idle = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => {
                    drop(idle);
                    if mine {
                        self.reopen();
                    }
                    return false;
                }
                Some(left) => self.changed.wait_timeout(idle, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(idle).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn take_idle(&self) -> (Vec<Connection>, Option<Connection>) {
        let mut idle = self.lock();
        (mem::take(&mut idle.readers), idle.writer.take())
    }

    fn reopen(&self) {
        self.lock().shut = false;
        self.changed.notify_all();
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Nothing panics while it is held.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use; given back at the end, however the use ends.
struct InUse<'a> {
    connections: &'a Connections,
    access: Access,
    connection: Option<Connection>,
}

impl Drop for InUse<'_> {
    #[inline]
    fn drop(&mut self) {
        let mut idle = self.connections.lock();
        if let Some(connection) = self.connection.take() {
            let room = idle.readers.len() < KEPT && !self.connections.closed.load(Ordering::Acquire);
            match self.access {
                Access::Read if room && !thread::panicking() => idle.readers.push(connection),
                Access::Write if !thread::panicking() => idle.writer = Some(connection),
                _ => {
                    // Closed before it is counted as given back: a fork waits for that.
                    drop(idle);
                    drop(connection);
                    idle = self.connections.lock();
                }
            }
        }
        idle.used = idle.used.saturating_sub(1);
        let awaited = idle.shut && idle.used == 0;
        drop(idle);
        if awaited {
            self.connections.changed.notify_all();
        }
    }
}

impl Quiesce for Connections {
    fn hold(self: Arc<Self>) -> Box<dyn Any> {
        if self.is_inherited() {
            // A child that forks in its turn: what its parent had is shut for ever, and holds nothing.
            return Box::new(());
        }
        self.shut(None);
        let (readers, writer) = self.take_idle();
        if let Some(writer) = &writer {
            // A fork should not wait for the log to be moved into the file.
            let _ = writer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        drop((readers, writer));
        Box::new(Held(self))
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        if self.is_inherited() {
            // Never closed by a child. There are none, unless the fork went unnoticed until after it.
            let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
            mem::forget(mem::take(&mut idle.readers));
            mem::forget(idle.writer.take());
        }
    }
}

/// Everything closed, for the moment of a fork.
struct Held(Arc<Connections>);

impl Drop for Held {
    fn drop(&mut self) {
        // A child never uses its parent's.
        if !self.0.is_inherited() {
            self.0.reopen();
        }
    }
}
