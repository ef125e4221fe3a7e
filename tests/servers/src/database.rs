//! An empty database for one test.

use std::sync::OnceLock;

use crate::{Postgres, psql, url};

/// The server to use instead of one that is started here. `tests/with-postgres` sets it, so that many test processes
/// share one.
const SERVER: &str = "DOORWARD_TEST_DATABASE_URL";

/// An empty database of its own, dropped when this is.
///
/// It is made on the server that `DOORWARD_TEST_DATABASE_URL` names, as a role that may create databases; without this
/// variable on a server that the first test of this process starts for all of them, and that ends with the process.
pub struct Database {
    name: String,
    server: String,
    owner: u32,
}

impl Database {
    /// Creates the database.
    pub fn fresh() -> Database {
        let server = server();
        Database { name: create(&server), server, owner: std::process::id() }
    }

    /// Its address over TCP, or as `DOORWARD_TEST_DATABASE_URL` is, with a role that may do everything in it.
    pub fn url(&self) -> String {
        url::with_database(&self.server, &self.name)
    }

    /// Its address for another role.
    pub fn url_as(&self, role: &str, password: Option<&str>) -> String {
        url::with_user(&self.url(), role, password)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL in it; several statements are one transaction. Panics if it fails.
    #[track_caller]
    pub fn psql(&self, sql: &str) {
        self.query(sql);
    }

    /// Runs one query in it and gives the rows as text, NULL as empty text. Panics if it fails.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        psql::must(&self.url(), sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A forked child has a copy of this, and the database is still the parent's.
        if self.owner != std::process::id() {
            return;
        }
        if let Err(error) = psql::run(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)) {
            eprintln!("the database {} stays: {error}", self.name);
        }
    }
}

/// The name of a schema for one test, in a database that tests share: much quicker to have than a database. Whoever uses
/// it creates it; dropped when this is.
pub struct Schema {
    name: String,
    server: String,
    owner: u32,
}

impl Schema {
    /// A name that nobody else has.
    pub fn fresh() -> Schema {
        let name = format!("test_{}_{:016x}", std::process::id(), fastrand::u64(..));
        Schema { name, server: server(), owner: std::process::id() }
    }

    /// The address of its database, with a role that may do everything in it.
    pub fn url(&self) -> &str {
        &self.server
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            return;
        }
        let drop = format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        if let Err(error) = psql::run(&self.server, &drop) {
            eprintln!("the schema {} stays: {error}", self.name);
        }
    }
}

/// Creates an empty database and gives its name.
pub(crate) fn create(server: &str) -> String {
    let name = format!("test_{}_{:016x}", std::process::id(), fastrand::u64(..));
    psql::must(server, &format!("CREATE DATABASE {name} TEMPLATE template0"));
    name
}

fn server() -> String {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    std::env::var(SERVER).unwrap_or_else(|_| SHARED.get_or_init(Postgres::start).url())
}
