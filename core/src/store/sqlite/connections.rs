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
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::{ArcRwLockWriteGuard, Mutex, RawRwLock, RwLock};
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
    /// Held by every use of a connection; a fork and a close wait for all of them.
    gate: Arc<RwLock<()>>,
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Option<Connection>>,
    closed: AtomicBool,
    /// The count of forks in the process that opened them.
    forks: u64,
}

impl Connections {
    /// Opens the file, and creates it and its tables if need be. Another process may be at the same: waits for it.
    pub(super) fn open(place: Place) -> Result<Arc<Self>> {
        fork::watch();
        let connections = Arc::new(Self {
            place,
            gate: Arc::default(),
            readers: Mutex::default(),
            writer: Mutex::default(),
            closed: AtomicBool::new(false),
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
        let _used = self.gate.read();
        self.place.create_privately();
        let mut writer = self.place.open_writer()?;
        migrate::migrate(&mut writer)?;
        let reader = self.place.open_reader()?;
        migrate::version(&reader)?;
        *self.writer.lock() = Some(writer);
        self.readers.lock().push(reader);
        Ok(())
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

    /// Whether a parent process opened them.
    #[inline]
    pub(super) fn is_inherited(&self) -> bool {
        fork::count() != self.forks
    }

    /// Reads on the calling thread. Each statement sees every change that was committed before it began.
    #[inline]
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.check_open()?;
        let _used = self.gate.read();
        self.check_open()?;
        let kept = self.readers.lock().pop();
        let reader = match kept {
            Some(reader) => reader,
            None => self.place.open_reader()?,
        };
        let answer = work(&reader);
        let mut readers = self.readers.lock();
        if readers.len() < KEPT {
            readers.push(reader);
        }
        answer
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
        let _used = self.gate.read();
        let mut writer = self.writer.lock();
        let connection = match writer.take() {
            Some(connection) => connection,
            None => self.place.open_writer()?,
        };
        let answer = work(&connection);
        // A connection on which something failed is replaced: the next one finds the file as it is by then.
        if matches!(&answer, Err(error) if error.reason() != Reason::Busy) {
            drop(connection);
        } else {
            *writer = Some(connection);
        }
        answer
    }

    /// Moves what the log holds into the file and closes everything, once all uses have ended; `Unavailable` if they do not
    /// in time.
    pub(super) fn close(&self, deadline: Option<Instant>) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        let gate = match deadline {
            Some(deadline) => self.gate.try_write_until(deadline),
            None => Some(self.gate.write()),
        };
        let Some(_gate) = gate else {
            return Err(Error::new(Reason::StoreUnavailable, "the store could not be closed in time: it is still in use"));
        };
        self.readers.lock().clear();
        // The last connection to a file moves the log into it as it closes.
        *self.writer.lock() = None;
        Ok(())
    }

    /// Closes what is not in use. For a store that is dropped.
    pub(super) fn close_idle_readers(&self) {
        self.closed.store(true, Ordering::Release);
        self.readers.lock().clear();
    }

    /// Closes the connection that writes. For a writer that ends.
    pub(super) fn close_writer(&self) {
        let _used = self.gate.read();
        *self.writer.lock() = None;
    }
}

impl Quiesce for Connections {
    fn hold(self: Arc<Self>) -> Box<dyn Any> {
        if self.is_inherited() {
            // A child that forks in its turn: what its parent had is shut for ever, and holds nothing.
            return Box::new(());
        }
        let guard = RwLock::write_arc(&self.gate);
        self.readers.lock().clear();
        if let Some(writer) = self.writer.lock().take() {
            // A fork should not wait for the log to be moved into the file.
            let _ = writer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        Box::new(Held { guard: Some(guard), connections: self })
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        if self.is_inherited() {
            // Never closed by a child. There are none, unless the fork went unnoticed until after it.
            mem::forget(mem::take(self.readers.get_mut()));
            mem::forget(self.writer.get_mut().take());
        }
    }
}

/// The gate, shut for the moment of a fork.
struct Held {
    guard: Option<ArcRwLockWriteGuard<RawRwLock, ()>>,
    connections: Arc<Connections>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.connections.is_inherited() {
            // The child leaves the gate shut: to open it would wake threads that are not there.
            mem::forget(self.guard.take());
        }
    }
}
