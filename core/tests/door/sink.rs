//! The audit sink: what is handed to it, when, and what a bad one can do to the door (nothing).

use std::{
    sync::{
        Arc, Barrier, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use doorward::{
    AuditEntry, AuditQuery, Config, Doorward, NewInstitution, NewKey, Order, Outcome, PageRequest, Reason, Request, Role,
    store::{Backend, memory::MemoryStore},
    testkit::{Fault, Faults},
};
use pollster::block_on;

use crate::stage::{AGES, Stage};

type Seen = Arc<Mutex<Vec<AuditEntry>>>;

/// A sink that keeps everything.
fn keeping() -> (Seen, impl Fn(AuditEntry) + Send + Sync + 'static) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    (seen, move |entry| kept.lock().unwrap().push(entry))
}

/// Stages on each kind of store, with a sink that keeps everything.
fn stages() -> Vec<(Stage, Seen)> {
    let stage = |config: fn(std::path::PathBuf) -> Config| {
        let (seen, sink) = keeping();
        (Stage::open(|file| config(file).audit_sink(sink)), seen)
    };
    vec![stage(|_| Config::memory()), stage(Config::sqlite)]
}

/// The whole trail in the order of writing.
fn trail(door: &Doorward) -> Vec<AuditEntry> {
    let page = PageRequest { order: Order::OldestFirst, ..PageRequest::first(1000) };
    let events = door.list_audit_events(&AuditQuery { page, ..AuditQuery::default() }).unwrap();
    events.items.into_iter().map(|event| event.entry).collect()
}

fn wait_for(what: &str, mut reached: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < AGES, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn it_gets_the_trail_in_its_order_changes_what_was_forbidden_and_who_was_refused() {
    for (stage, seen) in stages() {
        let key = stage.key(Role::ReadOnly);
        let caller = stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
        let session = stage.door.session(caller, Request::new().request_id("req-7"));
        assert_eq!(session.create_key(&stage.acme, NewKey::new("x", Role::Admin)).unwrap_err().reason(), Reason::RoleNotAllowed);
        for number in 0..50 {
            block_on(stage.door.to_async().create_key(&stage.acme, NewKey::new(number.to_string(), Role::Admin))).unwrap();
        }
        stage.door.revoke_key(&stage.acme, &key.record.id).unwrap();
        for _ in 0..3 {
            stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap_err();
        }
        // Listing writes what was gathered.
        let trail = trail(&stage.door);
        assert_eq!(trail.len(), 55);
        assert_eq!(trail[2].outcome, Outcome::Forbidden);
        assert_eq!(trail[54].payload["count"], 3);
        stage.door.close(AGES).unwrap();
        assert_eq!(*seen.lock().unwrap(), trail);
    }
}

#[test]
fn it_gets_what_threads_did_at_once_exactly_once() {
    const THREADS: usize = 8;
    const EACH: usize = 25;
    for (stage, seen) in stages() {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..EACH).for_each(|_| _ = stage.key(Role::Admin)));
            }
        });
        let mut trail = trail(&stage.door);
        stage.door.close(AGES).unwrap();
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_by(|a, b| a.id.cmp(&b.id));
        trail.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(seen.len(), THREADS * EACH + 1);
        assert_eq!(seen, trail);
    }
}

fn faulty(config: Config) -> (Doorward, Arc<Faults>) {
    let faults = Arc::new(Faults::around(Arc::new(MemoryStore::new(None)) as Arc<dyn Backend>));
    (Doorward::with_backend(Arc::clone(&faults) as Arc<dyn Backend>, config), faults)
}

fn create(door: &Doorward, name: &str) -> Result<(), Reason> {
    door.create_institution(NewInstitution::new(name, [])).map(drop).map_err(|error| error.reason())
}

#[test]
fn it_gets_nothing_of_a_change_that_failed() {
    let (seen, sink) = keeping();
    let (door, faults) = faulty(Config::memory().audit_sink(sink));
    create(&door, "before").unwrap();
    let all = [Fault::Fail(Reason::StoreUnavailable), Fault::Fail(Reason::DatabaseError), Fault::Panic, Fault::Abandon];
    for fault in all {
        faults.fail_next(fault);
        create(&door, "never").unwrap_err();
    }
    // What a store refuses by itself is no change either.
    let taken = NewInstitution { id: Some("taken".parse().unwrap()), ..NewInstitution::new("taken", []) };
    door.create_institution(taken.clone()).unwrap();
    assert_eq!(door.create_institution(taken).unwrap_err().reason(), Reason::InstitutionExists);
    create(&door, "after").unwrap();
    let trail = trail(&door);
    door.close(AGES).unwrap();
    assert_eq!(trail.len(), 3);
    assert_eq!(*seen.lock().unwrap(), trail);
}

#[test]
fn gathered_rows_that_could_not_be_written_come_when_they_were() {
    let (seen, sink) = keeping();
    let (door, faults) = faulty(Config::memory().audit_sink(sink));
    door.authenticate("a bad token", &Request::new()).unwrap_err();
    faults.fail_all(Fault::Fail(Reason::StoreUnavailable));
    door.list_audit_events(&AuditQuery::default()).unwrap_err();
    faults.heal();
    door.authenticate("a bad token", &Request::new()).unwrap_err();
    let trail = trail(&door);
    door.close(AGES).unwrap();
    assert_eq!(trail[0].payload["count"], 2);
    assert_eq!(*seen.lock().unwrap(), trail);
}

#[test]
fn it_gets_a_change_whose_caller_went_away() {
    for (stage, seen) in stages() {
        let door = stage.door.to_async();
        let mut begun = Box::pin(door.create_key(&stage.acme, NewKey::new("abandoned", Role::Admin)));
        let _ = begun.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(begun);
        // And one that is held on to, and never asked again.
        let mut held = Box::pin(door.create_key(&stage.acme, NewKey::new("held", Role::Admin)));
        let _ = held.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        stage.door.close(AGES).unwrap();
        assert_eq!(seen.lock().unwrap().len(), 3);
        drop(held);
    }
}

/// A sink that waits until it may go on, with what it has seen.
fn stopped() -> (Arc<Barrier>, Arc<AtomicUsize>, impl Fn(AuditEntry) + Send + Sync + 'static) {
    let (gate, count) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
    let (theirs, counted) = (Arc::clone(&gate), Arc::clone(&count));
    let sink = move |_| {
        if counted.fetch_add(1, SeqCst) == 0 {
            theirs.wait();
        }
    };
    (gate, count, sink)
}

#[test]
fn a_slow_one_holds_up_nobody_and_what_it_misses_is_counted_and_in_the_trail() {
    let (gate, count, sink) = stopped();
    let door = Doorward::open(Config::memory().memory_audit_capacity(20_000).audit_sink(sink)).unwrap();
    for number in 0..10_101 {
        create(&door, &number.to_string()).unwrap();
        if number == 0 {
            wait_for("the sink was never called", || count.load(SeqCst) == 1);
        }
    }
    assert_eq!(door.metrics().audit_sink_dropped, 100);
    assert!(door.metrics().to_prometheus().contains("\ndoorward_audit_sink_dropped_total 100\n"));
    assert_eq!(door.metrics().audit_dropped, 0);
    assert_eq!(trail(&door).len(), 1000);
    gate.wait();
    door.close(AGES).unwrap();
    assert_eq!(count.load(SeqCst), 10_001);
}

#[test]
fn closing_waits_for_a_slow_one_until_its_deadline_and_the_next_close_for_the_rest() {
    type Close = fn(&Doorward, Duration) -> Result<(), doorward::Error>;
    let closes: [Close; 2] = [Doorward::close, |door, deadline| block_on(door.to_async().close(deadline))];
    for close in closes {
        let (gate, count, sink) = stopped();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("doorward.db");
        let door = Doorward::open(Config::sqlite(&file).audit_sink(sink)).unwrap();
        (0..5).for_each(|number| create(&door, &number.to_string()).unwrap());
        assert_eq!(close(&door, Duration::from_millis(100)).unwrap_err().reason(), Reason::StoreUnavailable);
        // The store is closed whatever the sink does.
        assert!(!file.with_extension("db-wal").exists());
        assert_eq!(count.load(SeqCst), 1);
        gate.wait();
        close(&door, AGES).unwrap();
        assert_eq!(count.load(SeqCst), 5);
        close(&door, AGES).unwrap();
    }
}

#[test]
fn one_that_panics_is_counted_and_gets_the_next_entry() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let sink = move |_| {
        // Without the panic hook: a panic that was asked for is no news.
        if counted.fetch_add(1, SeqCst) == 1 {
            std::panic::resume_unwind(Box::new("told to panic"));
        }
    };
    let door = Doorward::open(Config::memory().audit_sink(sink)).unwrap();
    (0..3).for_each(|number| create(&door, &number.to_string()).unwrap());
    door.close(AGES).unwrap();
    assert_eq!(count.load(SeqCst), 3);
    assert_eq!((door.metrics().audit_sink_panicked, door.metrics().audit_sink_dropped), (1, 0));
}

#[test]
fn one_may_call_the_door_but_not_close_it() {
    for kind in ["memory", "sqlite"] {
        let own: Arc<OnceLock<Doorward>> = Arc::default();
        let (sender, answers) = mpsc::channel();
        let called = Arc::clone(&own);
        let sink = move |entry: AuditEntry| {
            let door = called.wait();
            if entry.action == "create_institution" && entry.resource_id.as_deref() != Some("made-by-sink") {
                let id = Some("made-by-sink".parse().unwrap());
                let made = door.create_institution(NewInstitution { id, ..NewInstitution::new("a second one", []) });
                let closed = door.close(AGES).unwrap_err().reason();
                sender.send((made.is_ok(), closed, door.health().reachable)).unwrap();
            }
        };
        let stage_file = tempfile::tempdir().unwrap();
        let config = if kind == "memory" { Config::memory() } else { Config::sqlite(stage_file.path().join("doorward.db")) };
        let door = Doorward::open(config.audit_sink(sink)).unwrap();
        own.set(door.clone()).unwrap();
        create(&door, "first").unwrap();
        assert_eq!(answers.recv_timeout(AGES).unwrap(), (true, Reason::WouldDeadlock, true), "{kind}");
        assert_eq!(trail(&door).len(), 2);
        door.close(AGES).unwrap();
    }
}

/// Tells when it is dropped.
struct Told(mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn it_is_dropped_once_it_has_everything_by_a_close_or_after_the_last_handle() {
    for entries in [0, 3] {
        for closes in [true, false] {
            let (sender, dropped) = mpsc::channel();
            let (told, count) = (Told(sender), Arc::new(AtomicUsize::new(0)));
            let counted = Arc::clone(&count);
            let sink = move |_| {
                let _ = &told;
                thread::sleep(Duration::from_millis(5));
                counted.fetch_add(1, SeqCst);
            };
            let door = Doorward::open(Config::memory().audit_sink(sink)).unwrap();
            (0..entries).for_each(|number| create(&door, &number.to_string()).unwrap());
            if closes {
                door.close(AGES).unwrap();
                assert!(dropped.try_recv().is_ok(), "not dropped when close returned");
            }
            drop(door);
            if !closes {
                dropped.recv_timeout(AGES).unwrap();
            }
            assert_eq!(count.load(SeqCst), entries);
            assert!(dropped.try_recv().is_err());
        }
    }
}

#[test]
fn one_whose_door_was_never_opened_is_dropped_with_its_config() {
    let (sender, dropped) = mpsc::channel();
    let told = Told(sender);
    let config = Config::sqlite("/nowhere/at/all/doorward.db").audit_sink(move |_| _ = &told);
    Doorward::open(config).unwrap_err();
    dropped.try_recv().unwrap();
}
