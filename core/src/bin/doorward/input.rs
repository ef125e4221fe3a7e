//! What is read besides the command line: tokens from standard input, documents from an argument, a file or standard input.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
};

use doorward::{Error, MAX_TOKEN, Reason};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The most bytes that are read in search of a token: the longest one and generous blanks around it.
const MOST_FOR_A_TOKEN: u64 = 4 * MAX_TOKEN as u64;
/// The most bytes of a policy's config or patch that are read; what is too much for doorward is left to doorward to refuse.
const MOST_FOR_A_DOCUMENT: u64 = 1024 * 1024;

/// Reads a token from standard input, without the blanks and line ends around it. What is longer than any token is cut
/// off, and still too long for doorward to accept.
pub(crate) fn token() -> Result<Zeroizing<Vec<u8>>, Failure> {
    if io::stdin().is_terminal() {
        let _ = writeln!(io::stderr(), "Type or paste the token (it stays visible), then press Enter and Ctrl-D:");
    }
    let mut bytes = Zeroizing::new(Vec::new());
    // Room for all of it at once: a vector that grows leaves copies behind.
    bytes.reserve_exact(usize::try_from(MOST_FOR_A_TOKEN).unwrap_or_default().saturating_add(32));
    io::stdin().lock().take(MOST_FOR_A_TOKEN).read_to_end(&mut bytes).map_err(unreadable_input)?;
    Ok(Zeroizing::new(bytes.trim_ascii().to_vec()))
}

/// Reads a document given as `TEXT`, `@FILE`, or `-` for standard input.
pub(crate) fn document(argument: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    match argument.strip_prefix('@') {
        Some(path) => {
            let read = File::open(path).and_then(|file| file.take(MOST_FOR_A_DOCUMENT).read_to_end(&mut bytes));
            read.map_err(|error| unreadable_file(path, error))?;
        }
        None if argument == "-" => {
            io::stdin().lock().take(MOST_FOR_A_DOCUMENT).read_to_end(&mut bytes).map_err(unreadable_input)?;
        }
        None => return Ok(argument.to_owned()),
    }
    String::from_utf8(bytes).map_err(|error| Error::new(Reason::NotUtf8, "the document is not UTF-8").because(error).into())
}

pub(crate) fn unreadable_file(path: &str, error: io::Error) -> Failure {
    Failure::Stream(format!("{path} could not be read"), error)
}

pub(crate) fn unreadable_input(error: io::Error) -> Failure {
    Failure::Stream("standard input could not be read".to_owned(), error)
}
