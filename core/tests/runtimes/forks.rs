//! In a forked child.

#![expect(unsafe_code, reason = "fork, wait and the pipe between the two are foreign functions")]

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::FromRawFd,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use doorward::{Config, Doorward, NewKey, Request, Role};
use pollster::block_on;

use crate::stage::{AGES, Stage};

/// A forked child at work.
struct Child {
    pid: libc::pid_t,
    answers: File,
}

impl Child {
    /// Forks a child that does this and ends, without what a process does at its exit.
    fn fork(work: impl FnOnce() -> String) -> Self {
        let mut ends = [0; 2];
        // SAFETY: the array has room for the two descriptors.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        let [read, write] = ends;
        // SAFETY: the child calls what a host's child would call, doorward, which is made for it; it never returns from here.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        // SAFETY: both descriptors are open, and nobody else has them.
        let (answers, mut answer) = unsafe { (File::from_raw_fd(read), File::from_raw_fd(write)) };
        if pid == 0 {
            let worked = catch_unwind(AssertUnwindSafe(work))
                .and_then(|text| catch_unwind(AssertUnwindSafe(|| answer.write_all(text.as_bytes()).unwrap())));
            // SAFETY: it ends the child at once.
            unsafe { libc::_exit(if worked.is_ok() { 0 } else { 1 }) }
        }
        Self { pid, answers }
    }

    /// What the child answered. One that does not end in time is killed, and fails the test.
    fn answer(mut self) -> String {
        let begin = Instant::now();
        let mut status = 0;
        // SAFETY: it is a child of this process that was not waited for yet.
        while unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) } == 0 {
            if begin.elapsed() > AGES / 2 {
                // SAFETY: as above, so the id is still its own.
                unsafe { libc::kill(self.pid, libc::SIGKILL) };
                // SAFETY: as above.
                unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
                panic!("the child hangs");
            }
            thread::sleep(Duration::from_millis(1));
        }
        let mut answer = String::new();
        self.answers.read_to_string(&mut answer).unwrap();
        assert_eq!(status, 0, "the child failed");
        answer
    }
}

fn count(stage: &Stage) -> usize {
    stage.door.list_keys(&stage.all_keys()).unwrap().items.len()
}

#[test]
fn a_memory_handle_goes_on_with_the_records_as_they_were_and_apart_from_its_parent() {
    let stage = Stage::memory();
    let before = stage.key(Role::Admin);
    let child = Child::fork(|| {
        stage.door.authenticate(before.token.reveal(), &Request::new()).unwrap();
        assert_eq!(count(&stage), 1);
        let made = stage.key(Role::ReadOnly);
        stage.door.revoke_key(&stage.acme, &before.record.id).unwrap();
        assert!(stage.door.authenticate(before.token.reveal(), &Request::new()).is_err());
        stage.door.authenticate(made.token.reveal(), &Request::new()).unwrap();
        assert_eq!(count(&stage), 1);
        // Only its own calls are counted.
        assert_eq!(stage.door.metrics().count("create_key", "ok"), 1);
        stage.door.close(AGES).unwrap();
        made.token.reveal().to_owned()
    });
    let made = child.answer();
    assert!(stage.door.authenticate(&made, &Request::new()).is_err());
    stage.door.authenticate(before.token.reveal(), &Request::new()).unwrap();
    assert_eq!(count(&stage), 1);
}

#[test]
fn parent_and_child_create_keys_in_one_sqlite_file_and_see_each_others() {
    const EACH: usize = 50;
    let stage = Stage::sqlite();
    stage.key(Role::Admin);
    let create = || {
        for _ in 0..EACH {
            stage.key(Role::ReadOnly);
        }
        let begin = Instant::now();
        while count(&stage) < 2 * EACH + 1 {
            assert!(begin.elapsed() < AGES / 4, "the other's keys are not seen");
            thread::sleep(Duration::from_millis(5));
        }
    };
    let child = Child::fork(|| {
        create();
        stage.door.close(AGES).unwrap();
        String::new()
    });
    create();
    child.answer();
    assert_eq!(count(&stage), 2 * EACH + 1);
    stage.key(Role::ReadOnly);
}

#[test]
fn an_async_handle_works_in_a_child_and_on_in_its_parent() {
    for stage in Stage::each() {
        let door = stage.door.to_async();
        let work = || {
            block_on(async {
                let key = door.create_key(&stage.acme, NewKey::new("a key", Role::Admin)).await.unwrap();
                let caller = door.authenticate(key.token.reveal(), &Request::new()).await.unwrap();
                door.session(caller, Request::new()).revoke_key(&stage.acme, &key.record.id).await.unwrap();
                assert!(door.authenticate(key.token.reveal(), &Request::new()).await.is_err());
                assert!(door.health().await.reachable);
            });
        };
        work();
        let child = Child::fork(|| {
            work();
            block_on(door.close(AGES)).unwrap();
            String::new()
        });
        work();
        child.answer();
        work();
    }
}

#[test]
fn a_child_of_a_child_has_a_handle_of_its_own_too() {
    for stage in Stage::each() {
        let child = Child::fork(|| {
            stage.key(Role::ReadOnly);
            let grandchild = Child::fork(|| {
                stage.key(Role::ReadOnly);
                count(&stage).to_string()
            });
            grandchild.answer()
        });
        assert_eq!(child.answer(), "2");
    }
}

/// What the process has open, and how many threads it has.
#[cfg(target_os = "linux")]
fn belongings() -> (Vec<std::path::PathBuf>, usize) {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    // The look itself has the folder open, and finds it gone.
    let open = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    let mut open: Vec<_> = open.filter(|target| !target.starts_with("/proc")).collect();
    open.sort_unstable();
    (open, std::fs::read_dir("/proc/self/task").unwrap().count())
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_that_only_drops_its_handle_opens_nothing_and_starts_no_thread() {
    let stage = Stage::sqlite();
    let key = stage.key(Role::ReadOnly);
    let door = Doorward::open(Config::sqlite(stage.file())).unwrap();
    // There is something to write at the end, and a thread for it: those of the parent.
    door.authenticate(key.token.reveal(), &Request::new()).unwrap();
    door.authenticate("a bad token", &Request::new()).unwrap_err();
    let mut door = Some(door);
    let child = Child::fork(|| {
        let before = belongings();
        drop(door.take());
        assert_eq!(belongings(), before);
        assert_eq!(before.1, 1);
        "dropped".to_owned()
    });
    assert_eq!(child.answer(), "dropped");
    door.unwrap().close(AGES).unwrap();
    assert!(stage.door.get_key(&stage.acme, &key.record.id).unwrap().last_used_at.is_some());
}

/// Forks again and again while other threads create and look up.
fn fork_under_fire(stage: &Stage) {
    const FORKS: usize = 200;
    let (ended, created) = (AtomicBool::new(false), AtomicU64::new(0));
    let known = stage.key(Role::Admin);
    let hammer = || {
        let door = &stage.door;
        while !ended.load(Relaxed) {
            let key = door.create_key(&stage.acme, NewKey::new("a key", Role::ReadOnly)).unwrap();
            created.fetch_add(1, Relaxed);
            for _ in 0..20 {
                door.authenticate(key.token.reveal(), &Request::new()).unwrap();
                door.authenticate("a bad token", &Request::new()).unwrap_err();
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(hammer);
        }
        let forked = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..FORKS {
                let child = Child::fork(|| {
                    stage.door.authenticate(known.token.reveal(), &Request::new()).unwrap();
                    let made = stage.key(Role::ReadOnly);
                    stage.door.authenticate(made.token.reveal(), &Request::new()).unwrap();
                    assert!(stage.door.authenticate("a bad token", &Request::new()).is_err());
                    stage.door.close(AGES).unwrap();
                    "answered".to_owned()
                });
                assert_eq!(child.answer(), "answered");
            }
        }));
        ended.store(true, Relaxed);
        forked.unwrap();
    });
    assert!(created.load(Relaxed) > 4, "the parent's threads were not at work");
}

#[test]
fn a_child_forked_in_the_midst_of_creations_and_lookups_in_memory_always_answers() {
    fork_under_fire(&Stage::memory());
}

#[test]
fn a_child_forked_in_the_midst_of_creations_and_lookups_in_sqlite_always_answers() {
    fork_under_fire(&Stage::sqlite());
}

#[test]
fn an_audit_sink_gets_what_its_own_process_records_and_only_the_parent_drops_it() {
    for kind in ["memory", "sqlite"] {
        let (events, drops) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (counted, told) = (Arc::clone(&events), Dropped(Arc::clone(&drops)));
        let (gate, entered) = (Arc::new(Barrier::new(2)), Arc::clone(&events));
        let theirs = Arc::clone(&gate);
        let parent = std::process::id();
        let sink = move |_| {
            let _ = &told;
            // The parent's first entry is under way, and two wait behind it, when it forks.
            if std::process::id() == parent && entered.load(Relaxed) == 0 {
                theirs.wait();
                theirs.wait();
            }
            counted.fetch_add(1, Relaxed);
        };
        let stage = Stage::open(|file| {
            let config = if kind == "memory" { Config::memory() } else { Config::sqlite(file) };
            config.audit_sink(sink)
        });
        stage.key(Role::Admin);
        stage.key(Role::Admin);
        gate.wait();
        let mut stage = Some(stage);
        let child = Child::fork(|| {
            let stage = stage.take().unwrap();
            stage.key(Role::ReadOnly);
            stage.door.close(AGES).unwrap();
            drop(stage.door);
            format!("{} {}", events.load(Relaxed), drops.load(Relaxed))
        });
        assert_eq!(child.answer(), "1 0", "{kind}");
        gate.wait();
        let stage = stage.unwrap();
        stage.door.close(AGES).unwrap();
        assert_eq!((events.load(Relaxed), drops.load(Relaxed)), (3, 1), "{kind}");
    }
}

/// Counts how often it is dropped.
struct Dropped(Arc<AtomicU64>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}
