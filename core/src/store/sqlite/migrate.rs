//! Migrations: embedded, numbered, run once under the write lock however many processes start together.

use rusqlite::{Connection, TransactionBehavior};

use super::{
    errors::failed,
    statement::{execute, exists, find},
};
use crate::{
    error::{Error, Reason, Result},
    model::time::Timestamp,
    store::sql::value::SqlValue,
};

/// Every migration, in order; the version of a schema is how many of them it has had. One that was released is never changed.
const MIGRATIONS: [(&str, &str); 1] = [("tables", include_str!("migrations/0001_tables.sql"))];

const HAS_MIGRATIONS: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'doorward_migrations'";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS doorward_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, \
     applied_at INTEGER NOT NULL) STRICT";
const VERSION: &str = "SELECT coalesce(max(version), 0) FROM doorward_migrations";
const NOTE: &str = "INSERT INTO doorward_migrations (version, name, applied_at) VALUES ($1, $2, $3)";

/// Brings the schema up to date. Takes no lock if it is.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    let newest = u64::try_from(MIGRATIONS.len()).unwrap_or(u64::MAX);
    if version(connection)? == newest {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    execute(&transaction, CREATE, &[])?;
    // Another process may have done it while this one waited for the lock.
    let had = version(&transaction)?;
    for (number, (name, statements)) in (1_u64..).zip(MIGRATIONS).filter(|(number, _)| *number > had) {
        transaction.execute_batch(statements).map_err(|error| match failed(error) {
            error if error.reason() == Reason::DatabaseError => {
                Error::new(Reason::DatabaseError, format!("migration {number} ({name}) failed: is it doorward's database?"))
                    .because(error)
            }
            error => error,
        })?;
        execute(&transaction, NOTE, &[number.into(), name.into(), Timestamp::now().into()])?;
    }
    transaction.commit().map_err(failed)
}

/// The schema's version, 0 for none. `Database` / `newer_schema` if a later doorward made it.
pub(super) fn version(connection: &Connection) -> Result<u64> {
    if !exists(connection, HAS_MIGRATIONS, &[])? {
        return Ok(0);
    }
    let version = find(connection, VERSION, &[] as &[SqlValue], |row| row.count(0))?.unwrap_or_default();
    let newest = u64::try_from(MIGRATIONS.len()).unwrap_or(u64::MAX);
    if version > newest {
        let message = format!("the schema has version {version}; this doorward knows up to {newest}: use a newer one");
        return Err(Error::new(Reason::NewerSchema, message));
    }
    Ok(version)
}
