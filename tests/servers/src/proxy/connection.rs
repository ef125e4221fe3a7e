//! One client's connection and the one to the server that stands for it.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::message::Message;
use crate::deadline::{PATIENCE, wait_until};

pub(super) struct Connection {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    closed: AtomicBool,
    rounds: Mutex<Rounds>,
}

/// Where the conversation stands. A round is what the client sends up to a query or `Sync`, and what the server answers
/// up to `ReadyForQuery`; the first one is the start.
#[derive(Default)]
pub(super) struct Rounds {
    /// Rounds whose end the client has sent.
    pub(super) asked: u64,
    /// Rounds whose end the server has sent.
    answered: u64,
    /// The round whose answer the client does not get.
    lost: Option<u64>,
    /// What the server said in that round last.
    last_words: Option<Result<String, String>>,
    /// The answer to that round, when nothing more can come.
    outcome: Option<Result<String, String>>,
}

/// What becomes of a message of the server.
pub(super) enum Heard {
    Passes,
    IsLost,
    IsLostAndLast,
}

impl Rounds {
    /// The client is not to get the answer to what it sends now.
    pub(super) fn lose_next(&mut self) {
        self.lost = Some(self.asked + 1);
    }

    pub(super) fn hear(&mut self, message: &Message) -> Heard {
        let lost = self.lost == Some(self.answered + 1);
        if lost && let Some(verdict) = message.verdict() {
            self.last_words = Some(verdict);
        }
        if message.ends_answer() {
            self.answered += 1;
        }
        match (lost, message.ends_answer()) {
            (false, _) => Heard::Passes,
            (true, false) => Heard::IsLost,
            (true, true) => Heard::IsLostAndLast,
        }
    }

    /// The server says nothing more.
    pub(super) fn end(&mut self) {
        self.outcome = Some(self.last_words.take().unwrap_or_else(|| Err("the server has closed the connection".into())));
    }
}

impl Connection {
    pub(super) fn new(client: TcpStream, server: TcpStream) -> Connection {
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
        }
        Connection { client, server, closed: AtomicBool::new(false), rounds: Mutex::default() }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.close_client();
        let _ = self.server.shutdown(Shutdown::Both);
    }

    pub(super) fn close_client(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn rounds(&self) -> MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A `COMMIT` that has not been delivered. Dropping it closes the connection to the server, which then rolls back.
pub(super) struct Held {
    connection: Arc<Connection>,
    message: Vec<u8>,
}

impl Held {
    pub(super) fn new(connection: &Arc<Connection>, message: Vec<u8>) -> Held {
        Held { connection: Arc::clone(connection), message }
    }

    /// Delivers it and gives the server's answer.
    pub(super) fn deliver(self) -> Result<String, String> {
        // If this fails the server has closed the connection, and who reads from it says so.
        let _ = (&self.connection.server).write_all(&self.message);
        wait_until("the server's answer to COMMIT", PATIENCE, || self.connection.rounds().outcome.is_some());
        self.connection.rounds().outcome.take().expect("it was there")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connection.close();
    }
}
