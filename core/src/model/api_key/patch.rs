//! What is to change about a key's own members.

use serde_json::{Map, Value};

use super::{
    ApiKey,
    change::{check_version, refuse_rotated},
    metadata::check_metadata,
    new::check_expiry,
};
use crate::{
    error::Result,
    model::{address::AddressList, rate_limit::RateLimit, text::check_text, time::Timestamp},
};

/// What is to change about a key; `None` leaves a member as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyPatch {
    /// The new label.
    pub label: Option<String>,
    /// The new expiry; `Some(None)` removes it.
    pub expires_at: Option<Option<Timestamp>>,
    /// The new list, whole.
    pub allowed_addresses: Option<AddressList>,
    /// The new limit; `Some(None)` leaves it to the configuration.
    pub rate_limit: Option<Option<RateLimit>>,
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

    pub(super) fn apply(&self, key: &mut ApiKey) -> Result<()> {
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
        if let Some(limit) = self.rate_limit {
            key.rate_limit = limit;
        }
        if let Some(metadata) = &self.metadata {
            key.metadata.clone_from(metadata);
        }
        Ok(())
    }
}
