//! Threads, runtimes and executors; handles that are dropped and closed, with and without work under way.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    thread,
    time::Duration,
};

use doorward::{CreatedKey, Error, ErrorKind, NewKey, Reason, Request, Role};
use doorward_test_servers::{Database, wait_until};
use pollster::block_on;
use tokio::runtime::{Builder, Runtime};

use crate::stage::{AGES, Books, Holder, Stage, is_let_in, open, patient, wait_until_locked_out};

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn new() -> NewKey {
    NewKey::new("a key", Role::Admin)
}

fn work(stage: &Stage) {
    let key = stage.key();
    let caller = stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
    let session = stage.door.session(caller, Request::new());
    let made = session.create_key(&stage.acme, new()).unwrap();
    assert_eq!(session.get_key(&stage.acme, &made.record.id).unwrap(), made.record);
    assert!(stage.door.health().reachable);
}

async fn work_async(stage: &Stage) {
    let door = stage.door.to_async();
    let key = door.create_key(&stage.acme, new()).await.unwrap();
    let caller = door.authenticate(key.token.reveal(), &Request::new()).await.unwrap();
    let session = door.session(caller, Request::new());
    let made = session.create_key(&stage.acme, new()).await.unwrap();
    assert_eq!(session.get_key(&stage.acme, &made.record.id).await.unwrap(), made.record);
    assert!(door.health().await.reachable);
}

#[test]
fn the_blocking_handle_works_on_any_thread_a_worker_of_a_runtime_included() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    work(&stage);
    thread::scope(|scope| _ = scope.spawn(|| work(&stage)));
    current_thread().block_on(async { work(&stage) });
    let runtime = multi_thread();
    runtime.block_on(async { work(&stage) });
    runtime.block_on(runtime.spawn(async move { work(&stage) })).unwrap();
}

#[test]
fn the_async_handle_works_on_any_executor() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    block_on(work_async(&stage));
    current_thread().block_on(work_async(&stage));
    let runtime = multi_thread();
    runtime.block_on(work_async(&stage));
    runtime.block_on(runtime.spawn(async move { work_async(&stage).await })).unwrap();
}

#[test]
fn handles_are_opened_dropped_and_closed_in_an_async_context() {
    let database = Database::fresh();
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            let stage = Stage::new(patient(&database.url()));
            work_async(&stage).await;
            drop(stage);
        });
        runtime.block_on(async {
            let stage = Stage::new(patient(&database.url()));
            work(&stage);
            stage.door.to_async().close(AGES).await.unwrap();
            drop(stage);
        });
        // Dropped after its runtime has gone.
        let stage = runtime.block_on(async { Stage::new(patient(&database.url())) });
        drop(runtime);
        work(&stage);
    }
}

#[test]
fn a_handle_that_is_dropped_leaves_no_connection_behind() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    work(&stage);
    drop(stage);
    wait_until("its connections are closed", AGES, || {
        database
            .query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'doorward' AND datname = current_database()")
            .is_empty()
    });
}

/// Polls once, and lets go of the future.
async fn begin(change: impl Future<Output = Result<CreatedKey, Error>>) {
    let mut change = pin!(change);
    poll_fn(|context| {
        let _ = change.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

#[test]
fn changes_whose_callers_went_away_are_made_as_a_whole() {
    const EACH: u64 = 20;
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let door = stage.door.to_async();
    block_on(async {
        for _ in 0..EACH {
            begin(door.create_key(&stage.acme, new())).await;
        }
    });
    // Tasks that the host aborts at any moment.
    let runtime = multi_thread();
    runtime.block_on(async {
        for pause in 0..EACH {
            let (door, acme) = (door.clone(), stage.acme.clone());
            let task = runtime.spawn(async move { door.create_key(&acme, new()).await });
            tokio::time::sleep(Duration::from_millis(pause / 4)).await;
            task.abort();
            let _ = task.await;
        }
    });
    stage.door.close(AGES).unwrap();
    let books = Books::of_database(&database);
    books.agree();
    // Every change that was begun is made; a task may have been aborted before it began.
    assert!((EACH..=2 * EACH).contains(&books.keys), "{books:?}");
}

#[test]
fn a_handle_that_is_dropped_with_work_under_way_finishes_it() {
    let database = Database::fresh();
    let other = Stage::new(patient(&database.url()));
    let holder = Holder::begin(&database.url(), "SELECT 1 FROM doorward.doorward_generation FOR UPDATE");
    let door = open(patient(&database.url())).to_async();
    current_thread().block_on(async {
        begin(door.create_key(&other.acme, new())).await;
        drop(door);
    });
    wait_until_locked_out(&database, 1);
    holder.release();
    wait_until("the key is made", AGES, || Books::of_database(&database).keys == 1);
    Books::of_database(&database).agree();
}

#[track_caller]
fn is_closed<T>(answer: Result<T, Error>) {
    let error = answer.err().unwrap();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Closed, Reason::HandleClosed), "{error:?}");
}

#[test]
fn closing_waits_for_what_was_begun_and_answers_closed_from_then_on() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let key = stage.key();
    let holder = Holder::begin(&database.url(), "SELECT 1 FROM doorward.doorward_generation FOR UPDATE");
    thread::scope(|scope| {
        let creating = scope.spawn(|| stage.door.create_key(&stage.acme, new()));
        wait_until_locked_out(&database, 1);
        let closing = scope.spawn(|| stage.door.close(AGES));
        wait_until("it is closed", AGES, || stage.door.get_key(&stage.acme, &key.record.id).is_err());
        is_closed(stage.door.get_key(&stage.acme, &key.record.id));
        assert!(!is_let_in(&stage.door, &key.token));
        holder.release();
        closing.join().unwrap().unwrap();
        creating.join().unwrap().unwrap();
    });
    is_closed(stage.door.create_key(&stage.acme, new()));
    assert_eq!(Books::of_database(&database).keys, 2);
    stage.door.close(AGES).unwrap();
}

#[test]
fn closing_that_takes_too_long_says_so_and_what_was_begun_ends_as_a_whole() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let holder = Holder::begin(&database.url(), "SELECT 1 FROM doorward.doorward_generation FOR UPDATE");
    thread::scope(|scope| {
        let creating = scope.spawn(|| stage.door.create_key(&stage.acme, new()));
        wait_until_locked_out(&database, 1);
        let error = stage.door.close(Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        is_closed(stage.door.create_key(&stage.acme, new()));
        holder.release();
        let made = creating.join().unwrap();
        assert_eq!(Books::of_database(&database).keys, u64::from(made.is_ok()));
    });
    Books::of_database(&database).agree();
}
