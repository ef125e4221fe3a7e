//! The history of a policy: one entry for each version it had, and the question for a list of them.

use serde::{Deserialize, Serialize};

use super::PolicyConfig;
use crate::model::{
    audit::Actor,
    code::Region,
    id::{InstitutionId, PolicyId},
    page::PageRequest,
    time::Timestamp,
};

/// One version of a policy, as the history keeps it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersion {
    /// The policy's id.
    pub policy_id: PolicyId,
    /// Whose policy it was.
    pub institution_id: InstitutionId,
    /// Where it held.
    pub region: Region,
    /// The version that this change made.
    pub version: u64,
    /// What happened.
    pub action: HistoryAction,
    /// The config from then on; `None` after a deletion.
    pub config: Option<PolicyConfig>,
    /// Who did it.
    pub changed_by: Actor,
    /// When.
    pub changed_at: Timestamp,
}

/// What happened to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryAction {
    /// Created, or its config replaced.
    Upserted,
    /// A patch was merged.
    Merged,
    /// Deleted.
    Deleted,
}

/// Which policy's history to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyHistoryQuery {
    /// Whose policy.
    pub institution_id: InstitutionId,
    /// Where it holds.
    pub region: Region,
    /// The page, ordered by version.
    pub page: PageRequest,
}
