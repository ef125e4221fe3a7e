//! What may happen to a policy. [`PolicyChange::apply`] is the one place that knows what a change makes of it; every store
//! calls it.

use super::{HistoryAction, Policy, PolicyConfig, PolicyPatch, PolicyVersion, policy_not_found};
use crate::{
    error::Result,
    model::{
        api_key::check_version,
        audit::Actor,
        code::Region,
        id::{InstitutionId, PolicyId},
        time::Timestamp,
    },
};

/// A change to the policy of an institution in a region, as a store is asked to make it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyChange {
    /// Whose policy.
    pub institution_id: InstitutionId,
    /// Where it holds.
    pub region: Region,
    /// What is to happen.
    pub action: PolicyAction,
    /// Change only if the policy has this version; 0 means: only if there is none.
    pub expected_version: Option<u64>,
    /// The id of the policy, should it be created.
    pub new_id: PolicyId,
}

/// What is to happen to a policy.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyAction {
    /// Create it, or replace its config.
    Upsert(PolicyConfig),
    /// Merge into its config.
    Merge(PolicyPatch),
    /// Delete it.
    Delete,
}

impl PolicyChange {
    /// The policy as it is after the change; `None` if it was deleted. `last_version` is the greatest version that this
    /// institution's policy in this region ever had, 0 if it never had one.
    ///
    /// # Errors
    /// `NotFound` / `policy_not_found`; `Conflict` / `version_mismatch`; `Validation` if the merged config breaks a rule.
    pub fn apply(&self, before: Option<&Policy>, last_version: u64, at: Timestamp) -> Result<Option<Policy>> {
        check_version(self.expected_version, before.map_or(0, |policy| policy.version))?;
        let config = match (&self.action, before) {
            (PolicyAction::Upsert(config), _) => config.clone(),
            (PolicyAction::Merge(patch), Some(policy)) => patch.apply(&policy.config)?,
            (PolicyAction::Delete, Some(_)) => return Ok(None),
            (_, None) => return Err(policy_not_found(&self.institution_id, self.region)),
        };
        config.check_consistent(self.region)?;
        Ok(Some(Policy {
            id: before.map_or(&self.new_id, |policy| &policy.id).clone(),
            institution_id: self.institution_id.clone(),
            region: self.region,
            config,
            version: last_version.saturating_add(1),
            created_at: before.map_or(at, |policy| policy.created_at),
            updated_at: at,
        }))
    }

    /// The entry that the history keeps of this change.
    #[must_use]
    pub fn history(
        &self,
        before: Option<&Policy>,
        after: Option<&Policy>,
        last_version: u64,
        actor: &Actor,
        at: Timestamp,
    ) -> PolicyVersion {
        PolicyVersion {
            policy_id: after.or(before).map_or(&self.new_id, |policy| &policy.id).clone(),
            institution_id: self.institution_id.clone(),
            region: self.region,
            version: last_version.saturating_add(1),
            action: match self.action {
                PolicyAction::Upsert(_) => HistoryAction::Upserted,
                PolicyAction::Merge(_) => HistoryAction::Merged,
                PolicyAction::Delete => HistoryAction::Deleted,
            },
            config: after.map(|policy| policy.config.clone()),
            changed_by: actor.clone(),
            changed_at: at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Reason;

    fn change(action: PolicyAction) -> PolicyChange {
        PolicyChange {
            institution_id: "acme".parse().unwrap(),
            region: "US".parse().unwrap(),
            action,
            expected_version: None,
            new_id: PolicyId::generate().unwrap(),
        }
    }

    fn upsert(json: &str) -> Result<Policy> {
        let config = PolicyConfig::from_json(json)?;
        change(PolicyAction::Upsert(config)).apply(None, 0, Timestamp::now()).map(Option::unwrap)
    }

    fn merged(config: &str, patch: &str) -> Result<String> {
        let policy = upsert(config)?;
        let change = change(PolicyAction::Merge(PolicyPatch::from_json(patch)?));
        Ok(change.apply(Some(&policy), 1, Timestamp::now())?.unwrap().config.to_json())
    }

    #[test]
    fn a_merge_that_breaks_a_rule_is_refused() {
        let config = r#"{"position":{"minAmount":1,"maxAmount":5}}"#;
        let reason = |patch| merged(config, patch).unwrap_err().reason();
        assert_eq!(reason(r#"{"position":{"minAmount":6}}"#), Reason::MinAboveMax);
        assert_eq!(reason(r#"{"position":null}"#), Reason::Required);
        assert_eq!(reason(r#"{"region":"SG"}"#), Reason::RegionMismatch);
        assert_eq!(reason(r#"{"position":{"maxAmount":"x"}}"#), Reason::NotADecimal);
    }

    #[test]
    fn versions_guard_creation_change_and_deletion() {
        let policy = upsert(r#"{"position":{}}"#).unwrap();
        let expecting = |expected_version, before: Option<&Policy>| {
            let change =
                PolicyChange { expected_version: Some(expected_version), ..change(PolicyAction::Upsert(policy.config.clone())) };
            change.apply(before, 1, Timestamp::now()).map(|after| after.unwrap().version)
        };
        assert_eq!(expecting(1, Some(&policy)).unwrap(), 2);
        assert_eq!(expecting(0, Some(&policy)).unwrap_err().reason(), Reason::VersionMismatch);
        assert_eq!(expecting(1, None).unwrap_err().reason(), Reason::VersionMismatch);
        assert_eq!(expecting(0, None).unwrap(), 2);
    }
}
