//! How a server is set up.

use std::sync::Mutex;

use super::{
    Postgres, SUPERUSER,
    certificate::{Certificate, Identity},
};
use crate::{directory::Directory, port, programs, user};

/// What a server is started with, again and again.
#[derive(Clone, Default)]
pub(super) struct Setup {
    pub(super) settings: Vec<(String, String)>,
    pub(super) password: Option<String>,
    pub(super) identity: Option<Identity>,
    pub(super) durable: bool,
}

/// Sets up a [`Postgres`] server.
#[derive(Clone, Default)]
#[must_use = "nothing is started before `start`"]
pub struct PostgresBuilder {
    setup: Setup,
}

impl PostgresBuilder {
    /// Starts the server with this setting of `postgresql.conf`.
    pub fn setting(mut self, name: &str, value: &str) -> PostgresBuilder {
        self.setup.settings.push((name.into(), value.into()));
        self
    }

    /// Asks everybody for a password by SCRAM-SHA-256, on the socket too. The superuser's is this one.
    pub fn password(mut self, password: &str) -> PostgresBuilder {
        self.setup.password = Some(password.into());
        self
    }

    /// Offers TLS over TCP, with such a certificate. Connections without TLS are taken as well.
    pub fn tls(mut self, certificate: Certificate) -> PostgresBuilder {
        self.setup.identity = Some(Identity::new(certificate));
        self
    }

    /// Writes through to the disk, as servers do outside tests. Without it what was committed survives a crash of the
    /// server, but not one of the machine.
    pub fn durable(mut self) -> PostgresBuilder {
        self.setup.durable = true;
        self
    }

    /// Makes the cluster, starts the server and waits until it answers.
    pub fn start(self) -> Postgres {
        let directory = Directory::new("postgres");
        let mut initdb = user::command(programs::postgres().join("initdb"), directory.path(), "KILL");
        initdb.args(["--pgdata=data", "--username", SUPERUSER, "--no-sync", "--no-instructions"]);
        initdb.args(["--encoding=UTF8", "--locale=C.UTF-8"]);
        match &self.setup.password {
            None => initdb.arg("--auth=trust"),
            Some(password) => {
                directory.write("password", password);
                initdb.args(["--auth=scram-sha-256", "--pwfile=password"])
            }
        };
        let output = initdb.output().expect("`setpriv` runs (Debian: package util-linux)");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "initdb failed in {}, which the servers' user must be able to reach (TMPDIR names another place): {errors}",
            directory.path().display(),
        );
        self.setup.run_in(directory)
    }
}

impl Setup {
    /// Starts a server on the cluster in this directory, at a free port.
    pub(super) fn run_in(self, directory: Directory) -> Postgres {
        if let Some(identity) = &self.identity {
            identity.write(&directory);
        }
        let mut postgres = Postgres { server: Mutex::new(None), directory, setup: self, port: port::free() };
        while let Err(log) = postgres.launch() {
            assert!(log.contains("Address already in use"), "PostgreSQL does not start: {log}");
            postgres.port = port::free();
        }
        postgres
    }
}
