//! A PostgreSQL server of a test's own: where it is reached, and what is asked of it.

mod builder;
mod certificate;
mod run;
mod standby;

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::{child::Server, directory::Directory, psql, url};

pub use builder::PostgresBuilder;
use builder::Setup;
pub use certificate::Certificate;

/// The superuser of every server that is started here.
const SUPERUSER: &str = "postgres";

/// A throw-away PostgreSQL cluster with its server. Dropping it ends the server and removes the data.
///
/// ```no_run
/// use doorward_test_servers::Postgres;
///
/// let server = Postgres::builder().durable().start();
/// let database = server.create_database();
/// server.kill();
/// server.start_again();
/// println!("{}", server.url_for(&database));
/// ```
pub struct Postgres {
    // Before the directory: the server ends before its files go.
    server: Mutex<Option<Server>>,
    directory: Directory,
    setup: Setup,
    port: u16,
}

impl Postgres {
    /// A server with the usual settings: on a Unix socket and on TCP, everybody trusted, without TLS, and without what
    /// costs time to survive a power failure.
    pub fn start() -> Postgres {
        Postgres::builder().start()
    }

    /// To set the server up in another way.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// The address of the database `postgres` over TCP, as the superuser, with the password if there is one.
    pub fn url(&self) -> String {
        self.url_for("postgres")
    }

    /// [`url`](Postgres::url) for another database.
    pub fn url_for(&self, database: &str) -> String {
        self.url_as(SUPERUSER, self.setup.password.as_deref(), database)
    }

    /// [`url`](Postgres::url) for another role and database. The name of the host is `localhost`, which the certificate
    /// of a server with TLS is made for.
    pub fn url_as(&self, role: &str, password: Option<&str>, database: &str) -> String {
        format!("postgres://{}@localhost:{}/{database}", url::credentials(role, password), self.port)
    }

    /// The address of the database `postgres` over the Unix socket.
    pub fn socket_url(&self) -> String {
        format!("{}?host={}", self.url(), self.directory.path().display())
    }

    /// The TCP port, on 127.0.0.1. It stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the data.
    pub fn data_directory(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The certificate of the authority that signed the server's, for `sslrootcert`: of a server started with
    /// [`tls`](PostgresBuilder::tls).
    pub fn root_certificate(&self) -> PathBuf {
        assert!(self.setup.identity.is_some(), "the server was started without TLS");
        self.directory.path().join(certificate::ROOT)
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Creates an empty database and gives its name.
    pub fn create_database(&self) -> String {
        crate::database::create(&self.socket_url())
    }

    /// Creates a role that may log in and do nothing else.
    pub fn create_role(&self, name: &str, password: Option<&str>) {
        let password = password.map(|password| format!(" PASSWORD '{}'", password.replace('\'', "''"))).unwrap_or_default();
        self.psql(&format!("CREATE ROLE \"{name}\" LOGIN{password}"));
    }

    /// Runs SQL as the superuser in the database `postgres`; several statements are one transaction. Panics if it fails.
    #[track_caller]
    pub fn psql(&self, sql: &str) {
        self.query(sql);
    }

    /// Runs one query as the superuser in the database `postgres` and gives its rows as text, NULL as empty text.
    /// Panics if it fails.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        psql::must(&self.socket_url(), sql)
    }

    pub(crate) fn asks_for_passwords(&self) -> bool {
        self.setup.password.is_some()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn folder(&self) -> &Path {
        self.directory.path()
    }
}
