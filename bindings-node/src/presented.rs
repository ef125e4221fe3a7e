//! What a caller presents, and what is known of its request, from the arguments of a call.

use std::net::IpAddr;

use doorward::{Credentials, Error, Reason, Request, Result, model::address::parse_address};
use zeroize::Zeroizing;

use crate::arguments::Arguments;

/// A token; or why there is none, in the form of what was presented.
pub(crate) enum Presented {
    Token(Zeroizing<String>),
    /// Names and values of headers, the values as bytes.
    Headers(Vec<(String, Zeroizing<Vec<u8>>)>),
    /// Nothing that could be a token.
    Malformed,
}

impl Presented {
    pub(crate) fn read(arguments: &mut Arguments<'_>) -> Result<Self> {
        if arguments.flag("malformed")? {
            return Ok(Self::Malformed);
        }
        match arguments.headers()? {
            Some(headers) => Ok(Self::Headers(headers.into_iter().map(|(name, value)| (name, bytes(value))).collect())),
            None => Ok(Self::Token(arguments.optional_text("token")?.unwrap_or_default().into())),
        }
    }

    pub(crate) fn credentials(&self) -> Credentials<'_> {
        match self {
            Self::Token(token) => Credentials::token(token),
            Self::Headers(headers) => Credentials::from_headers(headers.iter().map(|(name, value)| (name, value.as_slice()))),
            Self::Malformed => Credentials::token_bytes(&[0xff]),
        }
    }
}

/// The bytes of a header's value. Node and fetch give each byte as one character; what has others is a text as it is.
fn bytes(value: String) -> Zeroizing<Vec<u8>> {
    let value = Zeroizing::new(value);
    let each: Option<Vec<u8>> = value.chars().map(|character| u8::try_from(character).ok()).collect();
    each.unwrap_or_else(|| value.as_bytes().to_owned()).into()
}

/// What is known of the request: the argument `request`.
pub(crate) fn request(arguments: &mut Arguments<'_>) -> Result<Request> {
    let mut request = Request::new();
    let mut members = arguments.object("request")?;
    if let Some(method) = members.optional_text("method").map_err(inside)? {
        request = request.method(method);
    }
    if let Some(path) = members.optional_text("path").map_err(inside)? {
        request = request.path(path);
    }
    if let Some(id) = members.optional_text("requestId").map_err(inside)? {
        request = request.request_id(id);
    }
    if let Some(address) = members.optional_text("peer").map_err(inside)? {
        request = request.peer(peer(&address)?);
    }
    if let Some(forwarded) = members.optional_text("forwardedFor").map_err(inside)? {
        request = request.forwarded_for(forwarded);
    }
    members.finish().map_err(inside)?;
    Ok(request)
}

/// The address at the other end of the socket.
pub(crate) fn peer(address: &str) -> Result<IpAddr> {
    let refused = || inside(Error::new(Reason::InvalidFormat, "must be an address, without a port").field("peer"));
    parse_address(address).ok_or_else(refused)
}

fn inside(error: Error) -> Error {
    error.inside("request")
}
