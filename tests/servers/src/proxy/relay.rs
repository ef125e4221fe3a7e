//! Passing on what comes, one thread per direction of a connection.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    sync::Arc,
    thread,
};

use super::{
    Shared,
    commit::{Commits, Fault},
    connection::{Connection, Heard, Held},
    message::{Message, Opening},
};

/// What becomes of the server's side when nothing more is read from the client.
enum End {
    Close,
    Keep,
}

pub(super) fn start(shared: &Arc<Shared>, connection: &Arc<Connection>) {
    let (to_server, to_client) = (Relay::new(shared, connection), Relay::new(shared, connection));
    thread::spawn(move || {
        if !matches!(to_server.to_server(), Ok(End::Keep)) {
            to_server.connection.close();
        }
    });
    thread::spawn(move || {
        let _ = to_client.to_client();
        to_client.connection.close();
        to_client.connection.rounds().end();
    });
}

struct Relay {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
}

impl Relay {
    fn new(shared: &Arc<Shared>, connection: &Arc<Connection>) -> Relay {
        Relay { shared: Arc::clone(shared), connection: Arc::clone(connection) }
    }

    fn to_client(&self) -> io::Result<()> {
        let mut server = BufReader::new(&self.connection.server);
        loop {
            if server.buffer().is_empty() {
                server.fill_buf()?;
                self.shared.pause(&self.connection, |delay| delay.to_client);
            }
            let message = Message::read(&mut server)?;
            self.shared.gate(&self.connection);
            let heard = self.connection.rounds().hear(&message);
            match heard {
                Heard::Passes => (&self.connection.client).write_all(message.bytes())?,
                Heard::IsLost => {}
                Heard::IsLostAndLast => return Ok(()),
            }
        }
    }

    fn to_server(&self) -> io::Result<End> {
        let mut client = BufReader::new(&self.connection.client);
        loop {
            let opening = Opening::read(&mut client)?;
            self.shared.gate(&self.connection);
            match opening {
                Opening::WantsEncryption => (&self.connection.client).write_all(b"N")?,
                Opening::Cancel(bytes) => {
                    (&self.connection.server).write_all(&bytes)?;
                    return Ok(End::Keep);
                }
                Opening::Start(bytes) => {
                    self.connection.rounds().asked += 1;
                    (&self.connection.server).write_all(&bytes)?;
                    break;
                }
            }
        }
        let mut commits = Commits::default();
        loop {
            let message = self.next(&mut client)?;
            let fault = if commits.has(&message) { self.shared.lock().fault.take() } else { None };
            match fault {
                None => self.forward(&message)?,
                Some(Fault::DropBefore) => return Ok(self.drop_connection()),
                Some(Fault::DropAfter) => {
                    self.connection.rounds().lose_next();
                    // What belongs to it may follow. The other direction closes the connection at its answer.
                    let mut passed = self.forward(&message);
                    while passed.is_ok() {
                        passed = self.next(&mut client).and_then(|message| self.forward(&message));
                    }
                    return Ok(self.drop_connection());
                }
                Some(Fault::Hold) => {
                    self.hold(&message);
                    return Ok(End::Keep);
                }
            }
        }
    }

    /// The client's next message, when it may pass.
    fn next(&self, client: &mut BufReader<&TcpStream>) -> io::Result<Message> {
        // What comes in one piece is late once.
        if client.buffer().is_empty() {
            client.fill_buf()?;
            self.shared.pause(&self.connection, |delay| delay.to_server);
        }
        let message = Message::read(client)?;
        self.shared.gate(&self.connection);
        Ok(message)
    }

    fn forward(&self, message: &Message) -> io::Result<()> {
        if message.ends_request() {
            self.connection.rounds().asked += 1;
        }
        (&self.connection.server).write_all(message.bytes())
    }

    fn drop_connection(&self) -> End {
        self.connection.close();
        self.shared.change(|state| state.fired += 1);
        End::Close
    }

    fn hold(&self, message: &Message) {
        self.connection.rounds().lose_next();
        self.connection.close_client();
        let mut bytes = message.bytes().to_vec();
        if !message.ends_request() {
            bytes.extend_from_slice(Message::sync().bytes());
        }
        self.shared.change(|state| {
            // Cutting connections does not concern it any more.
            state.connections.retain(|connection| !std::ptr::eq(connection.as_ptr(), Arc::as_ptr(&self.connection)));
            state.held.push(Held::new(&self.connection, bytes));
            state.fired += 1;
        });
    }
}
