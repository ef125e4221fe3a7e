//! The tables `doorward_generation` and `doorward_change_feed`: the total order of changes, and what each of them touched.
//!
//! Whoever remembers answers reads the feed from its own generation on and forgets what is named there. A row names one
//! institution, key or policy. A change to very many keys at once is one row that names their institution and no key: it
//! stands for every key of that institution, also for hashes that were not known before (`keys_of_institution`).
//!
//! The feed is kept for the last [`KEPT_GENERATIONS`]; a reader that is further behind sees a gap and forgets everything.

use super::value::{Row, SqlValue};
use crate::{
    error::Result,
    model::{
        api_key::ApiKey,
        id::InstitutionId,
        policy::{Policy, PolicyChange},
        time::Timestamp,
    },
    store::Generation,
    token::KeyHash,
};

/// For how many generations the feed is kept.
pub(crate) const KEPT_GENERATIONS: u64 = 20_000;
/// How many keys a change may touch before the feed names their institution instead.
pub(crate) const MOST_NAMED: usize = 256;

#[cfg(feature = "sqlite")]
pub(crate) const GENERATION: &str = "SELECT epoch, number FROM doorward_generation";
/// The same, and 1 if the feed has rows without a number.
#[cfg(feature = "postgres")]
pub(crate) const GENERATION_AND_UNNUMBERED: &str = "SELECT epoch, number, \
     (EXISTS (SELECT 1 FROM doorward_change_feed WHERE generation IS NULL))::int FROM doorward_generation";
/// By how much. Gives the new number.
#[cfg(feature = "sqlite")]
pub(crate) const RAISE: &str = "UPDATE doorward_generation SET number = number + $1 RETURNING number";
#[cfg(feature = "sqlite")]
pub(crate) const INSERT: &str = "INSERT INTO doorward_change_feed (generation, entity, entity_id, institution_id, region, \
     old_hash, new_hash, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
/// Forgets what no reader needs any more: the greatest generation to forget.
#[cfg(feature = "sqlite")]
pub(crate) const FORGET: &str = "DELETE FROM doorward_change_feed WHERE generation <= $1";
/// The same, so many rows at a time.
#[cfg(feature = "postgres")]
pub(crate) const FORGET_SOME: &str = "DELETE FROM doorward_change_feed WHERE sequence IN (SELECT sequence \
     FROM doorward_change_feed WHERE generation <= $1 ORDER BY generation LIMIT $2)";
/// Gives rows that other SQL left the number that comes next, so many at a time: how many.
#[cfg(feature = "postgres")]
pub(crate) const NUMBER_SOME: &str = "UPDATE doorward_change_feed SET generation = (SELECT number + 1 FROM \
     doorward_generation) WHERE sequence IN (SELECT sequence FROM doorward_change_feed WHERE generation IS NULL \
     ORDER BY sequence LIMIT $1)";

/// What a change touched: a row of the feed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    entity: &'static str,
    entity_id: String,
    institution_id: String,
    region: Option<String>,
    old_hash: Option<KeyHash>,
    new_hash: Option<KeyHash>,
}

impl Change {
    /// An institution was made or changed.
    pub(crate) fn institution(id: &InstitutionId) -> Self {
        let id = id.to_string();
        Self { entity: "institution", entity_id: id.clone(), institution_id: id, region: None, old_hash: None, new_hash: None }
    }

    /// A key was made.
    pub(crate) fn new_key(key: &ApiKey) -> Self {
        Self { old_hash: None, ..Self::key(key) }
    }

    /// A key was changed.
    pub(crate) fn key(key: &ApiKey) -> Self {
        Self {
            entity: "api_key",
            entity_id: key.id.to_string(),
            institution_id: key.institution_id.to_string(),
            region: None,
            old_hash: Some(key.key_hash),
            new_hash: Some(key.key_hash),
        }
    }

    /// Keys of an institution were made or changed, too many to name.
    pub(crate) fn keys_of(institution_id: &InstitutionId) -> Self {
        Self {
            entity: "keys_of_institution",
            entity_id: institution_id.to_string(),
            institution_id: institution_id.to_string(),
            region: None,
            old_hash: None,
            new_hash: None,
        }
    }

    /// A policy was made, changed or deleted.
    pub(crate) fn policy(change: &PolicyChange, policy: &Policy) -> Self {
        Self {
            entity: "policy",
            entity_id: policy.id.to_string(),
            institution_id: change.institution_id.to_string(),
            region: Some(change.region.to_string()),
            old_hash: None,
            new_hash: None,
        }
    }

    /// The values of [`INSERT`].
    pub(crate) fn values(&self, generation: u64, at: Timestamp) -> [SqlValue; 8] {
        [
            generation.into(),
            self.entity.into(),
            self.entity_id.as_str().into(),
            self.institution_id.as_str().into(),
            self.region.clone().into(),
            self.old_hash.as_ref().into(),
            self.new_hash.as_ref().into(),
            at.into(),
        ]
    }
}

/// Reads the epoch and the number of a row.
pub(crate) fn read_generation(row: &dyn Row) -> Result<Generation> {
    Ok(Generation { epoch: row.required_text(0)?.to_owned(), number: row.count(1)? })
}
