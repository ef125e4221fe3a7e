//! A server's process: signals to it, and its end.

use std::{
    fs,
    process::{Child, Command},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    deadline::{PATIENCE, wait_until},
    launcher,
};

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    /// What asks it to leave at once.
    farewell: Signal,
    owner: u32,
}

impl Server {
    pub(crate) fn start(command: Command, farewell: Signal) -> Server {
        Server { child: launcher::spawn(command), farewell, owner: std::process::id() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    /// Sends it the signal and waits until it is gone.
    pub(crate) fn end(&mut self, signal: Signal) {
        self.signal(signal);
        let mut ended = false;
        wait_until("the end of a server", PATIENCE, || {
            ended = self.has_ended();
            ended
        });
    }

    /// Kills it and its children as a crash would: none of them gets to say or write anything more.
    pub(crate) fn kill(&mut self) {
        if self.has_ended() {
            return;
        }
        // Held still, it starts no further children while they are counted.
        self.signal(Signal::STOP);
        let all: Vec<Pid> = children(self.pid());
        self.signal(Signal::KILL);
        for &pid in &all {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
        wait_until("the end of a server's children", PATIENCE, || all.iter().all(|&pid| has_ended(pid)));
    }

    fn signal(&self, signal: Signal) {
        // It may have ended by itself; its number is not given to another process before it has been waited for.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A forked child has a copy of this, and the server is still the parent's.
        if self.owner != std::process::id() || self.has_ended() {
            return;
        }
        self.signal(self.farewell);
        let began = std::time::Instant::now();
        while !self.has_ended() {
            if began.elapsed() > Duration::from_secs(15) {
                return self.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The processes whose parent is `parent`.
fn children(parent: u32) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| status(*pid).is_some_and(|(_, of)| of == parent))
        .filter_map(Pid::from_raw)
        .collect()
}

fn has_ended(pid: Pid) -> bool {
    // Nobody may be there to wait for an orphan: a zombie has ended.
    status(pid.as_raw_nonzero().get()).is_none_or(|(state, _)| state == "Z" || state == "X")
}

/// The state of a process and its parent.
fn status(pid: i32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before them stands in brackets and may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
