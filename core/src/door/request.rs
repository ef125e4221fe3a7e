//! What the host knows of the request that a caller came with.

use std::net::IpAddr;

use crate::model::{
    address::{AddressList, parse_address},
    audit::Origin,
};

/// A request, for the audit trail and for address rules. Everything is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    method: Option<String>,
    path: Option<String>,
    request_id: Option<String>,
    peer: Option<IpAddr>,
    forwarded_for: Option<String>,
}

impl Request {
    /// A request of which nothing is known.
    #[must_use]
    pub const fn new() -> Self {
        Self { method: None, path: None, request_id: None, peer: None, forwarded_for: None }
    }

    /// The HTTP method or its like.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(clean(method.into()));
        self
    }

    /// The path. A query is cut off: it may hold what no trail should.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        let mut path = path.into();
        if let Some(query) = path.find(['?', '#']) {
            path.truncate(query);
        }
        self.path = Some(clean(path));
        self
    }

    /// The host's id of the request.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(clean(id.into()));
        self
    }

    /// The address at the other end of the socket.
    #[must_use]
    pub fn peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer.to_canonical());
        self
    }

    /// The value of `X-Forwarded-For` (several such headers joined by commas). It counts only if the peer is a trusted proxy.
    #[must_use]
    pub fn forwarded_for(mut self, value: impl Into<String>) -> Self {
        self.forwarded_for = Some(value.into());
        self
    }

    /// The client's address: the peer's, or, if that is a trusted proxy, the rightmost forwarded address that is none. A
    /// forwarded value that is not an address makes it unknown.
    #[must_use]
    pub fn client_address(&self, trusted_proxies: &AddressList) -> Option<IpAddr> {
        let peer = self.peer?;
        let Some(forwarded) = self.forwarded_for.as_deref().filter(|_| trusted_proxies.contains(peer)) else {
            return Some(peer);
        };
        let mut client = peer;
        for hop in forwarded.rsplit(',').map(str::trim).filter(|hop| !hop.is_empty()) {
            client = parse_address(hop)?;
            if !trusted_proxies.contains(client) {
                break;
            }
        }
        Some(client)
    }

    pub(crate) fn origin(&self, trusted_proxies: &AddressList) -> Origin {
        Origin {
            method: self.method.clone(),
            path: self.path.clone(),
            request_id: self.request_id.clone(),
            client_address: self.client_address(trusted_proxies),
        }
    }
}

/// What comes from outside is cut to a length that a trail can bear, and rid of what would break a line of a log.
fn clean(mut text: String) -> String {
    const MOST: usize = 1024;
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
    }
    if text.chars().any(char::is_control) {
        text.retain(|character| !character.is_control());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &str) -> Option<String> {
        let proxies = AddressList::new(["10.0.0.0/8"]).unwrap();
        let request = Request::new().peer(peer.parse().unwrap()).forwarded_for(forwarded);
        request.client_address(&proxies).map(|address| address.to_string())
    }

    #[test]
    fn forwarded_addresses_count_only_from_a_trusted_proxy() {
        assert_eq!(client("1.2.3.4", "5.6.7.8").as_deref(), Some("1.2.3.4"));
        assert_eq!(client("10.0.0.1", "5.6.7.8").as_deref(), Some("5.6.7.8"));
        assert_eq!(client("::ffff:10.0.0.1", "9.9.9.9, 5.6.7.8, 10.0.0.2").as_deref(), Some("5.6.7.8"));
        assert_eq!(client("10.0.0.1", "10.0.0.3").as_deref(), Some("10.0.0.3"));
        assert_eq!(client("10.0.0.1", "").as_deref(), Some("10.0.0.1"));
        assert_eq!(client("10.0.0.1", "5.6.7.8, unknown"), None);
    }

    #[test]
    fn a_query_never_reaches_the_trail() {
        let origin = Request::new().path("/keys?token=secret").method("GET\r\n").origin(&AddressList::default());
        assert_eq!((origin.path.as_deref(), origin.method.as_deref()), (Some("/keys"), Some("GET")));
    }
}
