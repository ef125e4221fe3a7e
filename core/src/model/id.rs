//! Identifiers: `inst_…`, `ak_…`, `pol_…`, `evt_…`, each a prefix and a UUIDv7; or a text that the host chose.
//!
//! An id that doorward made is held as the sixteen bytes of its UUID, so that it is copied without allocating; others are
//! held as text (up to 23 bytes inline).

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering as Atomic},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use uuid::Uuid;

use crate::{
    error::{Error, Reason, Result},
    token::is_token,
};

const UUID_TEXT: usize = 36;

#[derive(PartialEq, Eq)]
enum Repr {
    Uuid(Words),
    Text(SmolStr),
}

impl Clone for Repr {
    /// A UUID, the usual case, is copied as two words; what a text takes is kept apart from that.
    #[inline]
    fn clone(&self) -> Self {
        #[cold]
        #[inline(never)]
        fn text_of(text: &SmolStr) -> Repr {
            Repr::Text(text.clone())
        }
        match self {
            Self::Uuid(Words(high, low)) => Self::Uuid(Words(*high, *low)),
            Self::Text(text) => text_of(text),
        }
    }
}

/// A UUID as two words, in its own byte order: ids are copied on the way of every lookup, and bytes that lie across words
/// are slow to copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Words(u64, u64);

impl Words {
    fn uuid(self) -> Uuid {
        Uuid::from_u64_pair(self.0, self.1)
    }

    /// The hyphenated text. By hand, since ids are written on the way of lookups: a third of what the crate `uuid` takes.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that it is written where it is wanted")]
    fn text(self) -> [u8; UUID_TEXT] {
        #[expect(clippy::cast_possible_truncation, reason = "each half is meant")]
        let halves = |word: u64| (digits((word >> 32) as u32), digits(word as u32));
        let ((first, second), (third, fourth)) = (halves(self.0), halves(self.1));
        let mut text = [b'-'; UUID_TEXT];
        text[..8].copy_from_slice(&first);
        text[9..13].copy_from_slice(&second[..4]);
        text[14..18].copy_from_slice(&second[4..]);
        text[19..23].copy_from_slice(&third[..4]);
        text[24..28].copy_from_slice(&third[4..]);
        text[28..].copy_from_slice(&fourth);
        text
    }
}

/// Eight hexadecimal digits, all at once: each in a byte of a word.
#[inline]
fn digits(number: u32) -> [u8; 8] {
    let spread = u64::from(number);
    let spread = (spread << 16 | spread) & 0x0000_ffff_0000_ffff;
    let spread = (spread << 8 | spread) & 0x00ff_00ff_00ff_00ff;
    let spread = (spread << 4 | spread) & 0x0f0f_0f0f_0f0f_0f0f;
    // One in each byte whose digit is a letter.
    let letters = (spread.wrapping_add(0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    let digits = spread.wrapping_add(0x3030_3030_3030_3030);
    digits.wrapping_add(letters.wrapping_mul(u64::from(b'a' - b'9' - 1))).to_be_bytes()
}

impl From<Uuid> for Words {
    fn from(uuid: Uuid) -> Self {
        let (high, low) = uuid.as_u64_pair();
        Self(high, low)
    }
}

/// Fits every prefix of this file and a hyphenated UUID.
type Buffer = [u8; 48];

impl Repr {
    /// Packs the text when that loses nothing: the prefix, then a UUID exactly as it would be written again.
    fn new(prefix: &str, text: &str) -> Self {
        text.strip_prefix(prefix)
            .filter(|rest| rest.len() == UUID_TEXT)
            .and_then(|rest| Some((rest, Uuid::try_parse(rest).ok()?)))
            .filter(|(rest, uuid)| uuid.hyphenated().encode_lower(&mut [0; UUID_TEXT]) == *rest)
            .map_or_else(|| Self::Text(SmolStr::new(text)), |(_, uuid)| Self::Uuid(uuid.into()))
    }

    fn as_str<'a>(&'a self, prefix: &str, buffer: &'a mut Buffer) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Uuid(uuid) => {
                let (head, tail) = buffer.split_at_mut(prefix.len());
                head.copy_from_slice(prefix.as_bytes());
                let (tail, _) = tail.split_at_mut(UUID_TEXT);
                tail.copy_from_slice(&uuid.text());
                let length = prefix.len().saturating_add(UUID_TEXT);
                buffer.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
            }
        }
    }
}

macro_rules! ids {
    ($( $(#[$doc:meta])* $name:ident, $prefix:literal, $field:literal; )*) => { $(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Repr);

        impl $name {
            /// What ids made by doorward begin with.
            pub const PREFIX: &str = $prefix;

            /// A new id, greater than every one that this process made before.
            ///
            /// # Errors
            /// `Internal` if the operating system gives no randomness.
            pub fn generate() -> Result<Self> {
                Ok(Self(Repr::Uuid(new_uuid()?.into())))
            }

            /// An id that a store holds, taken as it is.
            #[must_use]
            pub fn from_stored(text: &str) -> Self {
                Self(Repr::new($prefix, text))
            }

            /// The bytes of the text of an id that doorward made, which are had more quickly than by
            /// [`with_str`](Self::with_str); `None` for a text of another form.
            #[inline(always)]
            #[must_use]
            pub fn made_text(&self) -> Option<[u8; $prefix.len() + UUID_TEXT]> {
                let Repr::Uuid(words) = &self.0 else { return None };
                let mut text = [0; $prefix.len() + UUID_TEXT];
                let (head, tail) = text.split_at_mut($prefix.len());
                head.copy_from_slice($prefix.as_bytes());
                tail.copy_from_slice(&words.text());
                Some(text)
            }

            /// Calls `read` with the text.
            pub fn with_str<R>(&self, read: impl FnOnce(&str) -> R) -> R {
                read(self.0.as_str($prefix, &mut [0; 48]))
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                check(text).map_err(|error| error.field($field))?;
                Ok(Self::from_stored(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.with_str(|text| f.pad(text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Hash for $name {
            #[inline]
            fn hash<H: Hasher>(&self, state: &mut H) {
                match &self.0 {
                    Repr::Uuid(Words(high, low)) => {
                        state.write_u64(*high);
                        state.write_u64(*low);
                    }
                    Repr::Text(text) => state.write(text.as_bytes()),
                }
            }
        }

        impl Ord for $name {
            /// The order of the texts, which is the order that the SQL stores list in.
            fn cmp(&self, other: &Self) -> Ordering {
                match (&self.0, &other.0) {
                    (Repr::Uuid(a), Repr::Uuid(b)) => a.cmp(b),
                    _ => self.with_str(|a| other.with_str(|b| a.cmp(b))),
                }
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.with_str(|text| serializer.serialize_str(text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

ids! {
    /// An institution's id: `inst_…`, or 1 to 128 characters of `A-Za-z0-9_.:-` that the host chose.
    InstitutionId, "inst_", "institution_id";
    /// An API key's id: `ak_…`, or what an adopted table holds.
    ApiKeyId, "ak_", "key_id";
    /// A policy's id: `pol_…`, or what an adopted table holds.
    PolicyId, "pol_", "policy_id";
    /// An audit event's id: `evt_…`, or what an adopted table holds.
    EventId, "evt_", "event_id";
}

impl ApiKeyId {
    /// The id with this UUID.
    #[inline]
    pub(crate) fn from_uuid_bytes(bytes: [u8; 16]) -> Self {
        Self(Repr::Uuid(Uuid::from_bytes(bytes).into()))
    }

    /// The UUID, unless the id is a text of another form.
    #[inline]
    pub(crate) fn uuid_bytes(&self) -> Option<[u8; 16]> {
        match &self.0 {
            Repr::Uuid(words) => Some(words.uuid().into_bytes()),
            Repr::Text(_) => None,
        }
    }
}

impl PolicyId {
    /// The id with this UUID, in two words.
    #[inline]
    pub(crate) fn from_uuid_words((high, low): (u64, u64)) -> Self {
        Self(Repr::Uuid(Words(high, low)))
    }

    /// The UUID in two words, unless the id is a text of another form.
    pub(crate) fn uuid_words(&self) -> Option<(u64, u64)> {
        match &self.0 {
            Repr::Uuid(Words(high, low)) => Some((*high, *low)),
            Repr::Text(_) => None,
        }
    }
}

fn check(text: &str) -> Result<()> {
    const MOST: usize = 128;
    if text.is_empty() {
        return Err(Error::new(Reason::Empty, "must not be empty"));
    }
    if text.len() > MOST {
        return Err(Error::new(Reason::TooLong, "must have at most 128 characters"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte)) {
        return Err(Error::new(Reason::InvalidFormat, "may contain only A-Z a-z 0-9 _ . : -"));
    }
    // Ids are shown in errors and written into the audit trail, where no token may ever be.
    if is_token(text) {
        return Err(Error::new(Reason::InvalidFormat, "is a token, where an id is wanted"));
    }
    Ok(())
}

/// A UUIDv7 (RFC 9562, method 3): milliseconds, then a 12-bit fraction of the millisecond, then 62 random bits.
///
/// Milliseconds and fraction never repeat or run backwards within the process, so that records made in the same
/// millisecond list in the order in which they were made. (The `uuid` crate's own counter sits behind a lock, which a
/// forked child could inherit locked.)
fn new_uuid() -> Result<Uuid> {
    static LAST: AtomicU64 = AtomicU64::new(0);

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let fraction = u64::from(now.subsec_nanos() % 1_000_000).saturating_mul(4096) / 1_000_000;
    let now = (u64::try_from(now.as_millis()).unwrap_or(u64::MAX >> 12) << 12) | fraction;
    let last = LAST.fetch_update(Atomic::Relaxed, Atomic::Relaxed, |last| Some(now.max(last.wrapping_add(1))));
    let stamp = last.map_or(now, |last| now.max(last.wrapping_add(1)));

    let mut random = [0; 10];
    getrandom::fill(&mut random)
        .map_err(|error| Error::new(Reason::NoRandomness, "the operating system gave no randomness").because(error))?;
    let [_, _, tail @ ..] = random;
    let fraction = u16::try_from(stamp & 0xfff).unwrap_or_default().to_be_bytes();
    let mut counter_and_random = [0; 10];
    let (head, rest) = counter_and_random.split_at_mut(2);
    head.copy_from_slice(&fraction);
    rest.copy_from_slice(&tail);
    Ok(uuid::Builder::from_unix_timestamp_millis(stamp >> 12, &counter_and_random).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::TokenFormat;

    #[test]
    fn a_token_is_no_id_and_the_error_does_not_repeat_it() {
        for format in [TokenFormat::default(), TokenFormat::new("acme", "t").unwrap()] {
            let token = format.generate().unwrap();
            let error = token.reveal().parse::<ApiKeyId>().unwrap_err();
            assert_eq!((error.reason(), error.blamed_field()), (Reason::InvalidFormat, Some("key_id")));
            assert!(!format!("{error:?}").contains(token.reveal()), "{error:?}");
            // With another checksum it is a text like any other.
            assert!(token.reveal().to_lowercase().parse::<ApiKeyId>().is_ok());
        }
    }

    #[test]
    fn generated_ids_ascend_and_read_back_as_they_were_written() {
        let ids: Vec<_> = (0..1000).map(|_| ApiKeyId::generate().unwrap()).collect();
        assert!(ids.is_sorted());
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        for id in &ids {
            let text = id.to_string();
            assert!(text.starts_with("ak_") && text.len() == 39 && text.as_bytes()[17] == b'7', "{text}");
            let read: ApiKeyId = text.parse().unwrap();
            assert_eq!(&read, id);
            assert_eq!(read.uuid_bytes(), id.uuid_bytes());
            assert_eq!(text, format!("ak_{}", Uuid::from_bytes(id.uuid_bytes().unwrap()).hyphenated()));
            assert_eq!(id.made_text().unwrap(), *text.as_bytes());
            assert_eq!(ApiKeyId::from_uuid_bytes(id.uuid_bytes().unwrap()), *id);
        }
    }

    #[test]
    fn texts_that_a_host_chose_stay_as_they_are() {
        let upper = "inst_0190A6B0-1111-7000-8000-000000000000";
        for text in ["acme", "bank:eu-1.main", upper, "inst_0190a6b0"] {
            let id: InstitutionId = text.parse().unwrap();
            assert_eq!((id.to_string(), id.made_text()), (text.to_owned(), None));
            assert!(matches!(id.0, Repr::Text(_)));
        }
    }

    #[test]
    fn what_is_no_id_is_refused_by_name() {
        for (text, reason) in
            [("", Reason::Empty), ("a b", Reason::InvalidFormat), ("ä", Reason::InvalidFormat), ("a\n", Reason::InvalidFormat)]
        {
            let error = text.parse::<InstitutionId>().unwrap_err();
            assert_eq!((error.reason(), error.blamed_field()), (reason, Some("institution_id")));
        }
        assert_eq!("x".repeat(129).parse::<ApiKeyId>().unwrap_err().reason(), Reason::TooLong);
    }
}
