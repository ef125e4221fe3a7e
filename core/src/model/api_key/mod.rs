//! API keys: the record, what may change about it, and the rules of those changes. Here are the record and what is said of
//! one key.

mod change;
mod import;
mod metadata;
mod new;
mod patch;
mod query;
mod role;
mod status;

use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::{Map, Value};
use smol_str::SmolStr;

pub(crate) use self::change::check_version;
pub use self::{
    change::{KeyChange, KeyChanged},
    import::{ImportConflict, ImportReport, ImportedKey},
    metadata::metadata_from_json,
    new::{CreatedKey, NewKey},
    patch::KeyPatch,
    query::ApiKeyQuery,
    role::Role,
    status::KeyStatus,
};
use super::{
    address::AddressList,
    id::{ApiKeyId, InstitutionId},
    rate_limit::RateLimit,
    time::Timestamp,
};
use crate::{
    error::{Error, Reason},
    token::KeyHash,
};

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
    /// How often it may be used; `None` means as often as the configuration says.
    pub rate_limit: Option<RateLimit>,
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
}

impl Serialize for ApiKey {
    /// The record's JSON; `status` is that of the moment of writing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("ApiKey", 17)?;
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
        record.serialize_field("rateLimit", &self.rate_limit)?;
        record.serialize_field("metadata", &self.metadata)?;
        record.serialize_field("rotatedFrom", &self.rotated_from)?;
        record.serialize_field("version", &self.version)?;
        record.end()
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

/// The error for a key that is not there, or is another institution's.
pub(crate) fn key_not_found(id: &ApiKeyId) -> Error {
    Error::new(Reason::KeyNotFound, format!("there is no key {id} in this institution")).field("key_id")
}
