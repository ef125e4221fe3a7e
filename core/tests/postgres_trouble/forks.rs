//! Forked children: they have connections of their own, never hang, and leave their parent's alone.

#![expect(unsafe_code, reason = "fork is what is tested; the child leaves by _exit, without running what belongs to the parent")]

use std::{
    io::{Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use doorward::store::{Backend, postgres::PostgresStore};
use doorward_test_servers::Database;
use pollster::block_on;

use crate::stage::{AGES, Books, Stage, is_let_in, patient};

/// One test at a time: each forks the whole process.
static TURN: Mutex<()> = Mutex::new(());

/// A forked child at work.
struct Child {
    pid: libc::pid_t,
    said: std::io::PipeReader,
}

impl Child {
    /// Forks a child that does this and ends, without what a process does at its exit.
    fn fork(work: impl FnOnce() -> String) -> Self {
        let (said, mut to_parent) = std::io::pipe().unwrap();
        // SAFETY: fork and _exit are foreign functions without preconditions.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            let text = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| "panicked".to_owned());
            let _ = to_parent.write_all(text.as_bytes());
            // SAFETY: as above.
            unsafe { libc::_exit(0) }
        }
        Self { pid, said }
    }

    /// What it said. One that does not end in time is killed, and fails the test.
    fn answer(mut self) -> String {
        let begin = Instant::now();
        // SAFETY: waitpid with a null status and kill of one's own child have no preconditions.
        while unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), libc::WNOHANG) } == 0 {
            if begin.elapsed() > AGES / 2 {
                // SAFETY: as above.
                unsafe { libc::kill(self.pid, libc::SIGKILL) };
                // SAFETY: as above.
                unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
                panic!("the child hangs");
            }
            thread::sleep(std::time::Duration::from_millis(1));
        }
        let mut text = String::new();
        self.said.read_to_string(&mut text).unwrap();
        text
    }
}

#[test]
fn children_forked_while_threads_read_and_write_use_the_handle_and_so_does_the_parent() {
    const FORKS: u64 = 15;
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let known = stage.key();
    let stop = AtomicBool::new(false);
    let created: u64 = thread::scope(|scope| {
        let busy: Vec<_> = (0..4)
            .map(|number| {
                let (stage, known, stop) = (&stage, &known, &stop);
                scope.spawn(move || {
                    let mut created = 0;
                    while !stop.load(Relaxed) {
                        if number % 2 == 0 {
                            stage.key();
                            created += 1;
                        }
                        assert!(is_let_in(&stage.door, &known.token));
                    }
                    created
                })
            })
            .collect();
        for _ in 0..FORKS {
            let child = Child::fork(|| {
                let found = [is_let_in(&stage.door, &known.token), is_let_in(&stage.door, &stage.key().token)];
                stage.door.close(AGES).unwrap();
                format!("{found:?}")
            });
            assert_eq!(child.answer(), "[true, true]");
        }
        stop.store(true, Relaxed);
        busy.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let books = Books::of_database(&database);
    books.agree();
    assert_eq!(books.keys, 1 + created + FORKS, "what parent and children created is there, and nothing else");
}

#[test]
fn a_child_cannot_use_its_parents_store_but_drops_it_without_harm() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let database = Database::fresh();
    let mut store = Some(Arc::new(PostgresStore::open(patient(&database.url())).unwrap()));
    let sessions = || {
        database.query(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'doorward' AND datname = current_database() ORDER BY 1",
        )
    };
    let before = sessions();
    assert_eq!(before.len(), 1);
    let child = Child::fork(|| {
        let inherited = store.take().unwrap();
        let refused = inherited.generation().wait().unwrap_err().kind();
        let own = inherited.after_fork().unwrap().unwrap();
        drop(inherited);
        let number = own.generation().wait().unwrap().number;
        let still_there = before.iter().all(|session| sessions().contains(session));
        format!("{refused} {number} {still_there}")
    });
    assert_eq!(child.answer(), "Closed 0 true");
    assert_eq!(store.as_ref().unwrap().generation().wait().unwrap().number, 0);
    assert!(sessions().contains(&before[0]), "the parent's connection is the one that it had");
}

#[test]
fn an_async_handle_works_in_a_child_and_on_in_its_parent() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let door = stage.door.to_async();
    let work = || {
        block_on(async {
            let key = door.create_key(&stage.acme, doorward::NewKey::new("a key", doorward::Role::Admin)).await.unwrap();
            let caller = door.authenticate(key.token.reveal(), &doorward::Request::new()).await.unwrap();
            door.session(caller, doorward::Request::new()).revoke_key(&stage.acme, &key.record.id).await.unwrap();
            assert!(door.health().await.reachable);
        });
    };
    work();
    let child = Child::fork(|| {
        work();
        let grandchild = Child::fork(|| {
            work();
            "grandchild".to_owned()
        });
        let said = grandchild.answer();
        block_on(door.close(AGES)).unwrap();
        said
    });
    work();
    assert_eq!(child.answer(), "grandchild");
    work();
    let books = Books::of_database(&database);
    books.agree();
    assert_eq!((books.keys, books.live_keys), (5, 0));
}

#[test]
fn a_store_that_was_never_used_works_in_a_child_that_uses_it_first() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let clones: Vec<_> = (0..3).map(|_| stage.door.clone()).collect();
    for clone in &clones {
        let child = Child::fork(|| {
            let created = clone.create_key(&stage.acme, doorward::NewKey::new("a key", doorward::Role::Admin)).unwrap();
            is_let_in(clone, &created.token).to_string()
        });
        assert_eq!(child.answer(), "true");
    }
    drop(clones);
    stage.key();
    assert_eq!(Books::of_database(&database).keys, 4);
}
