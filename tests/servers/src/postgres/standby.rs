//! A second server that follows the first.

use super::{Postgres, SUPERUSER};
use crate::{directory::Directory, programs, user};

impl Postgres {
    /// Starts a hot standby that streams from this server, on a port of its own, set up as this one is.
    ///
    /// It may be behind by what was committed after this call. `synchronous_standby_names = '*'` on this server makes commits
    /// wait for it.
    pub fn standby(&self) -> Postgres {
        let directory = Directory::new("standby");
        let slot = format!("standby_{}", fastrand::u32(..));
        let mut backup = user::command(programs::postgres().join("pg_basebackup"), directory.path(), "KILL");
        backup.arg("-h").arg(self.folder()).args(["-p", &self.port.to_string(), "-U", SUPERUSER, "-w"]);
        backup.args(["-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync", "-C", "-S", &slot]);
        if let Some(password) = &self.setup.password {
            backup.env("PGPASSWORD", password);
        }
        let output = backup.output().expect("`setpriv` runs (Debian: package util-linux)");
        assert!(output.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&output.stderr));
        self.setup.clone().run_in(directory)
    }

    /// Makes a standby a server that takes writes, and waits until it does.
    pub fn promote(&self) {
        assert_eq!(self.query("SELECT pg_promote(wait => true, wait_seconds => 60)"), [["t"]], "the promotion takes too long");
    }
}
