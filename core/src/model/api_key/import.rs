//! Keys that exist elsewhere, and what became of them.

use serde::{Serialize, Serializer};

use super::{ApiKey, NewKey};
use crate::{error::Reason, token::KeyHash};

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
