//! [`SqliteStore`]: records in one SQLite file, which several processes may have open.
//!
//! A lookup reads on the caller's thread, a change goes to one writer thread that gathers changes into commits
//! (`writer`), each durable before it is answered: write-ahead log, `synchronous = FULL`. What is not about SQLite
//! (statements, columns, cursors) is in `store::sql`.

mod audit;
mod backend;
mod change;
mod commit;
mod connections;
mod errors;
mod institutions;
mod keys;
mod migrate;
mod place;
mod policies;
mod statement;
mod writer;

use std::{fmt, mem, path::Path, sync::Arc, time::Duration};

use commit::Commit;
use connections::Connections;
use place::Place;
use rusqlite::Connection;
use writer::Writer;

use crate::{error::Result, reply::Reply};

/// How a database file is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How long a change waits while another process writes, before it fails with `Unavailable` / `busy`. 5 s by default.
    pub busy_timeout: Duration,
    /// The most pages (of 4 KiB, unless the file was made with others) that the file may grow to; a change that needs more
    /// fails with `Database` / `disk_full`. No limit by default.
    pub max_page_count: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(5), max_page_count: None }
    }
}

/// A store in an SQLite file.
///
/// It starts no thread before the first change. Dropped, it lets the writer finish what is queued; [`close`] waits for it.
///
/// [`close`]: crate::store::Backend::close
pub struct SqliteStore {
    connections: Arc<Connections>,
    /// Taken out only to be leaked, by a forked child that drops its parent's store.
    writer: Option<Arc<Writer>>,
}

impl SqliteStore {
    /// Opens the file, creates it (for its owner alone) and its tables if they are not there, and brings them up to date.
    ///
    /// # Errors
    /// Each names `DATABASE_URL`. `Config` / `cannot_open` (a directory, a missing one, no rights); `Database`:
    /// `not_a_database`, `read_only_database`, `newer_schema`, `disk_full`, `database_error`; `Unavailable` / `busy`.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        let connections = Connections::open(Place::new(path.as_ref(), options)?)?;
        let writer = Some(Writer::new(Arc::clone(&connections)));
        Ok(Self { connections, writer })
    }

    /// Whether the file is there and has doorward's tables. It is only read.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn has_tables(path: impl AsRef<Path>) -> Result<bool> {
        let place = Place::new(path.as_ref(), SqliteOptions::default())?;
        if place.file().is_none() {
            return Ok(false);
        }
        let version = place.open_reader().and_then(|connection| migrate::version(&connection));
        version.map(|version| version > 0).map_err(|error| errors::cannot_open(&place.path, error))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Reply<T> {
        self.connections.read(work).into()
    }

    fn write<T: Send + 'static>(&self, work: impl FnMut(&Commit<'_>) -> Result<T> + Send + 'static) -> Reply<T> {
        match &self.writer {
            Some(writer) => writer.submit(work),
            None => errors::closed().into(),
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if self.connections.is_inherited() {
            mem::forget(self.writer.take());
            return;
        }
        self.connections.refuse();
        if let Some(writer) = &self.writer {
            writer.abandon();
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.connections.place.path.display())
    }
}
