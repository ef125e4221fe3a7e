//! Taking connections, or refusing them.

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, PoisonError},
    thread::{self, JoinHandle},
};

use super::{Shared, connection::Connection, relay};
use crate::port;

/// Starts to listen, and gives the port and the thread that does.
pub(super) fn start(shared: &Arc<Shared>, server: String) -> (u16, JoinHandle<()>) {
    let (port, listener) = loop {
        let port = port::free();
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            break (port, listener);
        }
    };
    let shared = Arc::clone(shared);
    let thread = thread::spawn(move || run(&shared, &server, port, listener));
    (port, thread)
}

/// Has the listener look at the state: it waits for nothing but connections.
pub(super) fn wake(port: u16) {
    let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
}

fn run(shared: &Arc<Shared>, server: &str, port: u16, mut listener: TcpListener) {
    loop {
        let client = listener.accept();
        let state = shared.lock();
        if state.closing {
            return;
        }
        if state.refusing {
            drop(state);
            drop((client, listener));
            shared.change(|state| state.refused = true);
            let refusing = shared.changed.wait_while(shared.lock(), |state| state.refusing && !state.closing);
            if refusing.unwrap_or_else(PoisonError::into_inner).closing {
                return;
            }
            listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port of the proxy is still free");
            shared.change(|state| state.refused = false);
        } else if let Ok((client, _)) = client {
            drop(state);
            take(shared, server, client);
        }
    }
}

/// A server that is down is a client whose connection is closed.
fn take(shared: &Arc<Shared>, server: &str, client: TcpStream) {
    let Ok(server) = TcpStream::connect(server) else { return };
    let connection = Arc::new(Connection::new(client, server));
    shared.change(|state| {
        state.connections.retain(|connection| connection.strong_count() > 0);
        state.connections.push(Arc::downgrade(&connection));
    });
    relay::start(shared, &connection);
}
