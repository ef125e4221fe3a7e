//! What the SQL stores share: table and column lists, statements, rows to records and back, and the predicates of pages.
//!
//! Statements carry `$1, $2 …` placeholders, numbered in the order of their first appearance, which SQLite and PostgreSQL
//! read alike. One file for each group of tables holds the statements and, beside them, the function that reads the
//! columns in the same order. What differs between databases (types of dates and documents, how a transaction is begun) is
//! the driver's: it implements [`Row`](value::Row) and binds [`SqlValue`](value::SqlValue).

pub(super) mod audit;
pub(super) mod changes;
pub(super) mod institutions;
pub(super) mod keys;
pub(super) mod listing;
pub(super) mod policies;
pub(super) mod value;
