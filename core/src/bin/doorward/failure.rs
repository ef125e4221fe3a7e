//! What comes of a command: an exit code, and for a failure a message on standard error.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use doorward::{Error, ErrorKind};
use serde_json::json;

use crate::output::{Output, plain};

/// The command line was wrong (`EX_USAGE`). Beyond the numbers of the error kinds, so that the two are not confused.
pub(crate) const USAGE: u8 = 64;
/// A file or stream could not be read or written (`EX_IOERR`).
const INPUT_OUTPUT: u8 = 74;

/// How a command ended that did what it was asked.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// Done; or the answer is yes.
    Done,
    /// The answer is no, and was printed. The exit code is the number of this kind.
    No(ErrorKind),
}

impl Answer {
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::No(kind) => kind_code(kind),
        }
    }
}

/// Why a command could not do what it was asked.
pub(crate) enum Failure {
    /// doorward said no.
    Door(Error),
    /// The command line was wrong in a way that the parser of arguments does not see.
    Usage(&'static str),
    /// A file or stream could not be read or written; the text says which.
    Stream(String, io::Error),
    /// Nobody reads standard output any more: no failure of ours, and nobody to tell.
    NobodyReads,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Door(error) => kind_code(error.kind()),
            Self::Usage(_) => ExitCode::from(USAGE),
            Self::Stream(..) => ExitCode::from(INPUT_OUTPUT),
            Self::NobodyReads => ExitCode::SUCCESS,
        }
    }

    /// Tells it on standard error.
    pub(crate) fn report(&self, output: &Output) {
        let text = match self {
            Self::NobodyReads => return,
            Self::Door(error) if output.is_json() => json!({"error": {
                "kind": error.kind().as_str(),
                "reason": error.reason().as_str(),
                "field": error.blamed_field(),
                "message": error.message(),
            }})
            .to_string(),
            Self::Stream(..) if output.is_json() => {
                json!({"error": {"kind": "InputOutput", "reason": "input_output", "field": null, "message": self.message()}})
                    .to_string()
            }
            // Lines may be several; nothing else in them may play tricks on a terminal.
            _ => format!("error: {}", self.message()).split('\n').map(plain).collect::<Vec<_>>().join("\n"),
        };
        let _ = writeln!(io::stderr(), "{text}");
    }

    fn message(&self) -> String {
        match self {
            Self::Door(error) => {
                let field = error.blamed_field().map_or_else(String::new, |field| format!("{field}: "));
                let source = std::error::Error::source(error).map(ToString::to_string);
                let source = source.filter(|source| !error.message().contains(source.as_str()));
                format!("{field}{}{}", error.message(), source.map_or_else(String::new, |source| format!(" ({source})")))
            }
            Self::Usage(message) => (*message).to_owned(),
            Self::Stream(what, error) => format!("{what}: {error}"),
            Self::NobodyReads => String::new(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Door(error)
    }
}

fn kind_code(kind: ErrorKind) -> ExitCode {
    ExitCode::from(u8::try_from(kind.number()).unwrap_or(u8::MAX))
}
