//! Starting servers that end with this process.

use std::{
    io,
    process::{Child, Command},
    sync::{
        LazyLock,
        mpsc::{Sender, channel, sync_channel},
    },
    thread,
};

type Job = (Command, std::sync::mpsc::SyncSender<io::Result<Child>>);

/// The thread that spawns all servers. The kernel sends a child its parent-death signal when the *thread* that spawned it
/// ends, and a test's thread ends with the test; this one lives as long as the process.
static LAUNCHER: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (jobs, inbox) = channel::<Job>();
    thread::Builder::new()
        .name("server launcher".into())
        .spawn(move || {
            for (mut command, answer) in inbox {
                let _ = answer.send(command.spawn());
            }
        })
        .expect("a thread starts");
    jobs
});

/// Spawns a command of [`user::command`](crate::user::command) that lives no longer than this process.
pub(crate) fn spawn(command: Command) -> Child {
    let (answer, inbox) = sync_channel(1);
    LAUNCHER.send((command, answer)).expect("the launcher lives as long as the process");
    inbox.recv().expect("the launcher answers").expect("`setpriv` runs (Debian: package util-linux)")
}
