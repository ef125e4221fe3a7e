//! As whom the servers run.

use std::{ffi::OsStr, path::Path, process::Command, sync::OnceLock};

/// A user and its group.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

/// The user for the servers where this process is root, which they refuse; `None` where they run as this process does.
fn other_user() -> Option<User> {
    static OTHER: OnceLock<Option<User>> = OnceLock::new();
    *OTHER.get_or_init(|| {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let found = ["postgres", "nobody"].into_iter().find_map(|name| Some(User { uid: id("-u", name)?, gid: id("-g", name)? }));
        assert!(
            found.is_some(),
            "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody to run it as"
        );
        found
    })
}

fn id(option: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([option, name]).output().expect("`id` runs (Debian: package coreutils)");
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// A command that runs `program` as the servers' user, in `folder`, and gets `signal` when the thread that spawned it ends.
///
/// It is without what the developer set for PostgreSQL's own programs, and in a process group of its own, so that a
/// Ctrl-C at the terminal reaches the tests alone and they end it in order.
pub(crate) fn command(program: impl AsRef<OsStr>, folder: &Path, signal: &str) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new("setpriv");
    command.arg(format!("--pdeathsig={signal}"));
    if let Some(User { uid, gid }) = other_user() {
        command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
    }
    command.arg("--").arg(program).current_dir(folder).process_group(0);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
    command
}

/// Gives a file or folder of ours to the servers' user.
pub(crate) fn hand_over(path: &Path) {
    if let Some(User { uid, gid }) = other_user() {
        std::os::unix::fs::chown(path, Some(uid), Some(gid))
            .unwrap_or_else(|error| panic!("chown of {}: {error}", path.display()));
    }
}
