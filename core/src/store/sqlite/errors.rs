//! What SQLite's errors mean to a caller: the one place where its codes are read.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::{Error, Reason};

/// The error of a statement.
pub(super) fn failed(error: rusqlite::Error) -> Error {
    let (reason, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (Reason::Busy, "another connection held the database for too long")
        }
        Some(ErrorCode::NotADatabase) => (Reason::NotADatabase, "the file is not an SQLite database"),
        Some(ErrorCode::ReadOnly) => {
            (Reason::ReadOnlyDatabase, "the database may only be read: check the rights on it and its directory")
        }
        Some(ErrorCode::DiskFull) => (Reason::DiskFull, "there is no room left for the database"),
        Some(ErrorCode::CannotOpen) => (Reason::StoreUnavailable, "the database file cannot be opened"),
        Some(ErrorCode::DatabaseCorrupt) => (Reason::DatabaseError, "the database file is damaged"),
        _ => (Reason::DatabaseError, "the database failed on a statement"),
    };
    Error::new(reason, message).because(error)
}

/// The error of opening, which says what is wrong with the path.
pub(super) fn cannot_open(path: &Path, error: Error) -> Error {
    let shown = path.display();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let error = if path.is_dir() {
        Error::new(Reason::CannotOpen, format!("{shown} is a directory; give a file")).because(error)
    } else if path.exists() && !path.is_file() {
        Error::new(Reason::CannotOpen, format!("{shown} is no file")).because(error)
    } else if parent.is_some_and(|parent| !parent.is_dir()) {
        Error::new(Reason::CannotOpen, format!("{shown} cannot be opened: its directory does not exist")).because(error)
    } else if error.reason() == Reason::StoreUnavailable {
        Error::new(Reason::CannotOpen, format!("{shown} cannot be opened or created: check the rights on it and its directory"))
            .because(error)
    } else {
        let message = format!("{shown}: {}", error.message());
        Error::new(error.reason(), message).because(error)
    };
    error.field("DATABASE_URL")
}

/// The error for a change that panicked.
pub(super) fn panicked() -> Error {
    Error::new(Reason::Panicked, "a panic was caught while the store was at work; nothing was changed")
}

/// The error for what would be written to a file that nobody can open any more.
pub(super) fn gone() -> Error {
    Error::new(Reason::StoreUnavailable, "the database file was deleted or replaced; what is written to it would be lost")
}

/// The error for everything that is asked of a closed store.
pub(super) fn closed() -> Error {
    Error::new(Reason::HandleClosed, "the store was closed")
}

/// The error for what a forked child asks of its parent's store.
pub(super) fn inherited() -> Error {
    Error::new(Reason::HandleClosed, "the store belongs to the parent process; a forked child opens its own")
}
