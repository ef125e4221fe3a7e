//! The database file: where it is, how it is created, and how one connection to it is opened.

#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{SqliteOptions, errors::failed};
use crate::error::{Error, Reason, Result};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;
/// How much of the file is read through the page cache of the operating system, without a copy. Address space, not memory.
const MAPPED: u64 = 1 << 30;
/// How long one attempt waits for another writer. Attempts are repeated; between them a close or a fork gets its turn.
const ATTEMPT: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) options: SqliteOptions,
}

impl Place {
    pub(super) fn new(path: &Path, options: SqliteOptions) -> Result<Self> {
        let text = path.as_os_str();
        if text.is_empty() || text == ":memory:" {
            let message = "must be the path of a file; records that live in memory alone are the memory store's";
            return Err(Error::new(Reason::CannotOpen, message).field("DATABASE_URL"));
        }
        if text.as_encoded_bytes().contains(&0) {
            return Err(Error::new(Reason::CannotOpen, "is not a path: it holds a NUL character").field("DATABASE_URL"));
        }
        // Absolute, so that it means the same file after the process changed its directory, and never an SQLite URI.
        let absolute = std::path::absolute(path)
            .map_err(|error| Error::new(Reason::CannotOpen, "is not a path").field("DATABASE_URL").because(error))?;
        Ok(Self { path: absolute, options })
    }

    /// Creates the file, empty and for its owner alone, if it is not there: it will hold hashes. SQLite gives the files
    /// beside it the same rights. What goes wrong here goes wrong again when SQLite opens the path, with a better message.
    pub(super) fn create_privately(&self) {
        #[cfg(all(unix, not(target_vendor = "apple")))]
        {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            // No descriptor is opened: closing one would drop the locks of every connection of this process to the file.
            let _ = mknodat(CWD, &self.path, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0);
        }
        #[cfg(target_vendor = "apple")]
        {
            use std::os::unix::fs::OpenOptionsExt;
            let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
        }
    }

    /// Which file is at the path: its device and number there, as far as the system tells. `None` if there is none.
    pub(super) fn file(&self) -> Option<(u64, u64)> {
        let file = std::fs::metadata(&self.path).ok()?;
        #[cfg(unix)]
        return Some((MetadataExt::dev(&file), MetadataExt::ino(&file)));
        #[cfg(not(unix))]
        return Some(file).map(|_| (0, 0));
    }

    /// A connection that writes, to a file that is made if it is not there.
    pub(super) fn create_writer(&self) -> Result<Connection> {
        self.tune(self.open(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?)
    }

    /// A connection that writes.
    pub(super) fn open_writer(&self) -> Result<Connection> {
        self.tune(self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?)
    }

    fn tune(&self, connection: Connection) -> Result<Connection> {
        if connection.is_readonly("main").map_err(failed)? {
            let message = "the database may only be read: check the rights on it and its directory";
            return Err(Error::new(Reason::ReadOnlyDatabase, message));
        }
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
        if mode != "wal" {
            let message = format!("the database cannot keep a write-ahead log here (journal mode {mode})");
            return Err(Error::new(Reason::DatabaseError, message));
        }
        // FULL: a commit is on the disk before it is answered.
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON").map_err(failed)?;
        // Hashes land on random pages: a log of 32 MiB has each page written back once for many changes to it. What a change
        // may have to take back is kept in memory, not in a temporary file. The page cache stays small: SQLite walks through
        // all of it at every commit that split a page, and the pages are in the cache of the operating system as well.
        let tuning = "PRAGMA wal_autocheckpoint = 8192; PRAGMA temp_store = MEMORY";
        connection.execute_batch(tuning).map_err(failed)?;
        if let Some(pages) = self.options.max_page_count {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).map_err(failed)?;
        }
        Ok(connection)
    }

    /// A connection that only reads.
    pub(super) fn open_reader(&self) -> Result<Connection> {
        let connection = self.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(self.options.busy_timeout).map_err(failed)?;
        // What remains in the log when it closes is the writer's to move into the file.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
        Ok(connection)
    }

    fn open(&self, access: OpenFlags) -> Result<Connection> {
        let connection = Connection::open_with_flags(&self.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
        connection.busy_timeout(ATTEMPT.min(self.options.busy_timeout)).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.query_row(&format!("PRAGMA mmap_size = {MAPPED}"), [], |_| Ok(())).map_err(failed)?;
        Ok(connection)
    }
}
