//! Starting a server, ending it in good and in bad ways, and starting it again.

use std::{fs::File, sync::PoisonError, time::Instant};

use rustix::process::Signal;

use super::{Postgres, certificate};
use crate::{child::Server, deadline::PATIENCE, programs, user};

impl Postgres {
    /// Kills the server and all its processes at once (`SIGKILL`), as a crash would.
    pub fn kill(&self) {
        if let Some(mut server) = self.take() {
            server.kill();
            self.remove_shared_memory();
        }
    }

    /// Ends the server in order, without waiting for its clients (a "fast" shutdown).
    pub fn stop(&self) {
        if let Some(mut server) = self.take() {
            server.end(Signal::INT);
        }
    }

    /// Starts the server again after [`kill`](Postgres::kill) or [`stop`](Postgres::stop), at the same port, and waits until
    /// it answers.
    pub fn start_again(&self) {
        assert!(self.pid().is_none(), "the server is running");
        self.launch().unwrap_or_else(|log| panic!("PostgreSQL does not start again: {log}"));
    }

    /// [`stop`](Postgres::stop) and [`start_again`](Postgres::start_again).
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// The id of the server's first process; `None` while it does not run.
    pub fn pid(&self) -> Option<u32> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Server::pid)
    }

    /// Removes the segment of shared memory by which a server notices processes of one that died before: there are none,
    /// and the kernel keeps it for ever if the server is not started again.
    fn remove_shared_memory(&self) {
        let lock_file = self.lock_file();
        let segment = lock_file.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
        if let Some(segment) = segment {
            let _ = user::command("ipcrm", self.folder(), "KILL").args(["-m", segment]).output();
        }
    }

    fn take(&self) -> Option<Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Starts the server and waits until it answers. If it ends instead, gives what it logged.
    pub(super) fn launch(&self) -> Result<(), String> {
        let said_before = self.log().len();
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = user::command(programs::postgres().join("postgres"), self.folder(), "QUIT");
        command.args(["-D", "data", "-p", &self.port.to_string(), "-k"]).arg(self.folder());
        command.stdin(std::process::Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        for (name, value) in self.settings() {
            command.args(["-c", &format!("{name}={value}")]);
        }

        let mut server = Server::start(command, Signal::QUIT);
        let began = Instant::now();
        while !self.is_ready(server.pid()) {
            let new = || self.log().get(said_before..).unwrap_or_default().to_owned();
            if server.has_ended() {
                return Err(new());
            }
            assert!(began.elapsed() < PATIENCE, "PostgreSQL does not get ready within {PATIENCE:?}: {}", new());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        Ok(())
    }

    /// Whether the server says in its lock file that it takes connections. The file of one that was killed is still there,
    /// hence the id.
    fn is_ready(&self, pid: u32) -> bool {
        let text = self.lock_file();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
    }

    /// What a server writes about itself: its process in the first line, its shared memory in the seventh, its state in the
    /// eighth.
    fn lock_file(&self) -> String {
        std::fs::read_to_string(self.data_directory().join("postmaster.pid")).unwrap_or_default()
    }

    fn settings(&self) -> impl Iterator<Item = (String, String)> {
        let mut settings = vec![("listen_addresses", "127.0.0.1".to_owned()), ("max_connections", "300".into())];
        if !self.setup.durable {
            settings.extend([("fsync", "off".into()), ("full_page_writes", "off".into())]);
        }
        if self.setup.identity.is_some() {
            let file = |name| self.folder().join(name).display().to_string();
            settings.push(("ssl", "on".into()));
            settings.push(("ssl_cert_file", file(certificate::SERVER)));
            settings.push(("ssl_key_file", file(certificate::KEY)));
        }
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(self.setup.settings.iter().cloned())
    }
}
