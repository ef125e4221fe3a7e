//! What a caller presents: a token, taken from request headers or given as it is.

use std::fmt;

use crate::{error::Reason, token::MAX_TOKEN};

/// The token of a request, borrowed from it; or why there is none.
#[derive(Clone, Copy)]
pub struct Credentials<'a>(Result<&'a str, Reason>);

impl<'a> Credentials<'a> {
    /// A token as it is.
    #[must_use]
    #[inline]
    pub fn token(token: &'a str) -> Self {
        Self(if token.is_empty() { Err(Reason::Missing) } else { Ok(token) })
    }

    /// A token as the bytes of a header value; bytes that are not UTF-8 are malformed.
    #[must_use]
    pub fn token_bytes(token: &'a [u8]) -> Self {
        if token.len() > MAX_TOKEN {
            return Self(Err(Reason::Malformed));
        }
        std::str::from_utf8(token).map_or(Self(Err(Reason::Malformed)), Self::token)
    }

    /// Finds the token in request headers: `x-api-key`, or else `Authorization: Bearer …`.
    ///
    /// Names count without regard to case, values are trimmed. The same one of the two headers twice is malformed.
    pub fn from_headers<N, V>(headers: impl IntoIterator<Item = (N, &'a V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<[u8]> + ?Sized + 'a,
    {
        let (mut key, mut authorization) = (None, None);
        for (name, value) in headers {
            let place = match name.as_ref() {
                name if name.eq_ignore_ascii_case("x-api-key") => &mut key,
                name if name.eq_ignore_ascii_case("authorization") => &mut authorization,
                _ => continue,
            };
            if place.replace(value.as_ref().trim_ascii()).is_some() {
                return Self(Err(Reason::Malformed));
            }
        }
        match (key, authorization.and_then(bearer)) {
            (Some(token), _) if !token.is_empty() => Self::token_bytes(token),
            (_, Some(token)) => Self::token_bytes(token),
            _ => Self(Err(Reason::Missing)),
        }
    }

    /// The token, to be handed on; nothing else prints it.
    ///
    /// # Errors
    /// `Missing` or `Malformed`.
    #[inline]
    pub fn reveal(&self) -> Result<&'a str, Reason> {
        self.0
    }
}

impl<'a> From<&'a str> for Credentials<'a> {
    #[inline]
    fn from(token: &'a str) -> Self {
        Self::token(token)
    }
}

impl<'a> From<&'a String> for Credentials<'a> {
    fn from(token: &'a String) -> Self {
        Self::token(token)
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(_) => f.write_str("Credentials(token)"),
            Err(reason) => write!(f, "Credentials({reason})"),
        }
    }
}

/// The token of an `Authorization` value, if its scheme is `Bearer` (RFC 6750) and something follows.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(6)?;
    let token = token.strip_prefix(b" ").or_else(|| token.strip_prefix(b"\t"))?.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty()).then_some(token)
}
