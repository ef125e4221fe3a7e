//! API keys: the record, what may change about it, and the rules of those changes.
//!
//! [`KeyChange::apply`] is the one place that knows how a key changes. Every store fetches the record, calls it, and
//! writes what it says, so that no two stores can disagree.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::{
    address::AddressList,
    id::{ApiKeyId, InstitutionId},
    json,
    page::PageRequest,
    text::check_text,
    time::Timestamp,
};
use crate::{
    error::{Error, Reason, Result},
    token::{KeyHash, Token},
};

/// What a caller may do. `root` is nobody's key: it comes from the configured root token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, for every institution.
    Root,
    /// Everything within the key's institution, but to change the institution itself.
    Admin,
    /// Reading and checking policies of the key's institution.
    ReadOnly,
}

impl Role {
    /// The word: `root`, `admin`, `read_only`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Admin => "admin",
            Self::ReadOnly => "read_only",
        }
    }
}

impl FromStr for Role {
    type Err = Error;

    /// Reads a key's role: `admin` or `read_only`.
    fn from_str(text: &str) -> Result<Self> {
        [Self::Admin, Self::ReadOnly].into_iter().find(|role| role.as_str() == text).ok_or_else(unknown_role)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a key is good, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// Good.
    Active,
    /// Switched off until it is enabled again.
    Disabled,
    /// Past its expiry, for good.
    Expired,
    /// Revoked, for good.
    Revoked,
}

impl KeyStatus {
    /// The word: `active`, `disabled`, `expired`, `revoked`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl FromStr for KeyStatus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Active, Self::Disabled, Self::Expired, Self::Revoked];
        let message = "must be active, disabled, expired or revoked";
        all.into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Error::new(Reason::InvalidFormat, message).field("status"))
    }
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An API key as it is stored: everything about a token but the token.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKey {
    /// `ak_…`
    pub id: ApiKeyId,
    /// The institution that owns the key.
    pub institution_id: InstitutionId,
    /// SHA-256 of the token.
    pub key_hash: KeyHash,
    /// What may be shown of the token.
    pub hint: SmolStr,
    /// 1 to 255 characters for people.
    pub label: String,
    /// `Admin` or `ReadOnly`.
    pub role: Role,
    /// When it was created or imported.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Since when it is disabled.
    pub disabled_at: Option<Timestamp>,
    /// From when on it is no longer good.
    pub expires_at: Option<Timestamp>,
    /// When it was last accepted, to within the interval at which uses are written.
    pub last_used_at: Option<Timestamp>,
    /// From where it may be used; an empty list means from anywhere.
    pub allowed_addresses: AddressList,
    /// The host's own data: a JSON object of at most 64 KiB.
    pub metadata: Map<String, Value>,
    /// The key of which this one is the successor.
    pub rotated_from: Option<ApiKeyId>,
    /// The key's successor. Not part of its JSON.
    pub rotated_to: Option<ApiKeyId>,
    /// 1 when created; raised by every change.
    pub version: u64,
}

impl ApiKey {
    /// Whether the key is good at this time, and if not, why: the first that holds of revoked, disabled, expired.
    #[must_use]
    pub fn status(&self, at: Timestamp) -> KeyStatus {
        if self.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if self.disabled_at.is_some() {
            KeyStatus::Disabled
        } else if self.expires_at.is_some_and(|expiry| expiry <= at) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }

    /// Refuses a change to a key that can change no more.
    fn check_alive(&self, at: Timestamp) -> Result<()> {
        if self.revoked_at.is_some() {
            return Err(Error::new(Reason::KeyRevoked, "the key was revoked"));
        }
        if self.expires_at.is_some_and(|expiry| expiry <= at) {
            return Err(Error::new(Reason::KeyExpired, "the key has expired"));
        }
        Ok(())
    }
}

impl Serialize for ApiKey {
    /// The record's JSON; `status` is that of the moment of writing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("ApiKey", 16)?;
        record.serialize_field("id", &self.id)?;
        record.serialize_field("institutionId", &self.institution_id)?;
        record.serialize_field("keyHash", &self.key_hash)?;
        record.serialize_field("hint", self.hint.as_str())?;
        record.serialize_field("label", &self.label)?;
        record.serialize_field("role", &self.role)?;
        record.serialize_field("status", &self.status(Timestamp::now()))?;
        record.serialize_field("createdAt", &self.created_at)?;
        record.serialize_field("revokedAt", &self.revoked_at)?;
        record.serialize_field("disabledAt", &self.disabled_at)?;
        record.serialize_field("expiresAt", &self.expires_at)?;
        record.serialize_field("lastUsedAt", &self.last_used_at)?;
        record.serialize_field("allowedAddresses", &self.allowed_addresses)?;
        record.serialize_field("metadata", &self.metadata)?;
        record.serialize_field("rotatedFrom", &self.rotated_from)?;
        record.serialize_field("version", &self.version)?;
        record.end()
    }
}

/// A key to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct NewKey {
    /// 1 to 255 characters for people.
    pub label: String,
    /// `Admin` or `ReadOnly`.
    pub role: Role,
    /// From when on it is no longer good.
    pub expires_at: Option<Timestamp>,
    /// From where it may be used; an empty list means from anywhere.
    pub allowed_addresses: AddressList,
    /// The host's own data.
    pub metadata: Map<String, Value>,
}

impl NewKey {
    /// A key without expiry, usable from anywhere.
    #[must_use]
    pub fn new(label: impl Into<String>, role: Role) -> Self {
        Self { label: label.into(), role, expires_at: None, allowed_addresses: AddressList::default(), metadata: Map::new() }
    }

    /// Gives it an expiry.
    #[must_use]
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Binds it to these addresses.
    #[must_use]
    pub fn allowed_addresses(mut self, addresses: AddressList) -> Self {
        self.allowed_addresses = addresses;
        self
    }

    /// Attaches the host's own data.
    #[must_use]
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }

    pub(crate) fn check(&self, now: Timestamp) -> Result<()> {
        check_text("label", &self.label)?;
        if self.role == Role::Root {
            return Err(unknown_role());
        }
        check_expiry(self.expires_at, now)?;
        check_metadata(&self.metadata)
    }

    /// The record of this key.
    pub(crate) fn into_record(
        self,
        id: ApiKeyId,
        institution_id: InstitutionId,
        key_hash: KeyHash,
        hint: SmolStr,
        at: Timestamp,
    ) -> ApiKey {
        ApiKey {
            id,
            institution_id,
            key_hash,
            hint,
            label: self.label,
            role: self.role,
            created_at: at,
            revoked_at: None,
            disabled_at: None,
            expires_at: self.expires_at,
            last_used_at: None,
            allowed_addresses: self.allowed_addresses,
            metadata: self.metadata,
            rotated_from: None,
            rotated_to: None,
            version: 1,
        }
    }
}

/// A key with its token, which is shown this once.
#[derive(Debug, Serialize)]
pub struct CreatedKey {
    /// The secret; printed and serialized as its hint.
    pub token: Token,
    /// The stored record.
    pub record: ApiKey,
}

/// A key that exists elsewhere, known by the SHA-256 of its token.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedKey {
    /// SHA-256 of the token.
    pub key_hash: KeyHash,
    /// What the key is to be.
    pub key: NewKey,
}

/// What an import did, or in a dry run would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Whether nothing was to be stored.
    pub dry_run: bool,
    /// The records that were stored; in a dry run those that would be.
    pub imported: Vec<ApiKey>,
    /// What stands in the way. Filled by a dry run only: an import with a conflict stores nothing and fails.
    pub conflicts: Vec<ImportConflict>,
}

/// A key of an import that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportConflict {
    /// Its place in the import, from 0.
    pub index: usize,
    /// Its hash.
    pub key_hash: KeyHash,
    /// `key_exists` (stored already), or `duplicate` (earlier in the same import).
    #[serde(serialize_with = "reason_word")]
    pub reason: Reason,
}

fn reason_word<S: Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.as_str())
}

/// What is to change about a key; `None` leaves a member as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyPatch {
    /// The new label.
    pub label: Option<String>,
    /// The new expiry; `Some(None)` removes it.
    pub expires_at: Option<Option<Timestamp>>,
    /// The new list, whole.
    pub allowed_addresses: Option<AddressList>,
    /// The new data, whole.
    pub metadata: Option<Map<String, Value>>,
    /// Change only if the record still has this version.
    pub expected_version: Option<u64>,
}

impl KeyPatch {
    pub(crate) fn check(&self, now: Timestamp) -> Result<()> {
        self.label.as_deref().map_or(Ok(()), |label| check_text("label", label))?;
        check_expiry(self.expires_at.flatten(), now)?;
        self.metadata.as_ref().map_or(Ok(()), check_metadata)
    }
}

/// A change to one key, as a store is asked to make it.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyChange {
    /// Change label, expiry, addresses or data.
    Update(KeyPatch),
    /// Give the key a successor with a token of its own; the key itself stays good for `grace`.
    Rotate {
        /// The successor's id.
        id: ApiKeyId,
        /// The successor's hash.
        key_hash: KeyHash,
        /// The successor's hint.
        hint: SmolStr,
        /// How long the old token stays good. Its expiry is never extended by this.
        grace: Duration,
    },
    /// Switch the key on again.
    Enable,
    /// Switch the key off.
    Disable,
    /// End the key for good.
    Revoke,
}

/// What a change made of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyChanged {
    /// The key as it is now.
    pub key: ApiKey,
    /// The key's successor, if it was rotated: to be stored as well.
    pub successor: Option<ApiKey>,
    /// Whether anything differs from before; if not, version and generation stay.
    pub changed: bool,
}

impl KeyChange {
    /// What the change makes of a key.
    ///
    /// # Errors
    /// `Conflict`: `key_revoked`, `key_expired`, `key_disabled`, `key_rotated`, `version_mismatch`.
    pub fn apply(&self, before: &ApiKey, at: Timestamp) -> Result<KeyChanged> {
        let mut key = before.clone();
        let mut successor = None;
        if !matches!(self, Self::Revoke) {
            key.check_alive(at)?;
        }
        match self {
            Self::Update(patch) => patch.apply(&mut key)?,
            Self::Rotate { id, key_hash, hint, grace } => {
                if key.disabled_at.is_some() {
                    return Err(Error::new(Reason::KeyDisabled, "a disabled key cannot be rotated; enable or revoke it"));
                }
                refuse_rotated(&key)?;
                successor = Some(ApiKey {
                    id: id.clone(),
                    key_hash: *key_hash,
                    hint: hint.clone(),
                    created_at: at,
                    last_used_at: None,
                    rotated_from: Some(key.id.clone()),
                    version: 1,
                    ..key.clone()
                });
                let end = at.plus(*grace);
                key.expires_at = Some(key.expires_at.map_or(end, |expiry| expiry.min(end)));
                key.rotated_to = Some(id.clone());
            }
            Self::Enable => key.disabled_at = None,
            Self::Disable => key.disabled_at = key.disabled_at.or(Some(at)),
            Self::Revoke => key.revoked_at = key.revoked_at.or(Some(at)),
        }
        let changed = key != *before;
        if changed {
            key.version = key.version.saturating_add(1);
        }
        Ok(KeyChanged { key, successor, changed })
    }
}

impl KeyPatch {
    fn apply(&self, key: &mut ApiKey) -> Result<()> {
        check_version(self.expected_version, key.version)?;
        if let Some(expires_at) = self.expires_at {
            // A rotated key's end was announced with its rotation.
            refuse_rotated(key)?;
            key.expires_at = expires_at;
        }
        if let Some(label) = &self.label {
            key.label.clone_from(label);
        }
        if let Some(addresses) = &self.allowed_addresses {
            key.allowed_addresses.clone_from(addresses);
        }
        if let Some(metadata) = &self.metadata {
            key.metadata.clone_from(metadata);
        }
        Ok(())
    }
}

/// Which keys of an institution to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyQuery {
    /// The owner.
    pub institution_id: InstitutionId,
    /// Whether revoked keys are listed as well. A filter by `Revoked` lists them in any case.
    pub include_revoked: bool,
    /// Only keys of this role.
    pub role: Option<Role>,
    /// Only keys of this status.
    pub status: Option<KeyStatus>,
    /// The page, ordered by creation.
    pub page: PageRequest,
}

impl ApiKeyQuery {
    /// The first page of an institution's keys, without revoked ones.
    #[must_use]
    pub fn of(institution_id: InstitutionId) -> Self {
        Self { institution_id, include_revoked: false, role: None, status: None, page: PageRequest::default() }
    }

    /// Whether a key of the institution belongs to the list, `at` being the present.
    #[must_use]
    pub fn selects(&self, role: Role, status: KeyStatus) -> bool {
        self.role.is_none_or(|wanted| wanted == role)
            && match self.status {
                Some(wanted) => wanted == status,
                None => self.include_revoked || status != KeyStatus::Revoked,
            }
    }
}

/// A key and when it was last accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// The key.
    pub id: ApiKeyId,
    /// When it was accepted.
    pub at: Timestamp,
}

/// Refuses a change whose author saw another version than the stored one.
pub(crate) fn check_version(expected: Option<u64>, stored: u64) -> Result<()> {
    match expected {
        Some(expected) if expected != stored => {
            let message = format!("the stored version is {stored}, not {expected}; read it again");
            Err(Error::new(Reason::VersionMismatch, message).field("expected_version"))
        }
        _ => Ok(()),
    }
}

fn refuse_rotated(key: &ApiKey) -> Result<()> {
    match &key.rotated_to {
        Some(successor) => Err(Error::new(Reason::KeyRotated, format!("the key was rotated; its successor is {successor}"))),
        None => Ok(()),
    }
}

fn unknown_role() -> Error {
    Error::new(Reason::UnknownRole, "must be admin or read_only").field("role")
}

fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    match expires_at {
        Some(at) if at <= now => Err(Error::new(Reason::InThePast, "must lie in the future").field("expires_at")),
        _ => Ok(()),
    }
}

/// Data that a host built itself passes the same rules as data read from JSON.
fn check_metadata(metadata: &Map<String, Value>) -> Result<()> {
    if metadata.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string(metadata)
        .map_err(|error| Error::new(Reason::InvalidJson, "is not JSON").field("metadata").because(error))?;
    json::parse_map("metadata", &text).map(|_| ())
}

/// Reads a key's metadata from JSON text.
///
/// # Errors
/// `Validation`: `invalid_json`, `too_large`, `too_deep`, `duplicate_key`, `nul_character`, `unsafe_number`.
pub fn metadata_from_json(text: &str) -> Result<Map<String, Value>> {
    json::parse_map("metadata", text)
}

/// The error for a key that is not there, or is another institution's.
pub(crate) fn key_not_found(id: &ApiKeyId) -> Error {
    Error::new(Reason::KeyNotFound, format!("there is no key {id} in this institution")).field("key_id")
}
