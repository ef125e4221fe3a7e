//! A SQLite store and `fork`: children and parents go on, whatever was under way. And what a process without rights meets,
//! which takes a child that gives its rights up.
//!
//! Apart from the other tests: a fork in a process whose other threads use SQLite past doorward has no rules to hold to.
#![cfg(all(unix, feature = "sqlite"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test that panics is a test that fails"
)]

use std::{
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use doorward::{
    ApiKeyQuery, Config, Doorward, ErrorKind, NewInstitution, NewKey, PageRequest, Reason, Request, Role,
    store::{
        Backend,
        sqlite::{SqliteOptions, SqliteStore},
    },
};

/// One test at a time: each forks the whole process.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `work` in a forked child and gives what it says; a child that hangs is killed.
#[expect(unsafe_code, reason = "fork is what is tested; the child leaves by _exit, without running what belongs to the parent")]
fn in_child(work: impl FnOnce() -> String) -> String {
    let (mut from_child, mut to_parent) = std::io::pipe().unwrap();
    // SAFETY: fork and _exit are foreign functions without preconditions.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let said = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            format!("panicked: {}", panic.downcast::<String>().map_or_else(|_| "?".to_owned(), |text| *text))
        });
        let _ = to_parent.write_all(said.as_bytes());
        // SAFETY: as above.
        unsafe { libc::_exit(0) }
    }
    drop(to_parent);
    let deadline = Instant::now() + Duration::from_secs(20);
    // SAFETY: waitpid with a null status and kill of one's own child have no preconditions.
    while unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG) } == 0 {
        if Instant::now() > deadline {
            unsafe { libc::kill(child, libc::SIGKILL) };
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            panic!("the child hangs");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut said = String::new();
    from_child.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn children_forked_while_threads_read_and_write_use_the_file_and_so_does_the_parent() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let door = Doorward::open(Config::sqlite(folder.path().join("forked.db"))).unwrap();
    let acme = door.create_institution(NewInstitution::new("Acme", [])).unwrap();
    let first = door.create_key(&acme.id, NewKey::new("first", Role::Admin)).unwrap();
    let stop = AtomicBool::new(false);

    let mut expected = std::thread::scope(|scope| {
        let busy: Vec<_> = (0..4)
            .map(|number| {
                let (door, acme, first, stop) = (&door, &acme, &first, &stop);
                scope.spawn(move || {
                    let mut created = 0;
                    while !stop.load(Ordering::Relaxed) {
                        if number % 2 == 0 {
                            door.create_key(&acme.id, NewKey::new("parent", Role::ReadOnly)).unwrap();
                            created += 1;
                        }
                        assert!(door.verify(first.token.reveal(), &Request::new()).granted().is_some());
                    }
                    created
                })
            })
            .collect();
        for _ in 0..20 {
            let said = in_child(|| {
                let created = door.create_key(&acme.id, NewKey::new("child", Role::ReadOnly)).unwrap();
                let found =
                    [&created.token, &first.token].map(|token| door.verify(token.reveal(), &Request::new()).granted().is_some());
                door.close(Duration::from_secs(10)).unwrap();
                format!("{found:?}")
            });
            assert_eq!(said, "[true, true]");
        }
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    expected += 1 + 20;

    let mut query = ApiKeyQuery { page: PageRequest::first(1000), ..ApiKeyQuery::of(acme.id) };
    let mut stored = 0;
    loop {
        let page = door.list_keys(&query).unwrap();
        stored += page.items.len();
        query.page.cursor = page.next;
        if query.page.cursor.is_none() {
            break;
        }
    }
    assert_eq!(stored, expected, "what parent and children created is there, and nothing else");
}

#[test]
fn a_child_cannot_use_its_parents_store_but_drops_it_without_harm() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("kept.db"), SqliteOptions::default()).unwrap();
    let mut store = Some(Arc::new(store));
    let said = in_child(|| {
        let inherited = store.take().unwrap();
        let refused = inherited.generation().wait().unwrap_err().kind();
        let own = inherited.after_fork().unwrap().unwrap();
        drop(inherited);
        format!("{refused} {}", own.generation().wait().unwrap().number)
    });
    assert_eq!(said, "Closed 0");
    assert_eq!(store.unwrap().generation().wait().unwrap().number, 0);
}

/// Opens the path as a user that owns nothing.
fn open_without_rights(path: &Path) -> String {
    in_child(|| {
        #[expect(unsafe_code, reason = "root may write everywhere: the child becomes nobody")]
        // SAFETY: foreign functions without preconditions; this process is the child's own.
        unsafe {
            if libc::getuid() == 0 {
                assert_eq!((libc::setgid(65_534), libc::setuid(65_534)), (0, 0));
            }
        }
        let error = SqliteStore::open(path, SqliteOptions::default()).map(|_| ()).unwrap_err();
        assert_eq!(error.blamed_field(), Some("DATABASE_URL"));
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        format!("{} {}", error.kind(), error.reason())
    })
}

#[test]
fn what_may_only_be_read_is_refused_when_it_is_opened() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let allow = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let path = folder.path().join("kept.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    store.close(Duration::from_secs(5)).wait().unwrap();

    allow(&path, 0o444);
    allow(folder.path(), 0o777);
    let read_only = format!("{} {}", ErrorKind::Database, Reason::ReadOnlyDatabase);
    assert_eq!(open_without_rights(&path), read_only, "a file that may only be read");

    allow(&path, 0o666);
    allow(folder.path(), 0o555);
    let cannot_open = format!("{} {}", ErrorKind::Config, Reason::CannotOpen);
    assert_eq!(open_without_rights(&path), read_only, "a directory in which no log can be kept");
    assert_eq!(open_without_rights(&folder.path().join("new.db")), cannot_open, "a directory in which no file can be made");
    allow(folder.path(), 0o755);
}
