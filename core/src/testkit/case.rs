//! A case, how it fails, and the few words in which cases say what they expect.

use std::{fmt, panic::Location, sync::Arc};

use super::stage::Stage;
use crate::{
    error::{Error, Reason},
    store::Backend,
};

/// One thing that every store does. Its name is a sentence about what a user of the store sees.
pub struct Case {
    name: &'static str,
    body: fn(&Stage) -> Check,
}

/// How a case ends.
pub(super) type Check = Result<(), Failure>;

impl Case {
    pub(super) const fn new(name: &'static str, body: fn(&Stage) -> Check) -> Self {
        Self { name, body }
    }

    /// The sentence.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Holds a store to this case. The store must be empty, and is not of use afterwards.
    ///
    /// # Errors
    /// What was seen instead, and on which line of the case.
    pub fn run(&self, store: Arc<dyn Backend>) -> Result<(), Failure> {
        (self.body)(&Stage::new(store))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({:?})", self.name)
    }
}

/// What a case saw instead of what it expected.
#[derive(Debug)]
pub struct Failure {
    message: String,
    place: &'static Location<'static>,
}

impl Failure {
    #[track_caller]
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: Location::caller() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.message, self.place.file(), self.place.line())
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    /// An error that no case expected.
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::new(format!("failed with {}: {error}", error.reason()))
    }
}

/// Expects that this holds.
#[track_caller]
pub(super) fn ensure(holds: bool, what: &str) -> Check {
    if holds { Ok(()) } else { Err(Failure::new(format!("does not hold: {what}"))) }
}

/// Expects these to be equal.
#[track_caller]
pub(super) fn equal<T: PartialEq + fmt::Debug>(seen: T, expected: T, what: &str) -> Check {
    if seen == expected { Ok(()) } else { Err(Failure::new(format!("{what}: expected {expected:?}, saw {seen:?}"))) }
}

/// Expects this to be there.
#[track_caller]
pub(super) fn some<T>(value: Option<T>, what: &str) -> Result<T, Failure> {
    match value {
        Some(value) => Ok(value),
        None => Err(Failure::new(format!("is not there: {what}"))),
    }
}

/// Expects a refusal for this reason, and gives the error.
#[track_caller]
pub(super) fn refused<T>(answer: Result<T, Error>, reason: Reason) -> Result<Error, Failure> {
    match answer {
        Err(error) if error.reason() == reason => Ok(error),
        Err(error) => Err(Failure::new(format!("expected {reason}, failed with {}: {error}", error.reason()))),
        Ok(_) => Err(Failure::new(format!("expected {reason}, succeeded"))),
    }
}
