//! What may happen to a key. [`KeyChange::apply`] is the one place that knows how a key changes: every store fetches the
//! record, calls it, and writes what it says, so that no two stores can disagree.

use std::time::Duration;

use smol_str::SmolStr;

use super::{ApiKey, KeyPatch};
use crate::{
    error::{Error, Reason, Result},
    model::{id::ApiKeyId, time::Timestamp},
    token::KeyHash,
};

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
            check_alive(&key, at)?;
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

/// Refuses a change to a key that can change no more.
fn check_alive(key: &ApiKey, at: Timestamp) -> Result<()> {
    if key.revoked_at.is_some() {
        return Err(Error::new(Reason::KeyRevoked, "the key was revoked"));
    }
    if key.expires_at.is_some_and(|expiry| expiry <= at) {
        return Err(Error::new(Reason::KeyExpired, "the key has expired"));
    }
    Ok(())
}

pub(super) fn refuse_rotated(key: &ApiKey) -> Result<()> {
    match &key.rotated_to {
        Some(successor) => Err(Error::new(Reason::KeyRotated, format!("the key was rotated; its successor is {successor}"))),
        None => Ok(()),
    }
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
