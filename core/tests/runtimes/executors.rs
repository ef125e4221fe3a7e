//! On plain threads, in tokio's runtimes, on another executor.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use doorward::{ApiKeyQuery, Config, CreatedKey, Doorward, Error, NewKey, Request, Role};
use pollster::block_on;
use rusqlite::Connection;
use tokio::{
    runtime::{Builder, Runtime},
    task::LocalSet,
};

use crate::stage::{AGES, Stage};

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn work(stage: &Stage) {
    let Stage { door, acme, .. } = stage;
    let key = stage.key(Role::Admin);
    let caller = door.authenticate(key.token.reveal(), &Request::new()).unwrap();
    let session = door.session(caller, Request::new());
    let made = session.create_key(acme, NewKey::new("made", Role::ReadOnly)).unwrap();
    assert_eq!(session.get_key(acme, &made.record.id).unwrap(), made.record);
    assert!(door.authenticate("a bad token", &Request::new()).is_err());
    assert!(door.health().reachable);
}

async fn work_async(stage: &Stage) {
    let (door, acme) = (stage.door.to_async(), &stage.acme);
    let key = door.create_key(acme, NewKey::new("a key", Role::Admin)).await.unwrap();
    let caller = door.authenticate(key.token.reveal(), &Request::new()).await.unwrap();
    let session = door.session(caller, Request::new());
    let made = session.create_key(acme, NewKey::new("made", Role::ReadOnly)).await.unwrap();
    assert_eq!(session.get_key(acme, &made.record.id).await.unwrap(), made.record);
    assert!(door.authenticate("a bad token", &Request::new()).await.is_err());
    assert!(door.health().await.reachable);
}

#[test]
fn the_blocking_handle_works_on_any_thread_a_worker_of_a_runtime_included() {
    for stage in Stage::each() {
        work(&stage);
        thread::scope(|scope| _ = scope.spawn(|| work(&stage)));
        current_thread().block_on(async { work(&stage) });
        let runtime = multi_thread();
        runtime.block_on(async { work(&stage) });
        runtime.block_on(runtime.spawn(async move { work(&stage) })).unwrap();
    }
}

#[test]
fn the_async_handle_works_on_any_executor() {
    for stage in Stage::each() {
        block_on(work_async(&stage));
        current_thread().block_on(work_async(&stage));
        let runtime = multi_thread();
        runtime.block_on(work_async(&stage));
        runtime.block_on(runtime.spawn(async move { work_async(&stage).await })).unwrap();
    }
}

#[test]
fn handles_are_dropped_and_closed_in_an_async_context() {
    for runtime in [current_thread(), multi_thread()] {
        for stage in Stage::each() {
            runtime.block_on(async {
                work_async(&stage).await;
                drop(stage);
            });
        }
        for stage in Stage::each() {
            runtime.block_on(async {
                work(&stage);
                stage.door.to_async().close(AGES).await.unwrap();
                drop(stage);
            });
        }
    }
}

/// Keeps every other connection from writing, as another process might.
fn lock(stage: &Stage) -> Connection {
    let connection = Connection::open(stage.file()).unwrap();
    connection.busy_timeout(AGES).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

#[test]
fn changes_that_wait_for_a_locked_file_hold_up_no_other_task_of_their_thread() {
    let stage = Stage::sqlite();
    let locked = lock(&stage);
    let ticks = Rc::new(Cell::new(0));
    let runtime = current_thread();
    // One thread runs all of it. The file is unlocked by the task that ticks: were the thread blocked, the creations would
    // wait until they fail.
    let tokens = LocalSet::new().block_on(&runtime, async {
        let creations: Vec<_> = (0..200)
            .map(|number| {
                let (door, acme, ticks) = (stage.door.to_async(), stage.acme.clone(), Rc::clone(&ticks));
                tokio::task::spawn_local(async move {
                    let created = door.create_key(&acme, NewKey::new(format!("key {number}"), Role::ReadOnly)).await;
                    (created, ticks.get())
                })
            })
            .collect();
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            ticks.set(ticks.get() + 1);
        }
        locked.execute_batch("ROLLBACK").unwrap();
        let mut tokens = Vec::new();
        for creation in creations {
            let (created, ticks) = creation.await.unwrap();
            assert_eq!(ticks, 30, "it was answered while the file was locked");
            tokens.push(created.unwrap().token);
        }
        tokens
    });
    assert_eq!(tokens.len(), 200);
    assert_eq!(stage.door.list_keys(&stage.all_keys()).unwrap().items.len(), 200);
    for token in &tokens {
        stage.door.authenticate(token.reveal(), &Request::new()).unwrap();
    }
}

/// Polls once, and lets go of the future.
async fn begin(change: impl Future<Output = Result<CreatedKey, Error>>) {
    let mut change = pin!(change);
    poll_fn(|context| {
        assert!(change.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[test]
fn a_change_whose_caller_went_away_is_made_all_the_same() {
    let stage = Stage::sqlite();
    let locked = lock(&stage);
    current_thread().block_on(async {
        begin(stage.door.to_async().create_key(&stage.acme, NewKey::new("nobody waits", Role::ReadOnly))).await;
    });
    locked.execute_batch("ROLLBACK").unwrap();
    let begin = Instant::now();
    let query = ApiKeyQuery::of(stage.acme.clone());
    while stage.door.list_keys(&query).unwrap().items.is_empty() {
        assert!(begin.elapsed() < AGES, "the key was never made");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_handle_that_was_opened_in_a_runtime_outlives_it() {
    let stage = Stage::sqlite();
    let door = {
        let runtime = multi_thread();
        let file = stage.file();
        runtime.block_on(async move {
            let door = Doorward::open(Config::sqlite(file)).unwrap().to_async();
            door.health().await;
            door
        })
    };
    block_on(door.create_key(&stage.acme, NewKey::new("afterwards", Role::ReadOnly))).unwrap();
    door.to_blocking().create_key(&stage.acme, NewKey::new("and so on", Role::ReadOnly)).unwrap();
}
