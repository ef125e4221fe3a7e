//! The one error type, and the one table of what can go wrong.
//!
//! A [`Reason`] is the stable word for a cause; each belongs to exactly one [`ErrorKind`], whose number is the C status
//! code and whose HTTP status is what a gateway answers. Programs look at these two; messages are for people and may
//! change. The table at the end of this file is the source for every language: add a reason there and nowhere else.

use std::{borrow::Cow, fmt, time::Duration};

use crate::model::rate_limit::RateLimitStatus;

/// `Result` with doorward's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation did not succeed: a kind and a reason for programs, a message for people.
///
/// It never carries a token, a password or another secret.
pub struct Error(Box<Inner>);

struct Inner {
    reason: Reason,
    message: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    operation: Option<&'static str>,
    retry_after: Option<Duration>,
    rate_limit: Option<RateLimitStatus>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with this reason (which implies its kind) and a message for people.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        let (field, operation, retry_after, rate_limit, source) = (None, None, None, None, None);
        Self(Box::new(Inner { reason, message, field, operation, retry_after, rate_limit, source }))
    }

    /// Names the argument, JSON member or configuration variable that is to blame. Control characters, which could break a
    /// line of a log, are replaced, and what is longer than any name of ours is cut.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.field = Some(printable(name.into()));
        self
    }

    /// Puts the name of what contains the blamed field before it: `label` in `keys[3]` becomes `keys[3].label`, and `[1]` in
    /// `regions` becomes `regions[1]`.
    #[must_use]
    pub fn inside(mut self, container: &str) -> Self {
        self.0.field = Some(match self.0.field.take() {
            Some(item) if item.starts_with('[') => format!("{container}{item}").into(),
            Some(field) => format!("{container}.{field}").into(),
            None => container.to_owned().into(),
        });
        self
    }

    /// Attaches the lower-level error that caused this one.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says how long the caller had better wait before it tries again.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Says which limit was met, and what is left of it.
    #[must_use]
    pub(crate) fn limited_by(mut self, status: RateLimitStatus) -> Self {
        self.0.rate_limit = Some(status);
        self
    }

    /// The same error once more, its source as a text: one failure may be the answer to several callers.
    pub(crate) fn again(&self) -> Self {
        let mut again = Self::new(self.reason(), self.0.message.clone());
        again.0.field.clone_from(&self.0.field);
        again.0.source = self.0.source.as_ref().map(|source| source.to_string().into());
        again
    }

    /// Notes the operation in which it happened, unless an inner one is noted already.
    #[must_use]
    pub(crate) fn during(mut self, operation: &'static str) -> Self {
        self.note_operation(operation);
        self
    }

    pub(crate) fn note_operation(&mut self, operation: &'static str) {
        self.0.operation.get_or_insert(operation);
    }

    /// The kind: what a caller is to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.reason.kind()
    }

    /// The stable word for the cause.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// The message for people, without field and operation.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The argument, JSON member or variable that is to blame, if one is.
    #[must_use]
    pub fn blamed_field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The operation in which it happened, by its name in all languages (`create_key`).
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// Whether the same call may succeed later without any change by the caller.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::RateLimited)
    }

    /// How long to wait before trying again, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The limit of the caller's key that was met, and what is left of it; only of an authentication that failed for it.
    #[must_use]
    pub fn rate_limit(&self) -> Option<RateLimitStatus> {
        self.0.rate_limit
    }
}

/// The name of a field as it may be shown: members of a document are named by whoever sent it.
fn printable(name: Cow<'static, str>) -> Cow<'static, str> {
    const MOST: usize = 128;
    let end = name.char_indices().nth(MOST).map(|(end, _)| end);
    if end.is_none() && !name.chars().any(char::is_control) {
        return name;
    }
    let shown = name.chars().take(MOST).map(|character| if character.is_control() { '\u{fffd}' } else { character });
    shown.chain(end.map(|_| '…')).collect::<String>().into()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}: ")?;
        }
        if let Some(field) = &self.0.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shape = f.debug_struct("Error");
        shape.field("kind", &self.kind()).field("reason", &self.reason().as_str()).field("message", &self.to_string());
        if let Some(source) = &self.0.source {
            shape.field("source", source);
        }
        shape.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Declares kinds and reasons together, so that a reason without a kind, or two words for one reason, cannot be written.
macro_rules! kinds_and_reasons {
    ($(
        $(#[$kind_doc:meta])*
        $kind:ident = $number:literal, http $status:literal {
            $( $(#[$reason_doc:meta])* $reason:ident = $word:literal, )*
        }
    )*) => {
        /// What a caller is to do about an error. The numbers are the C status codes (0 is success) and are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i32)]
        #[non_exhaustive]
        pub enum ErrorKind { $( $(#[$kind_doc])* $kind = $number, )* }

        impl ErrorKind {
            /// Every kind, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The C status code.
            #[must_use]
            pub const fn number(self) -> i32 { self as i32 }

            /// The status that an HTTP gateway answers with.
            #[must_use]
            pub const fn http_status(self) -> u16 { match self { $(Self::$kind => $status,)* } }

            /// The name, the same in all languages (`NotFound`).
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$kind => stringify!($kind),)* } }
        }

        /// The stable word for a cause. Each belongs to one [`ErrorKind`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason { $($( $(#[$reason_doc])* $reason, )*)* }

        impl Reason {
            /// Every reason, in the order of the kinds.
            pub const ALL: &[Self] = &[$($(Self::$reason,)*)*];

            /// The kind to which it belongs.
            #[must_use]
            pub const fn kind(self) -> ErrorKind { match self { $($(Self::$reason => ErrorKind::$kind,)*)* } }

            /// The word, the same in all languages (`too_long`).
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $($(Self::$reason => $word,)*)* } }
        }
    };
}

kinds_and_reasons! {
    /// The arguments are wrong; the error names the field.
    Validation = 1, http 400 {
        /// A text, list or object that must not be empty is.
        Empty = "empty",
        /// A text or list is longer than allowed.
        TooLong = "too_long",
        /// A text contains a control character.
        ControlCharacter = "control_character",
        /// A text is not of the required form.
        InvalidFormat = "invalid_format",
        /// Bytes are not UTF-8.
        NotUtf8 = "not_utf8",
        /// A number is outside its range.
        OutOfRange = "out_of_range",
        /// The role is not one that a key can have.
        UnknownRole = "unknown_role",
        /// The region is neither built in nor configured.
        UnknownRegion = "unknown_region",
        /// The currency is neither an ISO 4217 code nor configured.
        UnknownCurrency = "unknown_currency",
        /// The config names another region than the policy's.
        RegionMismatch = "region_mismatch",
        /// `minAmount` is greater than `maxAmount`.
        MinAboveMax = "min_above_max",
        /// An amount is below zero.
        NegativeAmount = "negative_amount",
        /// An amount has more than 8 decimal places or 28 significant digits.
        TooPrecise = "too_precise",
        /// An amount is not a decimal number (a float, `NaN`, an infinity, other text).
        NotADecimal = "not_a_decimal",
        /// A value occurs twice where each may occur once.
        Duplicate = "duplicate",
        /// The text is not JSON, or not JSON of the required type.
        InvalidJson = "invalid_json",
        /// A JSON object has the same key twice.
        DuplicateKey = "duplicate_key",
        /// A JSON text contains `\u0000`.
        NulCharacter = "nul_character",
        /// A JSON document is nested deeper than 32 levels.
        TooDeep = "too_deep",
        /// A document is larger than 64 KiB.
        TooLarge = "too_large",
        /// A number is one that a double cannot carry.
        UnsafeNumber = "unsafe_number",
        /// The cursor was not made by this list.
        InvalidCursor = "invalid_cursor",
        /// A time lies in the past where only the future makes sense.
        InThePast = "in_the_past",
        /// A required argument is missing.
        Required = "required",
    }
    /// The caller is not known: no credentials, or ones that are not good.
    Unauthenticated = 2, http 401 {
        /// The request carries no token.
        Missing = "missing",
        /// The token, or the headers that carry it, are not of the required form.
        Malformed = "malformed",
        /// No key has this token.
        Unknown = "unknown",
        /// The key was revoked.
        Revoked = "revoked",
        /// The key is disabled.
        Disabled = "disabled",
        /// The key has expired.
        Expired = "expired",
        /// The key, or the root token, may not be used from the client's address, or that address is not known.
        AddressNotAllowed = "address_not_allowed",
    }
    /// The caller is known and may not do this.
    Forbidden = 3, http 403 {
        /// The thing belongs to another institution.
        OtherInstitution = "other_institution",
        /// The caller's role does not allow it.
        RoleNotAllowed = "role_not_allowed",
        /// The caller's key ceased to be good while its session was under way.
        ActorNotActive = "actor_not_active",
    }
    /// The thing does not exist.
    NotFound = 4, http 404 {
        /// There is no such institution.
        InstitutionNotFound = "institution_not_found",
        /// There is no such key in this institution.
        KeyNotFound = "key_not_found",
        /// The institution has no policy in this region.
        PolicyNotFound = "policy_not_found",
    }
    /// The change contradicts what is stored.
    Conflict = 5, http 409 {
        /// An institution with this id exists.
        InstitutionExists = "institution_exists",
        /// A key with this hash exists.
        KeyExists = "key_exists",
        /// The stored version is not the expected one.
        VersionMismatch = "version_mismatch",
        /// The key was revoked and cannot be changed any more.
        KeyRevoked = "key_revoked",
        /// The key has expired and cannot be changed any more.
        KeyExpired = "key_expired",
        /// The key is disabled.
        KeyDisabled = "key_disabled",
        /// The key was rotated; its successor is the one to change.
        KeyRotated = "key_rotated",
    }
    /// The caller asks too often; the error says when to try again.
    RateLimited = 6, http 429 {
        /// The limit of requests is used up.
        TooManyRequests = "rate_limited",
    }
    /// The database refused or answered nonsense; trying again will not help.
    Database = 7, http 500 {
        /// The database failed on a statement.
        DatabaseError = "database_error",
        /// A stored record cannot be read.
        DamagedRecord = "damaged_record",
        /// The file is not a database.
        NotADatabase = "not_a_database",
        /// The database may only be read.
        ReadOnlyDatabase = "read_only_database",
        /// There is no room left for the database.
        DiskFull = "disk_full",
        /// The database's role lacks a right.
        PermissionDenied = "permission_denied",
        /// The schema is newer than this version of doorward knows.
        NewerSchema = "newer_schema",
    }
    /// The store cannot be reached in time; trying again may help.
    Unavailable = 8, http 503 {
        /// The store did not answer in time, or cannot be reached.
        StoreUnavailable = "unavailable",
        /// Another writer held the database for too long.
        Busy = "busy",
        /// The connection was lost while a change was committed, and whether it was made could not be found out.
        OutcomeUnknown = "outcome_unknown",
    }
    /// The configuration is wrong; the error names the variable and what it expects.
    Config = 9, http 500 {
        /// A variable is set to something that it does not accept.
        InvalidVariable = "invalid_variable",
        /// A variable is required and not set.
        MissingVariable = "missing_variable",
        /// The configuration asks for what this build does not have.
        Unsupported = "unsupported",
        /// The database cannot be opened where the configuration says.
        CannotOpen = "cannot_open",
        /// The database's schema has tables of another application, which have not been taken over.
        NotAdopted = "not_adopted",
        /// The tables of another application are such that they cannot be taken over.
        CannotAdopt = "cannot_adopt",
        /// What is logged goes elsewhere already: another part of the program has set `tracing`'s global subscriber.
        LogTaken = "log_taken",
    }
    /// The handle was closed.
    Closed = 10, http 500 {
        /// The handle was closed.
        HandleClosed = "closed",
    }
    /// A bug, or a panic; the handle stays usable or says that it is not.
    Internal = 11, http 500 {
        /// An operation was dropped before it was answered.
        Abandoned = "abandoned",
        /// A blocking call was made on one of doorward's own threads.
        WouldDeadlock = "would_deadlock",
        /// A panic was caught.
        Panicked = "panicked",
        /// The operating system gave no randomness.
        NoRandomness = "no_randomness",
        /// Something that cannot happen did.
        Bug = "bug",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_and_statuses_are_the_published_ones() {
        let table: Vec<_> = ErrorKind::ALL.iter().map(|k| (k.number(), k.as_str(), k.http_status())).collect();
        assert_eq!(
            table,
            [
                (1, "Validation", 400),
                (2, "Unauthenticated", 401),
                (3, "Forbidden", 403),
                (4, "NotFound", 404),
                (5, "Conflict", 409),
                (6, "RateLimited", 429),
                (7, "Database", 500),
                (8, "Unavailable", 503),
                (9, "Config", 500),
                (10, "Closed", 500),
                (11, "Internal", 500),
            ]
        );
    }

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        let words: HashSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
    }

    #[test]
    fn a_message_names_operation_and_field() {
        let error = Error::new(Reason::Empty, "must not be empty").field("label").inside("keys[3]").during("create_keys");
        assert_eq!(error.to_string(), "create_keys: keys[3].label: must not be empty");
        assert_eq!(error.blamed_field(), Some("keys[3].label"));
        assert!(!error.is_retryable());
        let item = Error::new(Reason::InvalidFormat, "x").field("[1]").inside("allowed_addresses");
        assert_eq!(item.blamed_field(), Some("allowed_addresses[1]"));
    }

    #[test]
    fn a_field_named_by_a_stranger_breaks_no_line_of_a_log_and_fills_none() {
        let field = |name: String| Error::new(Reason::UnsafeNumber, "x").field(name).inside("config").to_string();
        assert_eq!(field("a\n2026-01-02 root logged in".to_owned()), "config.a\u{fffd}2026-01-02 root logged in: x");
        assert_eq!(field("é".repeat(129)), format!("config.{}…: x", "é".repeat(128)));
    }
}
