//! What a caller presents, and what is known of its request.

use std::borrow::Cow;

use doorward::{Credentials, Error, MAX_TOKEN, Reason, Request, Result, model::address::parse_address};

use crate::{
    options::{self, versioned},
    text::{self, Plain, dw_str},
};

/// A header of a request. Borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_header {
    /// Its name, in any case.
    pub name: dw_str,
    /// Its value.
    pub value: dw_str,
}

// SAFETY: raw pointers and integers.
unsafe impl Plain for dw_header {}

/// What a caller presents: a token, or the headers that hold it. Borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_credentials {
    /// `sizeof(dw_credentials)`.
    pub struct_size: usize,
    /// The token as it is; absent: it is looked for in the headers.
    pub token: dw_str,
    /// All headers of the request: `x-api-key` counts, or else `Authorization: Bearer …`. The same of the two twice is malformed.
    pub headers: *const dw_header,
    /// How many.
    pub headers_len: usize,
}

versioned!(dw_credentials = 40);

/// What is known of a request, for the audit trail and for rules about addresses. Borrowed for the call. Everything may be
/// absent, and so may the whole (NULL): then nothing is known.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_request {
    /// `sizeof(dw_request)`.
    pub struct_size: usize,
    /// The method.
    pub method: dw_str,
    /// The path. A query is cut off.
    pub path: dw_str,
    /// The host's id of the request.
    pub request_id: dw_str,
    /// The address at the other end of the socket, without a port.
    pub peer: dw_str,
    /// The value of `X-Forwarded-For`; it counts only if the peer is a trusted proxy.
    pub forwarded_for: dw_str,
}

versioned!(dw_request = 88);

/// More bytes than a token may have: what stands for any text that is too long, which is never looked at.
static OVERLONG: [u8; MAX_TOKEN + 1] = [b'x'; MAX_TOKEN + 1];

/// Reads what a caller presents. The token is borrowed from the caller's memory.
#[inline(always)]
#[expect(clippy::inline_always, reason = "on the way of every request")]
pub(crate) fn credentials<'a>(pointer: *const dw_credentials) -> Result<Credentials<'a>> {
    options::look_at(pointer, "credentials", |given| {
        if given.token.data.is_null() && given.token.len == 0 {
            return of_headers(given);
        }
        token(given.token, "token").map(presented)
    })
}

#[inline(never)]
fn of_headers<'a>(given: &dw_credentials) -> Result<Credentials<'a>> {
    let headers = text::list(given.headers, given.headers_len, "headers")?;
    let mut pairs = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        let name = header.name.bytes(&format!("headers[{index}].name"))?.unwrap_or_default();
        // A name that is not UTF-8 is neither of the two that count.
        if let Ok(name) = std::str::from_utf8(name) {
            pairs.push((name, header.value.given_bytes(&format!("headers[{index}].value"))?));
        }
    }
    Ok(Credentials::from_headers(pairs.iter().map(|(name, value)| (*name, *value))))
}

/// The bytes of a token. One that is too long for any token stands for itself by its length alone.
#[inline]
fn token<'a>(text: dw_str, field: &str) -> Result<&'a [u8]> {
    if text.len > MAX_TOKEN { Ok(&OVERLONG) } else { text.given_bytes(field) }
}

/// Credentials of a token. Nearly every one is ASCII, which is seen faster than that a text is UTF-8.
#[inline]
fn presented(token: &[u8]) -> Credentials<'_> {
    if token.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Credentials::token(unsafe { std::str::from_utf8_unchecked(token) });
    }
    Credentials::token_bytes(token)
}

/// Of which nothing is known.
static UNKNOWN: Request = Request::new();

/// Reads what is known of a request.
#[inline]
pub(crate) fn request(pointer: *const dw_request) -> Result<Cow<'static, Request>> {
    if pointer.is_null() { Ok(Cow::Borrowed(&UNKNOWN)) } else { read(pointer).map(Cow::Owned) }
}

#[inline(never)]
fn read(pointer: *const dw_request) -> Result<Request> {
    let given = options::required(pointer, "request")?;
    let mut request = Request::new();
    if let Some(method) = given.method.optional("request.method")? {
        request = request.method(method);
    }
    if let Some(path) = given.path.optional("request.path")? {
        request = request.path(path);
    }
    if let Some(id) = given.request_id.optional("request.request_id")? {
        request = request.request_id(id);
    }
    if let Some(peer) = given.peer.optional("request.peer")? {
        let message = "must be an address, without a port";
        let address = parse_address(peer);
        request = request.peer(address.ok_or_else(|| Error::new(Reason::InvalidFormat, message).field("request.peer"))?);
    }
    if let Some(forwarded) = given.forwarded_for.optional("request.forwarded_for")? {
        request = request.forwarded_for(forwarded);
    }
    Ok(request)
}
