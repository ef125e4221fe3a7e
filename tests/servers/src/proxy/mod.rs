//! A proxy before a PostgreSQL server, by which a test decides what the network does.

mod commit;
mod connection;
mod listener;
mod message;
mod relay;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    deadline::{PATIENCE, wait_until},
    url,
};
use commit::Fault;
use connection::{Connection, Held};

/// When [`Proxy::drop_at_commit`] closes the connection: the client cannot tell the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the server sees the `COMMIT`, so that it rolls back.
    Before,
    /// After the server has carried it out, before the client sees the answer.
    After,
}

/// A TCP proxy before a PostgreSQL server.
///
/// It passes on what comes until told otherwise. It reads along, so there is no TLS through it: a client that insists on TLS
/// cannot connect. `drop_at_commit` and `hold_commit` concern the next `COMMIT` only, of whatever connection, be it sent
/// as a simple query (alone, or after other statements) or executed as a prepared one.
///
/// ```no_run
/// use doorward_test_servers::{Database, Moment, Proxy};
///
/// let database = Database::fresh();
/// let proxy = Proxy::before(&database.url());
/// proxy.drop_at_commit(Moment::After);
/// // … write something through `proxy.url()` …
/// proxy.wait_until_fired(1);
/// ```
pub struct Proxy {
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
    server: String,
    port: u16,
    owner: u32,
}

/// What the test and the threads of the proxy tell each other.
struct Shared {
    state: Mutex<State>,
    /// Told whenever the state changed.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// No connection is taken.
    refusing: bool,
    /// The listener has done as `refusing` says.
    refused: bool,
    stalled: bool,
    closing: bool,
    delay: Delay,
    fault: Option<Fault>,
    fired: u64,
    connections: Vec<Weak<Connection>>,
    held: Vec<Held>,
}

#[derive(Clone, Copy, Default)]
struct Delay {
    to_server: Duration,
    to_client: Duration,
}

impl Proxy {
    /// Starts a proxy before the server of this address, which names a host (not a Unix socket). What else the address
    /// says it keeps in its own.
    pub fn before(url: &str) -> Proxy {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let (port, listener) = listener::start(&shared, url::host(url));
        Proxy { shared, listener: Some(listener), server: url.to_owned(), port, owner: std::process::id() }
    }

    /// The address that leads through the proxy, with the database, role and options of the server's address.
    pub fn url(&self) -> String {
        url::with_host(&self.server, &format!("localhost:{}", self.port))
    }

    /// Closes all connections now. New ones are taken. A `COMMIT` that is held stays held.
    pub fn cut(&self) {
        self.shared.close_all();
    }

    /// Takes no further connections (they are refused, as by a host on which nothing listens), or takes them again. When
    /// this returns it is so. Connections that are there stay.
    pub fn refuse(&self, refuse: bool) {
        self.shared.change(|state| state.refusing = refuse);
        listener::wake(self.port);
        wait_until("the listener of the proxy", PATIENCE, || self.shared.lock().refused == refuse);
    }

    /// Keeps connections and passes nothing, in neither direction; or passes what has come up since, and goes on.
    pub fn stall(&self, stall: bool) {
        self.shared.change(|state| state.stalled = stall);
    }

    /// Passes on only after so much time what comes from now on, per direction: the latency of a slow network.
    pub fn delay(&self, to_server: Duration, to_client: Duration) {
        self.shared.change(|state| state.delay = Delay { to_server, to_client });
    }

    /// Closes the connection on which the next `COMMIT` comes, before or after the server has seen it. The server's
    /// answer is awaited in the latter case, so that it has committed when the client notices.
    pub fn drop_at_commit(&self, moment: Moment) {
        self.arm(match moment {
            Moment::Before => Fault::DropBefore,
            Moment::After => Fault::DropAfter,
        });
    }

    /// Holds the next `COMMIT` back and closes the client's side of its connection: a packet that is still on its way. The
    /// server's side stays open until [`release_commit`](Proxy::release_commit).
    pub fn hold_commit(&self) {
        self.arm(Fault::Hold);
    }

    /// Delivers the `COMMIT` that was held first. Gives what the server answered: the command that it carried out
    /// (`COMMIT`, or `ROLLBACK` if the transaction had failed), or the error, which is also what comes if it has closed
    /// the connection meanwhile.
    pub fn release_commit(&self) -> Result<String, String> {
        let held = {
            let mut state = self.shared.lock();
            assert!(!state.held.is_empty(), "no COMMIT is held");
            state.held.remove(0)
        };
        held.deliver()
    }

    /// How many `COMMIT`s were dropped or held so far. One that is dropped counts when the client's connection has been
    /// closed.
    pub fn fired(&self) -> u64 {
        self.shared.lock().fired
    }

    /// Waits until so many `COMMIT`s were dropped or held. Panics if that takes a minute.
    #[track_caller]
    pub fn wait_until_fired(&self, count: u64) {
        wait_until("a COMMIT that is dropped or held", PATIENCE, || self.fired() >= count);
    }

    fn arm(&self, fault: Fault) {
        self.shared.change(|state| {
            assert!(state.fault.is_none(), "the last command about a COMMIT has met none yet");
            state.fault = Some(fault);
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A forked child has a copy of this, and the threads and connections are still the parent's.
        if self.owner != std::process::id() {
            return;
        }
        self.shared.change(|state| state.closing = true);
        listener::wake(self.port);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        self.shared.close_all();
        self.shared.lock().held.clear();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn close_all(&self) {
        let connections = std::mem::take(&mut self.lock().connections);
        connections.iter().filter_map(Weak::upgrade).for_each(|connection| connection.close());
        // Those that pause see that they are closed.
        self.changed.notify_all();
    }

    /// Lets the time of a delay pass, or less if the connection is closed meanwhile.
    fn pause(&self, connection: &Connection, delay: impl Fn(&Delay) -> Duration) {
        let began = Instant::now();
        let mut state = self.lock();
        while let Some(left) = delay(&state.delay).checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            if connection.is_closed() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits while the proxy is stalled, or until the connection is closed.
    fn gate(&self, connection: &Connection) {
        let stalled = |state: &mut State| state.stalled && !connection.is_closed();
        drop(self.changed.wait_while(self.lock(), stalled).unwrap_or_else(PoisonError::into_inner));
    }
}
