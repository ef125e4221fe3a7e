//! pgbouncer before a server.

use std::{fs::File, process::Stdio};

use rustix::process::Signal;

use crate::{Postgres, child::Server, deadline::PATIENCE, directory::Directory, port, programs, url, user, wait_until};

/// A real pgbouncer that pools by transaction, as strict as it comes: it refuses startup parameters that it does not
/// know, and keeps track of no prepared statements. Dropping it ends it.
///
/// It knows the databases of its server, and the roles that were there when it started.
pub struct PgBouncer {
    // Before the directory: it ends before its files go.
    _server: Server,
    _directory: Directory,
    port: u16,
    /// The server's own address.
    behind: String,
}

impl PgBouncer {
    /// Starts pgbouncer before this server and waits until it takes connections.
    pub fn before(postgres: &Postgres) -> PgBouncer {
        PgBouncer::with_settings(postgres, &[])
    }

    /// The same with further settings of the section `[pgbouncer]`, for example
    /// `("ignore_startup_parameters", "search_path")`.
    pub fn with_settings(postgres: &Postgres, settings: &[(&str, &str)]) -> PgBouncer {
        let directory = Directory::new("pgbouncer");
        directory.write("users", &users(postgres));
        loop {
            let port = port::free();
            directory.write("pgbouncer.ini", &configuration(postgres, port, settings));
            match launch(&directory) {
                Ok(server) => return PgBouncer { _server: server, _directory: directory, port, behind: postgres.url() },
                Err(log) => assert!(log.contains("Address already in use"), "pgbouncer does not start: {log}"),
            }
        }
    }

    /// The address of the database `postgres` through it, as the superuser, with the password if there is one.
    pub fn url(&self) -> String {
        self.url_for("postgres")
    }

    /// [`url`](PgBouncer::url) for another database.
    pub fn url_for(&self, database: &str) -> String {
        url::with_host(&url::with_database(&self.behind, database), &format!("localhost:{}", self.port))
    }

    /// [`url`](PgBouncer::url) for another role and database.
    pub fn url_as(&self, role: &str, password: Option<&str>, database: &str) -> String {
        url::with_user(&self.url_for(database), role, password)
    }
}

/// The roles, with what stands for their passwords in the server: enough to check a client's and to pass it on.
fn users(postgres: &Postgres) -> String {
    postgres
        .query("SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin")
        .into_iter()
        .map(|row| row.iter().map(|field| format!("\"{}\" ", field.replace('"', "\"\""))).collect::<String>() + "\n")
        .collect()
}

fn configuration(postgres: &Postgres, port: u16, settings: &[(&str, &str)]) -> String {
    let auth_type = if postgres.asks_for_passwords() { "scram-sha-256" } else { "trust" };
    let further: String = settings.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    format!(
        "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\npool_mode = transaction\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = {auth_type}\nauth_file = users\n{further}",
        postgres.port()
    )
}

/// Starts pgbouncer and waits until it says that it listens. If it ends instead, gives what it logged.
fn launch(directory: &Directory) -> Result<Server, String> {
    let path = directory.path().join("log");
    let file = File::create(&path).unwrap();
    let mut command = user::command(programs::pgbouncer(), directory.path(), "QUIT");
    command.arg("pgbouncer.ini").stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
    let mut server = Server::start(command, Signal::QUIT);
    let log = || std::fs::read_to_string(&path).unwrap_or_default();
    let mut ended = false;
    wait_until("pgbouncer gets ready", PATIENCE, || {
        ended = server.has_ended();
        ended || log().contains("listening on 127.0.0.1:")
    });
    if ended { Err(log()) } else { Ok(server) }
}
