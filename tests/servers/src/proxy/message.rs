//! The frames of PostgreSQL's protocol, version 3 (chapter "Message Formats" of its manual): as much as shows where
//! a message ends and of what kind it is.

use std::io::{self, Read};

/// What a client sends first has no kind, but a code in its place.
pub(super) enum Opening {
    /// It would like TLS or GSSAPI encryption, and goes on without if it is answered `N`.
    WantsEncryption,
    /// It wants a query of another connection cancelled, and says nothing more.
    Cancel(Vec<u8>),
    /// The start of a session.
    Start(Vec<u8>),
}

/// A message, with its kind and length in front.
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Opening {
    pub(super) fn read(from: &mut impl Read) -> io::Result<Opening> {
        let bytes = frame(from, Vec::new())?;
        let code = bytes.get(4..8).map(|code| u32::from_be_bytes(code.try_into().expect("four bytes")));
        Ok(match code {
            Some(80_877_103 | 80_877_104) => Opening::WantsEncryption,
            Some(80_877_102) => Opening::Cancel(bytes),
            _ => Opening::Start(bytes),
        })
    }
}

impl Message {
    pub(super) fn read(from: &mut impl Read) -> io::Result<Message> {
        let mut kind = [0];
        from.read_exact(&mut kind)?;
        Ok(Message { bytes: frame(from, kind.to_vec())? })
    }

    /// `Sync`: the end of a round that was not a simple query.
    pub(super) fn sync() -> Message {
        Message { bytes: vec![b'S', 0, 0, 0, 4] }
    }

    pub(super) fn kind(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The zero-terminated texts with which the body begins.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.get(5..).unwrap_or_default().split(|&byte| byte == 0)
    }

    /// Whether it ends a round when the client sends it: a simple query, a function call or `Sync`.
    pub(super) fn ends_request(&self) -> bool {
        matches!(self.kind(), b'Q' | b'F' | b'S')
    }

    /// Whether it ends a round when the server sends it: `ReadyForQuery`.
    pub(super) fn ends_answer(&self) -> bool {
        self.kind() == b'Z'
    }

    /// What the server says about a command: its tag when it is complete, or the message of an error.
    pub(super) fn verdict(&self) -> Option<Result<String, String>> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self.kind() {
            b'C' => self.texts().next().map(|tag| Ok(text(tag))),
            b'E' => self.texts().find_map(|field| field.strip_prefix(b"M")).map(|message| Err(text(message))),
            _ => None,
        }
    }
}

/// Reads a length and what it counts, to the end of `bytes`. The length counts itself.
fn frame(from: &mut impl Read, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    bytes.extend_from_slice(&length);
    let body = u64::from(u32::from_be_bytes(length).saturating_sub(4));
    let read = from.take(body).read_to_end(&mut bytes)?;
    if read as u64 == body { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
