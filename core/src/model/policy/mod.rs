//! Policies: the rules of one institution in one region, and how they change. Here are the record and the questions for
//! lists of them.

mod change;
mod config;
mod history;
mod patch;
mod position;

use serde::Serialize;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use self::config::stored_config;
pub use self::{
    change::{PolicyAction, PolicyChange},
    config::PolicyConfig,
    history::{HistoryAction, PolicyHistoryQuery, PolicyVersion},
    patch::PolicyPatch,
    position::PositionRule,
};
use super::{
    code::Region,
    id::{InstitutionId, PolicyId},
    page::PageRequest,
    time::Timestamp,
};
use crate::error::{Error, Reason};

/// A policy as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// `pol_…`
    pub id: PolicyId,
    /// Whose policy it is.
    pub institution_id: InstitutionId,
    /// Where it holds.
    pub region: Region,
    /// The rules.
    pub config: PolicyConfig,
    /// Raised by every change, and by deletion and creation anew, so that no version number ever means two configs.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Which policies of an institution to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyQuery {
    /// Whose policies.
    pub institution_id: InstitutionId,
    /// The page, ordered by creation.
    pub page: PageRequest,
}

/// The error for a policy that is not there.
pub(crate) fn policy_not_found(institution_id: &InstitutionId, region: Region) -> Error {
    Error::new(Reason::PolicyNotFound, format!("{institution_id} has no policy in {region}")).field("region")
}
