//! A key that is to be created, and what its creator gets.

use serde::Serialize;
use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::{ApiKey, Role, metadata::check_metadata, role::unknown_role};
use crate::{
    error::{Error, Reason, Result},
    model::{
        address::AddressList,
        id::{ApiKeyId, InstitutionId},
        rate_limit::RateLimit,
        text::check_text,
        time::Timestamp,
    },
    token::{KeyHash, Token},
};

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
    /// How often it may be used; `None` means as often as the configuration says.
    pub rate_limit: Option<RateLimit>,
    /// The host's own data.
    pub metadata: Map<String, Value>,
}

impl NewKey {
    /// A key without expiry, usable from anywhere.
    #[must_use]
    pub fn new(label: impl Into<String>, role: Role) -> Self {
        Self {
            label: label.into(),
            role,
            expires_at: None,
            allowed_addresses: AddressList::default(),
            rate_limit: None,
            metadata: Map::new(),
        }
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

    /// Gives it a limit of its own.
    #[must_use]
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
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
            rate_limit: self.rate_limit,
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

pub(super) fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    match expires_at {
        Some(at) if at <= now => Err(Error::new(Reason::InThePast, "must lie in the future").field("expires_at")),
        _ => Ok(()),
    }
}
