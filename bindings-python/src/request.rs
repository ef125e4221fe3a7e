//! What the host knows of a request, and what a caller presents with it.

use std::net::IpAddr;

use doorward::{Error, MAX_TOKEN, Reason, model::address::parse_address};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyList, PyMapping, PyString},
};
use zeroize::Zeroizing;

use crate::{
    arguments::{Given, text},
    error::{Trouble, guarded, wrong_type},
    record::{self, unpicklable},
};

/// What the host knows of the request that a caller came with, for the audit trail and for address rules.
#[pyclass(frozen, eq, module = "doorward")]
#[derive(PartialEq)]
pub(crate) struct Request(pub(crate) doorward::Request);

#[pymethods]
impl Request {
    /// `peer` is the address at the other end of the socket, without a port; `forwarded_for` the value of `X-Forwarded-For`,
    /// which counts only if the peer is a trusted proxy. A query is cut off the path: it may hold what no trail should.
    #[new]
    #[pyo3(signature = (*, method = None, path = None, request_id = None, peer = None, forwarded_for = None))]
    fn new(
        py: Python<'_>,
        method: Option<&Bound<'_, PyAny>>,
        path: Option<&Bound<'_, PyAny>>,
        request_id: Option<&Bound<'_, PyAny>>,
        peer: Option<&Bound<'_, PyAny>>,
        forwarded_for: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        guarded(py, || {
            let mut request = doorward::Request::new();
            if let Some(method) = method {
                request = request.method(text(method, "method")?);
            }
            if let Some(path) = path {
                request = request.path(text(path, "path")?);
            }
            if let Some(id) = request_id {
                request = request.request_id(text(id, "request_id")?);
            }
            if let Some(peer) = peer {
                request = request.peer(self::peer(peer)?);
            }
            if let Some(forwarded) = forwarded_for {
                request = request.forwarded_for(text(forwarded, "forwarded_for")?);
            }
            Ok(Self(request))
        })
    }

    fn __hash__(&self) -> u64 {
        record::hash(&self.0)
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("a request"))
    }
}

/// What a caller presents: a token, taken from request headers or given as it is. Shows nothing of it.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Credentials(Result<Zeroizing<String>, Reason>);

impl Credentials {
    fn keep(presented: doorward::Credentials<'_>) -> Self {
        Self(presented.reveal().map(|token| Zeroizing::new(token.to_owned())))
    }

    #[inline]
    pub(crate) fn presented(&self) -> doorward::Credentials<'_> {
        match &self.0 {
            Ok(token) => doorward::Credentials::token(token),
            Err(Reason::Missing) => doorward::Credentials::token(""),
            Err(_) => malformed(),
        }
    }
}

#[pymethods]
impl Credentials {
    /// A token as it is, or as the bytes of a header's value.
    #[new]
    fn new(py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Self> {
        guarded(py, || Presented::read(token).map(|presented| Self::keep(presented.credentials())))
    }

    /// Finds the token in request headers: `x-api-key`, or else `Authorization: Bearer …`.
    ///
    /// Names count without regard to case, values are trimmed. The same one of the two headers twice is malformed.
    #[staticmethod]
    fn from_headers(headers: &Bound<'_, PyAny>) -> PyResult<Self> {
        guarded(headers.py(), || {
            let items = match headers.cast::<PyMapping>() {
                Ok(mapping) => mapping.items()?.into_any(),
                Err(_) => headers.clone(),
            };
            let mut pairs = Vec::new();
            if !items.hasattr("__iter__")? {
                return Err(wrong_type(headers, "headers", "be a mapping, or pairs of a name and a value"));
            }
            for item in items.try_iter()? {
                let (name, value) = pair(&item?)?;
                let name = String::from_utf8_lossy(&bytes(&name, "the name of a header")?).into_owned();
                // Other headers are none of our business, and most of them are others.
                if name.eq_ignore_ascii_case("x-api-key") || name.eq_ignore_ascii_case("authorization") {
                    pairs.push((name, bytes(&value, "the value of a header")?));
                }
            }
            Ok(Self::keep(doorward::Credentials::from_headers(pairs.iter().map(|(name, value)| (name, value.as_slice())))))
        })
    }

    /// Whether there is no token at all.
    #[getter]
    fn missing(&self) -> bool {
        matches!(self.0, Err(Reason::Missing))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.presented())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("what a caller presents"))
    }
}

/// An address, as a text or as the module `ipaddress` has it.
fn peer(value: Given<'_, '_>) -> Result<IpAddr, Trouble> {
    const FIELD: &str = "peer";
    let written = if value.is_instance_of::<PyString>() { Ok(value.clone()) } else { value.getattr("compressed") };
    let written = written.map_err(|_| wrong_type(value, FIELD, "be an address, as a text or of the module ipaddress"))?;
    let address = parse_address(text(&written, FIELD)?);
    Ok(address.ok_or_else(|| Error::new(Reason::InvalidFormat, "must be an address, without a port").field(FIELD))?)
}

/// A header: its name and its value. Some servers have lists of two for tuples.
fn pair<'py>(item: &Bound<'py, PyAny>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyAny>), Trouble> {
    let pair = item.cast::<PyList>().map_or_else(|_| item.extract(), |list| list.to_tuple().extract());
    pair.map_err(|_| wrong_type(item, "headers", "be a mapping, or pairs of a name and a value"))
}

/// Bytes that are no token.
fn malformed<'a>() -> doorward::Credentials<'a> {
    doorward::Credentials::token_bytes(&[0xff])
}

/// The bytes of a text, as UTF-8, or of bytes.
fn bytes(value: &Bound<'_, PyAny>, what: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Zeroizing::new(bytes.as_bytes().to_vec()));
    }
    let text = value.cast::<PyString>().map_err(|_| wrong_type(value, what, "be a text or bytes"))?;
    // A lone surrogate is no character: bytes that are no token stand for it.
    Ok(Zeroizing::new(text.to_str().map_or_else(|_| vec![0xff], |text| text.as_bytes().to_vec())))
}

/// What is given as credentials, borrowed from Python for one call.
pub(crate) enum Presented<'a, 'py> {
    Text(&'a Bound<'py, PyString>),
    Bytes(&'a Bound<'py, PyBytes>),
    Kept(&'a Bound<'py, Credentials>),
}

impl<'a, 'py> Presented<'a, 'py> {
    #[inline]
    pub(crate) fn read(value: &'a Bound<'py, PyAny>) -> Result<Self, Trouble> {
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(Self::Text(text));
        }
        if let Ok(kept) = value.cast::<Credentials>() {
            return Ok(Self::Kept(kept));
        }
        match value.cast::<PyBytes>() {
            Ok(bytes) => Ok(Self::Bytes(bytes)),
            Err(_) => Err(wrong_type(value, "credentials", "be a token (str or bytes) or Credentials")),
        }
    }

    /// A text is not copied: it is ASCII, or Python keeps its UTF-8 with it.
    #[inline]
    pub(crate) fn credentials(&self) -> doorward::Credentials<'a> {
        match self {
            Self::Text(text) => text.to_str().map_or_else(|_| malformed(), doorward::Credentials::token),
            Self::Bytes(bytes) => doorward::Credentials::token_bytes(bytes.as_bytes()),
            Self::Kept(kept) => kept.get().presented(),
        }
    }

    /// The same to be kept for longer than the call.
    pub(crate) fn keep(&self) -> Credentials {
        match self {
            // Longer than every token: its length is all that counts.
            Self::Text(text) if text.to_str().is_ok_and(|text| text.len() > MAX_TOKEN) => {
                Credentials(Ok(Zeroizing::new("x".repeat(MAX_TOKEN.saturating_add(1)))))
            }
            _ => Credentials::keep(self.credentials()),
        }
    }
}
