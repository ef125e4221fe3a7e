//! Tokens: `{brand}_{env}_{public8}{secret24}{crc6}`, made, checked and hashed here and nowhere else.
//!
//! - The body is 32 characters of `0-9A-Za-z`, each drawn uniformly from the operating system's randomness. The first 8 are
//!   public (the hint); 24 stay secret (142 bits).
//! - The tail is the CRC-32/ISO-HDLC of everything before it, base 62, six digits: a mistyped or cut token is recognised
//!   without asking a store.
//! - A token has at most 55 bytes, so that SHA-256 takes one block. Only that digest is ever stored.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256, block_api::compress256};
use smol_str::{SmolStr, format_smolstr};
use zeroize::Zeroizing;

use crate::error::{Error, Reason, Result};

/// The most bytes of any token, those made elsewhere included. Longer ones are refused unread.
pub const MAX_TOKEN: usize = 512;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PUBLIC: usize = 8;
const BODY: usize = 32;
const CHECKSUM: usize = 6;

/// The SHA-256 of a whole token: what is stored, and found by. Written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of this token.
    #[must_use]
    #[inline]
    pub fn of(token: &str) -> Self {
        one_block(token.as_bytes()).unwrap_or_else(|| Self(Sha256::digest(token).into()))
    }

    /// The 32 bytes.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Calls `read` with the 64 hex digits.
    #[inline]
    pub(crate) fn with_hex<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(&self.0) {
            let digits = [byte >> 4, byte & 15].map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or_default());
            pair.copy_from_slice(&digits);
        }
        read(std::str::from_utf8(&text).unwrap_or_default())
    }

    /// Compares in constant time: how long it takes does not tell how many digits agree.
    #[must_use]
    #[inline]
    pub fn matches(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(&other.0).fold(0, |difference, (a, b)| difference | (a ^ b));
        std::hint::black_box(difference) == 0
    }

    /// The hint of a token made elsewhere: the first 8 hex digits.
    #[must_use]
    pub fn hint(&self) -> SmolStr {
        let [a, b, c, d, ..] = self.0;
        format_smolstr!("{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

/// The hash of what fits into one block, as every token of ours does: padded by hand and compressed once (FIPS 180-4,
/// sections 5.1.1, 5.3.3 and 6.2). The buffering that serves messages of any length costs a third of the whole.
#[inline]
fn one_block(message: &[u8]) -> Option<KeyHash> {
    let mut state = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
    let mut block = [0; 64];
    let (room, length) = block.split_last_chunk_mut::<8>()?;
    let place = room.get_mut(..message.len())?;
    match (place.first_chunk_mut::<32>(), message.first_chunk::<32>(), message.last_chunk::<32>()) {
        // Two copies of a known length, which overlap: quicker than one of any length.
        (Some(head), Some(first), Some(last)) => {
            *head = *first;
            *place.last_chunk_mut::<32>()? = *last;
        }
        _ => place.copy_from_slice(message),
    }
    *room.get_mut(message.len())? = 0x80;
    *length = u64::try_from(message.len()).ok()?.wrapping_mul(8).to_be_bytes();
    compress256(&mut state, std::slice::from_ref(&block));
    let mut hash = [0; 32];
    hash.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    Some(KeyHash(hash))
}

impl From<[u8; 32]> for KeyHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_hex(|text| f.pad(text))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyHash {
    type Err = Error;

    /// Reads 64 hex digits, of either case.
    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        let read = text.len() == 64
            && text.is_ascii()
            && bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)).all(|(byte, pair)| {
                let digit = |at: usize| pair.get(at).and_then(|digit| char::from(*digit).to_digit(16));
                let value = digit(0).zip(digit(1)).and_then(|(high, low)| u8::try_from((high << 4) | low).ok());
                value.map(|value| *byte = value).is_some()
            });
        if read {
            return Ok(Self(bytes));
        }
        Err(Error::new(Reason::InvalidFormat, "must be a SHA-256 in 64 hex digits").field("key_hash"))
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A token that was just made. It is shown once, by [`reveal`](Self::reveal); everything else prints its hint. Wiped from
/// memory when dropped.
pub struct Token {
    text: Zeroizing<String>,
    hint: SmolStr,
}

impl Token {
    /// The secret itself, to be handed to its owner and to nobody else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What may be shown and logged: brand, environment and the 8 public characters.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// The hash by which its key is found.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}…)", self.hint)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.hint)
    }
}

impl Serialize for Token {
    /// Writes the hint: a struct that is logged or cached as JSON must not carry the secret.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the look of a presented token says, before any store is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Of the configured brand and environment, with the right length, alphabet and checksum.
    Own,
    /// Of another brand: made elsewhere, found by its hash or not at all.
    Foreign,
    /// Of the configured brand, and damaged: certainly no key's token.
    Damaged,
}

/// The form of this host's tokens: brand and environment.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenFormat {
    /// `{brand}_{env}_`
    prefix: String,
    brand: usize,
    /// The checksum as far as the prefix.
    prefix_crc: u32,
}

impl Default for TokenFormat {
    /// `dw_live_…`
    fn default() -> Self {
        Self::of("dw", "live")
    }
}

impl TokenFormat {
    /// Tokens of this brand (`[a-z][a-z0-9]{1,9}`) and environment (`[a-z][a-z0-9]{0,4}`).
    ///
    /// # Errors
    /// `Validation` / `invalid_format`, naming `brand` or `env`.
    pub fn new(brand: &str, env: &str) -> Result<Self> {
        let word = |text: &str| {
            text.starts_with(|first: char| first.is_ascii_lowercase())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if !word(brand) || !(2..=10).contains(&brand.len()) {
            let message = "must be 2 to 10 lower-case letters and digits, a letter first";
            return Err(Error::new(Reason::InvalidFormat, message).field("brand"));
        }
        if !word(env) || env.len() > 5 {
            let message = "must be 1 to 5 lower-case letters and digits, a letter first";
            return Err(Error::new(Reason::InvalidFormat, message).field("env"));
        }
        Ok(Self::of(brand, env))
    }

    fn of(brand: &str, env: &str) -> Self {
        let prefix = format!("{brand}_{env}_");
        Self { prefix_crc: crc32fast::hash(prefix.as_bytes()), brand: brand.len().saturating_add(1), prefix }
    }

    /// Makes a token.
    ///
    /// # Errors
    /// `Internal` / `no_randomness`.
    pub fn generate(&self) -> Result<Token> {
        let mut text = Zeroizing::new(String::with_capacity(self.prefix.len().saturating_add(BODY).saturating_add(CHECKSUM)));
        text.push_str(&self.prefix);
        let whole = text.len().saturating_add(BODY);
        while text.len() < whole {
            let mut random = Zeroizing::new([0; BODY]);
            getrandom::fill(&mut *random)
                .map_err(|error| Error::new(Reason::NoRandomness, "the operating system gave no randomness").because(error))?;
            // 248 is the greatest multiple of 62 in a byte: bytes above it are drawn again, else some digits would come oftener.
            let drawn = random.iter().filter(|byte| **byte < 248).filter_map(|byte| DIGITS.get(usize::from(byte % 62)));
            let missing = whole.saturating_sub(text.len());
            text.extend(drawn.take(missing).map(|digit| char::from(*digit)));
        }
        let checksum = encode_checksum(crc32fast::hash(text.as_bytes()));
        text.extend(checksum.map(char::from));
        let hint = self.hint(&text).unwrap_or_default();
        Ok(Token { text, hint })
    }

    /// What the look of a token says.
    #[must_use]
    #[inline]
    pub fn shape(&self, token: &str) -> Shape {
        let token = token.as_bytes();
        let prefix = self.prefix.as_bytes();
        let Some(rest) = token.strip_prefix(prefix) else {
            let brand = prefix.get(..self.brand).unwrap_or(prefix);
            return if token.starts_with(brand) { Shape::Damaged } else { Shape::Foreign };
        };
        let Some((body, tail)) = rest.split_first_chunk::<BODY>() else { return Shape::Damaged };
        let Ok(tail) = <&[u8; CHECKSUM]>::try_from(tail) else { return Shape::Damaged };
        // All 32 are looked at, without a branch for each.
        let alphabet = body
            .iter()
            .fold(true, |good, byte| good & ((byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 26)));
        if alphabet && decode_checksum(tail) == Some(self.checksum(body)) { Shape::Own } else { Shape::Damaged }
    }

    #[inline]
    fn checksum(&self, body: &[u8; BODY]) -> u32 {
        let mut crc = crc32fast::Hasher::new_with_initial(self.prefix_crc);
        crc.update(body);
        crc.finalize()
    }

    /// The hint of any token: its public part if it is [`Own`](Shape::Own), else the first 8 hex digits of its hash.
    #[must_use]
    pub fn hint_of(&self, token: &str) -> SmolStr {
        match self.shape(token) {
            Shape::Own => self.hint(token).unwrap_or_default(),
            Shape::Foreign | Shape::Damaged => KeyHash::of(token).hint(),
        }
    }

    /// The public part of one of this host's tokens.
    fn hint(&self, token: &str) -> Option<SmolStr> {
        token.get(..self.prefix.len().saturating_add(PUBLIC)).map(SmolStr::new)
    }
}

impl fmt::Debug for TokenFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenFormat({}…)", self.prefix)
    }
}

/// Whether a text is a whole token, of this host's brand or another one's, by its form and checksum.
pub(crate) fn is_token(text: &str) -> bool {
    let Some((prefix, rest)) = text.rsplit_once('_') else { return false };
    rest.len() == BODY.saturating_add(CHECKSUM)
        && prefix
            .split_once('_')
            .and_then(|(brand, env)| TokenFormat::new(brand, env).ok())
            .is_some_and(|format| format.shape(text) == Shape::Own)
}

fn encode_checksum(mut crc: u32) -> [u8; CHECKSUM] {
    let mut digits = [b'0'; CHECKSUM];
    for place in digits.iter_mut().rev() {
        let digit = usize::try_from(crc % 62).unwrap_or_default();
        *place = DIGITS.get(digit).copied().unwrap_or_default();
        crc /= 62;
    }
    digits
}

/// The number that six base-62 digits name; `None` if one is no digit or the number is no CRC.
#[inline]
fn decode_checksum(digits: &[u8; CHECKSUM]) -> Option<u32> {
    const VALUES: [u8; 256] = {
        let mut values = [u8::MAX; 256];
        let mut value = 0;
        while value < 62 {
            #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, within bounds")]
            {
                values[DIGITS[value] as usize] = value as u8;
                value += 1;
            }
        }
        values
    };
    let mut number = 0_u64;
    let mut good = true;
    for digit in digits {
        let value = VALUES.get(usize::from(*digit)).copied().unwrap_or(u8::MAX);
        good &= value < 62;
        number = number.wrapping_mul(62).wrapping_add(u64::from(value));
    }
    u32::try_from(number).ok().filter(|_| good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_has_the_published_form() {
        for (brand, env) in [("dw", "live"), ("dw", "t"), ("abcdefghij", "live2")] {
            let format = TokenFormat::new(brand, env).unwrap();
            let token = format.generate().unwrap();
            let text = token.reveal();
            assert_eq!(text.len(), brand.len() + env.len() + 2 + 38);
            assert!(text.len() <= 55 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
            assert_eq!(format.shape(text), Shape::Own);
            assert_eq!(token.hint(), &text[..brand.len() + env.len() + 10]);
            assert_eq!(format.hint_of(text), token.hint());
        }
    }

    #[test]
    fn the_body_draws_every_digit_about_equally_often() {
        let format = TokenFormat::default();
        let mut counts = [0_u32; 256];
        for _ in 0..4000 {
            for byte in format.generate().unwrap().reveal()[8..40].bytes() {
                counts[usize::from(byte)] += 1;
            }
        }
        // 128,000 draws, 2064 expected of each, standard deviation 45: ten of those never happen by chance.
        for digit in DIGITS {
            assert!((1600..2550).contains(&counts[usize::from(*digit)]), "{}: {}", *digit as char, counts[usize::from(*digit)]);
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let format = TokenFormat::default();
        let token = format.generate().unwrap();
        for at in 3..token.reveal().len() {
            let mut bytes = token.reveal().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(format.shape(std::str::from_utf8(&bytes).unwrap()), Shape::Damaged, "at {at}");
        }
        for end in 3..token.reveal().len() {
            assert_eq!(format.shape(&token.reveal()[..end]), Shape::Damaged);
        }
    }

    #[test]
    fn tokens_of_another_environment_are_refused_and_of_another_brand_left_to_the_store() {
        let test = TokenFormat::new("dw", "test").unwrap().generate().unwrap();
        let other = TokenFormat::new("acme", "live").unwrap().generate().unwrap();
        assert_eq!(TokenFormat::default().shape(test.reveal()), Shape::Damaged);
        assert_eq!(TokenFormat::default().shape(other.reveal()), Shape::Foreign);
    }

    #[test]
    fn nothing_but_reveal_prints_the_secret() {
        let token = TokenFormat::default().generate().unwrap();
        for printed in [format!("{token}"), format!("{token:?}"), serde_json::to_string(&token).unwrap()] {
            assert!(!printed.contains(&token.reveal()[16..]) && printed.contains(token.hint()), "{printed}");
        }
    }

    #[test]
    fn brands_and_environments_that_break_the_form_are_refused() {
        for (brand, env, field) in [
            ("d", "live", "brand"),
            ("Dw", "live", "brand"),
            ("1w", "live", "brand"),
            ("abcdefghijk", "live", "brand"),
            ("dw", "", "env"),
            ("dw", "live22", "env"),
        ] {
            assert_eq!(TokenFormat::new(brand, env).unwrap_err().blamed_field(), Some(field));
        }
    }

    #[test]
    fn a_hash_is_sha_256_whatever_the_length() {
        for length in 0..200 {
            let token = "aZ9_".repeat(50)[..length].to_owned();
            assert_eq!(KeyHash::of(&token).as_bytes()[..], Sha256::digest(&token)[..], "{length}");
        }
    }

    #[test]
    fn hashes_are_read_in_either_case_and_written_in_lower() {
        let hash = KeyHash::of("x");
        assert_eq!(hash.to_string().to_uppercase().parse::<KeyHash>().unwrap(), hash);
        assert!(hash.matches(&KeyHash::of("x")) && !hash.matches(&KeyHash::of("y")));
        for bad in ["", "ab", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(bad.parse::<KeyHash>().unwrap_err().reason(), Reason::InvalidFormat);
        }
    }
}
