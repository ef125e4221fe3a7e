//! The folder of a server, removed when the server is.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::user;

/// Removes the folder when its input ends, which it does when the process that holds the other end is gone. A server that is
/// just ending may add a file behind its back, hence the loop.
const SENTINEL: &str = r#"cat >/dev/null; until rm -rf -- "$1"; do sleep 0.1; done"#;

/// A temporary folder that belongs to the servers' user. It is removed when this is dropped, and also when this process
/// dies: by a child of its own that waits for either.
pub(crate) struct Directory {
    path: PathBuf,
    sentinel: Child,
    owner: u32,
}

impl Directory {
    pub(crate) fn new(name: &str) -> Directory {
        let path = tempfile::Builder::new().prefix(&format!("doorward-{name}-")).tempdir().expect("a temporary folder").keep();
        let sentinel = Command::new("sh")
            .args(["-c", SENTINEL, "sentinel"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("`sh` runs");
        user::hand_over(&path);
        Directory { path, sentinel, owner: std::process::id() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that the servers' user alone can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        user::hand_over(&path);
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A forked child has a copy of this, and the folder is still the parent's.
        if self.owner == std::process::id() {
            drop(self.sentinel.stdin.take());
            let _ = self.sentinel.wait();
        }
    }
}
