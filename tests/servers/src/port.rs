//! TCP ports for servers.

use std::net::{Ipv4Addr, TcpListener};

/// A port of 127.0.0.1 at which nobody listens.
///
/// It lies below the range from which the kernel takes the ports of outgoing connections: a server that is down for a
/// while must find its port free again, and a client that keeps trying to reach a port of that range can end up
/// connected to itself.
///
/// Another process may take the port before the caller does; the caller tries again with another one.
pub(crate) fn free() -> u16 {
    for _ in 0..1000 {
        let port = fastrand::u16(20_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 20000 and 32000 on 127.0.0.1");
}
