//! Operations on policies, and the questions that are asked of them.

use serde_json::Value;

use super::{Act, Operation, Operations, Permission};
use crate::{
    error::{Error, Reason, Result},
    model::{
        code::Region,
        decision::{Decision, Position},
        id::{InstitutionId, PolicyId},
        page::{List, Page},
        policy::{
            Policy, PolicyAction, PolicyChange, PolicyConfig, PolicyHistoryQuery, PolicyPatch, PolicyQuery, PolicyVersion,
            policy_not_found,
        },
    },
    reply::Reply,
};

/// The most positions that are decided at once.
const MOST_POSITIONS: usize = 1000;

impl Operations<'_> {
    pub(in crate::door) fn upsert_policy(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        config: PolicyConfig,
        expected_version: Option<u64>,
    ) -> Reply<Policy> {
        let vocabulary = &self.engine.config.vocabulary;
        let checked = vocabulary.check_region(region).and_then(|()| config.check(vocabulary, region));
        self.change_policy(
            Operation::upsert_policy,
            institution_id,
            region,
            PolicyAction::Upsert(config),
            expected_version,
            checked,
        )
    }

    pub(in crate::door) fn merge_policy(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        patch: PolicyPatch,
        expected_version: Option<u64>,
    ) -> Reply<Policy> {
        let vocabulary = &self.engine.config.vocabulary;
        let checked = vocabulary.check_region(region).and_then(|()| patch.check(vocabulary));
        self.change_policy(Operation::merge_policy, institution_id, region, PolicyAction::Merge(patch), expected_version, checked)
    }

    pub(in crate::door) fn delete_policy(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        expected_version: Option<u64>,
    ) -> Reply<Policy> {
        let checked = self.engine.config.vocabulary.check_region(region);
        self.change_policy(Operation::delete_policy, institution_id, region, PolicyAction::Delete, expected_version, checked)
    }

    fn change_policy(
        &self,
        operation: Operation,
        institution_id: &InstitutionId,
        region: Region,
        action: PolicyAction,
        expected_version: Option<u64>,
        checked: Result<()>,
    ) -> Reply<Policy> {
        let act = Act::new(operation, Permission::ManagePolicies, Some(institution_id)).on("policy", &region);
        self.change(act, checked, |mut audit| {
            if let Some(version) = expected_version {
                audit.payload.insert("expectedVersion".to_owned(), Value::from(version));
            }
            let new_id = PolicyId::generate()?;
            let change = PolicyChange { institution_id: institution_id.clone(), region, action, expected_version, new_id };
            Ok(self.backend.change_policy(change, audit))
        })
    }

    pub(in crate::door) fn get_policy(&self, institution_id: &InstitutionId, region: Region) -> Reply<Policy> {
        let act = Act::new(Operation::get_policy, Permission::ReadPolicies, Some(institution_id));
        self.read(act, self.engine.config.vocabulary.check_region(region), || {
            let found = self.backend.find_policy(institution_id, region);
            self.found_in(institution_id, found, policy_not_found(institution_id, region))
        })
    }

    pub(in crate::door) fn list_policies(&self, query: &PolicyQuery) -> Reply<Page<Policy>> {
        let act = Act::new(Operation::list_policies, Permission::ReadPolicies, Some(&query.institution_id));
        self.read(act, query.page.check(List::Policies), || {
            self.page_of(&query.institution_id, self.backend.list_policies(query))
        })
    }

    pub(in crate::door) fn policy_history(&self, query: &PolicyHistoryQuery) -> Reply<Page<PolicyVersion>> {
        let act = Act::new(Operation::policy_history, Permission::ReadPolicies, Some(&query.institution_id));
        let checked =
            self.engine.config.vocabulary.check_region(query.region).and_then(|()| query.page.check(List::PolicyHistory));
        self.read(act, checked, || self.page_of(&query.institution_id, self.backend.policy_history(query)))
    }

    #[inline]
    pub(in crate::door) fn check_position(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        position: &Position,
    ) -> Reply<Decision> {
        let act = Act::new(Operation::check_position, Permission::ReadPolicies, Some(institution_id));
        let vocabulary = &self.engine.config.vocabulary;
        let checked = vocabulary.check_region(region).and_then(|()| position.check(vocabulary));
        self.read(act, checked, || self.backend.decide_one(institution_id, region, position, self.engine.config.default_decision))
    }

    pub(in crate::door) fn check_positions(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        positions: &[Position],
    ) -> Reply<Vec<Decision>> {
        let act = Act::new(Operation::check_positions, Permission::ReadPolicies, Some(institution_id));
        let checked = self.check_batch(region, positions);
        self.read(act, checked, || self.backend.decide(institution_id, region, positions, self.engine.config.default_decision))
    }

    pub(in crate::door) fn dry_run(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        config: &PolicyConfig,
        positions: &[Position],
    ) -> Reply<Vec<Decision>> {
        let act = Act::new(Operation::dry_run, Permission::ReadPolicies, Some(institution_id));
        let checked = self.check_batch(region, positions).and_then(|()| config.check(&self.engine.config.vocabulary, region));
        self.read(act, checked, || {
            let decisions = positions.iter().map(|position| Decision::by_given(&config.position, position)).collect();
            self.existing(institution_id).map(move |()| Ok(decisions))
        })
    }

    /// Refuses an admission for another institution than the caller's own.
    pub(in crate::door) fn refuse_admission<T: Send + 'static>(&self, institution_id: Option<&InstitutionId>) -> Reply<T> {
        let act = Act::new(Operation::admit, Permission::ReadPolicies, institution_id);
        self.read(act, Ok(()), || Reply::from(Error::new(Reason::Bug, "the admission was not to be refused")))
    }

    fn check_batch(&self, region: Region, positions: &[Position]) -> Result<()> {
        let vocabulary = &self.engine.config.vocabulary;
        vocabulary.check_region(region)?;
        if positions.is_empty() {
            return Err(Error::new(Reason::Empty, "must not be empty").field("positions"));
        }
        if positions.len() > MOST_POSITIONS {
            return Err(Error::new(Reason::TooLong, "must have at most 1000 positions").field("positions"));
        }
        let check = |(index, position): (usize, &Position)| {
            position.check(vocabulary).map_err(|error| error.inside(&format!("positions[{index}]")))
        };
        positions.iter().enumerate().try_for_each(check)
    }
}
