//! The thread that writes what was gathered, at a bounded interval. It starts at the first need and ends with the handle.

use std::{
    sync::{Arc, Condvar, PoisonError, Weak},
    time::Duration,
};

use crate::lock::Lock;

use super::engine::Engine;

/// How long gathered audit rows and uses may wait to be written.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);
/// How long counts may wait to be seen by the host's metrics recorder.
const PUBLISH: Duration = Duration::from_secs(1);

/// Starts and stops the thread.
#[derive(Default)]
pub(super) struct Housekeeper {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Lock<State>,
    stopped: Condvar,
    /// The engine of a handle that was dropped, until the thread has written what it gathered.
    left: Lock<Option<Arc<Engine>>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    NotStarted,
    Running,
    Stopped,
}

impl Housekeeper {
    pub(super) fn start(&self, engine: &Arc<Engine>) {
        let mut state = self.shared.state.lock();
        if *state != State::NotStarted {
            return;
        }
        let (shared, engine) = (Arc::clone(&self.shared), Arc::downgrade(engine));
        let started = std::thread::Builder::new().name("doorward".to_owned()).spawn(move || keep_house(&shared, &engine));
        match started {
            Ok(_) => *state = State::Running,
            // Without a thread things are written when they are asked for, and at close. The next need tries again.
            Err(error) => {
                // Whoever listens may call the door.
                drop(state);
                tracing::warn!(%error, "doorward cannot start its thread");
            }
        }
    }

    pub(super) fn stop(&self) {
        *self.shared.state.lock() = State::Stopped;
        self.shared.stopped.notify_all();
    }

    /// Stops the thread after it has written what was gathered. For an engine of which nobody else knows any more.
    pub(super) fn leave(engine: &Arc<Engine>) {
        let shared = &engine.housekeeper.shared;
        let mut state = shared.state.lock();
        // Where no thread runs nothing was gathered, or it was written when the handle was closed.
        if *state == State::Running {
            *shared.left.lock() = Some(Arc::clone(engine));
        }
        *state = State::Stopped;
        shared.stopped.notify_all();
    }
}

fn keep_house(shared: &Shared, engine: &Weak<Engine>) {
    let rounds = INTERVAL.as_secs().max(1);
    for round in 1_u64.. {
        // Held only for the round: the thread keeps no engine alive that nobody uses any more, but for its last flush.
        let (stopped, left) = {
            let mut state = shared.state.lock();
            if *state == State::Running {
                state = shared.stopped.wait_timeout(state, PUBLISH).unwrap_or_else(PoisonError::into_inner).0;
            }
            let stopped = *state == State::Stopped;
            (stopped, shared.left.lock().take_if(|_| stopped))
        };
        if stopped && left.is_none() {
            // The handle was closed, and closing writes what was gathered.
            return;
        }
        let Some(engine) = left.or_else(|| engine.upgrade()) else { return };
        if stopped || round.is_multiple_of(rounds) {
            if let Err(error) = engine.flush(engine.backend()).wait() {
                tracing::warn!(%error, "doorward could not write audit rows or last uses; it will try again");
            }
        } else {
            engine.metrics.publish();
        }
        if stopped {
            return;
        }
    }
}
