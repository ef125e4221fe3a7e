//! Status codes, and the error object that says more.

use doorward::{Error, ErrorKind};

use crate::{
    dw_rate_limit_status,
    guard::{free, read},
    rate_limit::millis,
    text::dw_str,
};

/// What came of a call. The numbers are stable and never reused.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dw_status {
    /// It succeeded.
    Ok = 0,
    /// The arguments are wrong; `dw_error_field` names the one.
    Validation = 1,
    /// No credentials, or ones that are not good.
    Unauthenticated = 2,
    /// The caller may not do this.
    Forbidden = 3,
    /// It does not exist.
    NotFound = 4,
    /// A duplicate, or another version than expected.
    Conflict = 5,
    /// Too often; `dw_error_retry_after_ms` says when to try again.
    RateLimited = 6,
    /// The database refused or answered nonsense; trying again will not help.
    Database = 7,
    /// The store cannot be reached in time; trying again may help.
    Unavailable = 8,
    /// The configuration is wrong; `dw_error_field` names the variable.
    Config = 9,
    /// The door was closed.
    Closed = 10,
    /// A bug or a panic; the door stays usable.
    Internal = 11,
}

impl From<ErrorKind> for dw_status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Validation => Self::Validation,
            ErrorKind::Unauthenticated => Self::Unauthenticated,
            ErrorKind::Forbidden => Self::Forbidden,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::RateLimited => Self::RateLimited,
            ErrorKind::Database => Self::Database,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Config => Self::Config,
            ErrorKind::Closed => Self::Closed,
            // A kind that is newer than this library is none that a C program knows.
            _ => Self::Internal,
        }
    }
}

/// Why a call did not succeed. Owned: `dw_error_free`. Holds no token, password or other secret.
pub struct dw_error {
    error: Error,
    message: String,
    rate_limit: Option<dw_rate_limit_status>,
}

impl From<Error> for dw_error {
    fn from(error: Error) -> Self {
        Self { message: error.to_string(), rate_limit: error.rate_limit().map(dw_rate_limit_status::new), error }
    }
}

/// Gives the argument to blame its name in C, where the core has another word for it.
pub(crate) fn named(error: Error, core: &str, c: &'static str) -> Error {
    if error.blamed_field() == Some(core) { error.field(c) } else { error }
}

/// The kind of the error: the status that came with it. `DW_STATUS_OK` if `error` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_status(error: Option<&dw_error>) -> dw_status {
    read(error, dw_status::Ok, |error| error.error.kind().into())
}

/// The name of the kind (`NotFound`), the same in all languages. Static.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_kind(error: Option<&dw_error>) -> dw_str {
    read(error, dw_str::ABSENT, |error| dw_str::of(error.error.kind().as_str()))
}

/// The stable word for the cause (`key_not_found`). Static.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_reason(error: Option<&dw_error>) -> dw_str {
    read(error, dw_str::ABSENT, |error| dw_str::of(error.error.reason().as_str()))
}

/// The message, for people; it may change. Borrowed until `dw_error_free`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_message(error: Option<&dw_error>) -> dw_str {
    read(error, dw_str::ABSENT, |error| dw_str::of(&error.message))
}

/// The argument, member or variable that is to blame: `label`, `keys[3].label`, `request.peer`, in JSON
/// `config.position.minAmount`; absent if none is. Borrowed until `dw_error_free`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_field(error: Option<&dw_error>) -> dw_str {
    read(error, dw_str::ABSENT, |error| dw_str::of_optional(error.error.blamed_field()))
}

/// The status that an HTTP gateway answers with; 200 if `error` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_http_status(error: Option<&dw_error>) -> u16 {
    read(error, 200, |error| error.error.kind().http_status())
}

/// Whether the same call may succeed later without any change by the caller.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_is_retryable(error: Option<&dw_error>) -> bool {
    read(error, false, |error| error.error.is_retryable())
}

/// How many milliseconds to wait before trying again, rounded up; 0 if that is not known.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_retry_after_ms(error: Option<&dw_error>) -> u64 {
    read(error, 0, |error| error.error.retry_after().map_or(0, millis))
}

/// What the caller has left of the rate limit that it met; NULL if the error is of something else. Borrowed until
/// `dw_error_free`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_rate_limit(error: Option<&dw_error>) -> Option<&dw_rate_limit_status> {
    error.and_then(|error| error.rate_limit.as_ref())
}

/// Frees the error. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn dw_error_free(error: Option<Box<dw_error>>) {
    free(error);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_statuses_are_those_of_the_kinds() {
        for kind in ErrorKind::ALL {
            assert_eq!(dw_status::from(*kind) as i32, kind.number(), "{kind}");
        }
    }
}
