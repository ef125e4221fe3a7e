//! A key as memory keeps it: small, since there may be millions. What most keys do not have is kept apart.

use serde_json::{Map, Value};
use smol_str::{SmolStr, format_smolstr};

use super::{
    key_table::{Entry, Found},
    rates::Rates,
};
use crate::{
    model::{
        address::AddressList,
        api_key::{ApiKey, Role},
        id::{ApiKeyId, InstitutionId},
        rate_limit::RateLimit,
        time::Timestamp,
    },
    token::KeyHash,
};

/// What lookups see of a key besides its expiry: one byte in its slot.
#[derive(Clone, Copy)]
pub(super) struct Flags(u8);

impl Flags {
    const ADMIN: u8 = 1;
    const REVOKED: u8 = 2;
    const DISABLED: u8 = 4;
    const ADDRESSES: u8 = 8;
    /// The id is a text: the slot holds the number of the record instead of a UUID.
    const TEXT_ID: u8 = 16;
    /// There was no number for the key's own rate limit.
    const LIMIT: u8 = 64;
    /// The key may be one of an import that is under way: the books tell whether it is there yet.
    pub(super) const NEW: u8 = 32;

    #[inline]
    pub(super) fn of(found: &Found<'_>) -> Self {
        Self(found.entry.flags)
    }

    #[inline]
    pub(super) fn role(self) -> Role {
        if self.0 & Self::ADMIN == 0 { Role::ReadOnly } else { Role::Admin }
    }

    #[inline]
    pub(super) fn is_revoked(self) -> bool {
        self.0 & Self::REVOKED != 0
    }

    #[inline]
    pub(super) fn is_disabled(self) -> bool {
        self.0 & Self::DISABLED != 0
    }

    /// Whether the key is neither revoked nor disabled, and its slot says all that authentication needs.
    #[inline]
    pub(super) fn is_plain(self) -> bool {
        self.0 & !Self::ADMIN == 0
    }

    /// Whether the slot does not say all that authentication needs.
    #[inline]
    pub(super) fn needs_record(self) -> bool {
        self.0 & (Self::ADDRESSES | Self::TEXT_ID | Self::LIMIT | Self::NEW) != 0
    }

    /// What the slot of a key holds that is certainly there.
    pub(super) fn settled(entry: Entry) -> Entry {
        Entry { flags: entry.flags & !Self::NEW, ..entry }
    }

    /// Whether only the books tell if the key is there yet.
    #[inline]
    pub(super) fn is_new(self) -> bool {
        self.0 & Self::NEW != 0
    }
}

/// A key's record, but for its institution's id (a number here) and its last use (in its slot).
pub(super) struct KeyRecord {
    pub(super) id: ApiKeyId,
    key_hash: KeyHash,
    pub(super) tenant: u32,
    version: u32,
    pub(super) created_at: Timestamp,
    hint: Hint,
    label: SmolStr,
    role: Role,
    rare: Option<Box<Rare>>,
}

/// What most keys do not have.
#[derive(Default, PartialEq)]
struct Rare {
    revoked_at: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    allowed_addresses: AddressList,
    rate_limit: Option<RateLimit>,
    metadata: Map<String, Value>,
    rotated_from: Option<ApiKeyId>,
    rotated_to: Option<ApiKeyId>,
}

/// The beginnings of hints: each store has few of them (`dw_live_`), each hint one. Added to by one writer at a time.
#[derive(Default)]
pub(super) struct HintPrefixes(boxcar::Vec<SmolStr>);

/// A hint as the number of its beginning and its last 8 characters.
struct Hint {
    prefix: u16,
    length: u8,
    tail: [u8; 8],
}

impl HintPrefixes {
    fn pack(&self, hint: &str) -> Hint {
        let cut = hint.char_indices().rev().take(8).map(|(at, _)| at).last().unwrap_or_default();
        // Characters of more than a byte do not fit: they stay with the beginning.
        let (head, tail) = match hint.split_at_checked(cut) {
            Some((head, tail)) if tail.len() <= 8 => (head, tail),
            _ => (hint, ""),
        };
        let known = self.0.iter().find(|(_, prefix)| *prefix == head).map(|(number, _)| number);
        let prefix = known.unwrap_or_else(|| self.0.push(SmolStr::new(head)));
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(tail.bytes()).for_each(|(into, byte)| *into = byte);
        let length = u8::try_from(tail.len()).unwrap_or_default();
        // A store with more beginnings than a number can tell shows the first of them: a hint is for people.
        Hint { prefix: u16::try_from(prefix).unwrap_or_default(), length, tail: bytes }
    }

    fn unpack(&self, hint: &Hint) -> SmolStr {
        let head = self.0.get(usize::from(hint.prefix)).map_or("", SmolStr::as_str);
        let tail = hint.tail.get(..usize::from(hint.length)).and_then(|tail| std::str::from_utf8(tail).ok()).unwrap_or_default();
        format_smolstr!("{head}{tail}")
    }
}

impl KeyRecord {
    pub(super) fn pack(key: &ApiKey, tenant: u32, prefixes: &HintPrefixes) -> Self {
        let rare = Rare {
            revoked_at: key.revoked_at,
            disabled_at: key.disabled_at,
            expires_at: key.expires_at,
            allowed_addresses: key.allowed_addresses.clone(),
            rate_limit: key.rate_limit,
            metadata: key.metadata.clone(),
            rotated_from: key.rotated_from.clone(),
            rotated_to: key.rotated_to.clone(),
        };
        Self {
            id: key.id.clone(),
            key_hash: key.key_hash,
            tenant,
            // Four thousand million changes of one key do not happen; beyond them versions would stand still.
            version: u32::try_from(key.version).unwrap_or(u32::MAX),
            created_at: key.created_at,
            hint: prefixes.pack(&key.hint),
            label: SmolStr::new(&key.label),
            role: key.role,
            rare: (rare != Rare::default()).then(|| Box::new(rare)),
        }
    }

    pub(super) fn unpack(&self, institution_id: &InstitutionId, last_used: u32, prefixes: &HintPrefixes) -> ApiKey {
        let rare = self.rare.as_deref();
        ApiKey {
            id: self.id.clone(),
            institution_id: institution_id.clone(),
            key_hash: self.key_hash,
            hint: prefixes.unpack(&self.hint),
            label: self.label.to_string(),
            role: self.role,
            created_at: self.created_at,
            revoked_at: rare.and_then(|rare| rare.revoked_at),
            disabled_at: rare.and_then(|rare| rare.disabled_at),
            expires_at: rare.and_then(|rare| rare.expires_at),
            last_used_at: (last_used > 0).then(|| Timestamp::from_millis(u64::from(last_used).saturating_mul(1000))),
            allowed_addresses: rare.map(|rare| rare.allowed_addresses.clone()).unwrap_or_default(),
            rate_limit: rare.and_then(|rare| rare.rate_limit),
            metadata: rare.map(|rare| rare.metadata.clone()).unwrap_or_default(),
            rotated_from: rare.and_then(|rare| rare.rotated_from.clone()),
            rotated_to: rare.and_then(|rare| rare.rotated_to.clone()),
            version: u64::from(self.version),
        }
    }

    pub(super) fn key_hash(&self) -> &KeyHash {
        &self.key_hash
    }

    /// What the key's slot holds; `number` is the record's.
    pub(super) fn entry(&self, number: u32, rates: &Rates) -> Entry {
        let rare = self.rare.as_deref();
        let limit = rare.and_then(|rare| rare.rate_limit).map(|limit| rates.number_of(limit));
        let flag = |flag, set| if set { flag } else { 0 };
        let uuid = self.id.uuid_bytes();
        let flags = flag(Flags::ADMIN, self.role == Role::Admin)
            | flag(Flags::REVOKED, rare.is_some_and(|rare| rare.revoked_at.is_some()))
            | flag(Flags::DISABLED, rare.is_some_and(|rare| rare.disabled_at.is_some()))
            | flag(Flags::ADDRESSES, rare.is_some_and(|rare| !rare.allowed_addresses.is_empty()))
            | flag(Flags::TEXT_ID, uuid.is_none())
            | flag(Flags::LIMIT, limit == Some(None));
        let id = uuid.unwrap_or_else(|| {
            let mut bytes = [0; 16];
            bytes.iter_mut().zip(number.to_le_bytes()).for_each(|(into, byte)| *into = byte);
            bytes
        });
        let expires_ms = rare.and_then(|rare| rare.expires_at).map(Timestamp::as_millis);
        Entry { id, tenant: self.tenant, flags, limit: limit.flatten().unwrap_or_default(), expires_ms }
    }

    /// The same for a key that is not there before the books say so.
    pub(super) fn new_entry(&self, number: u32, rates: &Rates) -> Entry {
        let entry = self.entry(number, rates);
        Entry { flags: entry.flags | Flags::NEW, ..entry }
    }

    /// The number of the record, from the slot of a key whose id is a text.
    pub(super) fn number(found: &Found<'_>) -> u32 {
        let [a, b, c, d, ..] = found.entry.id;
        u32::from_le_bytes([a, b, c, d])
    }

    /// Whether the slot holds the record's number rather than a UUID.
    pub(super) fn has_text_id(found: &Found<'_>) -> bool {
        found.entry.flags & Flags::TEXT_ID != 0
    }
}
