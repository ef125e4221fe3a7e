//! A policy as decisions need it: in one piece, so that a decision touches as little memory as it can.

use smallvec::SmallVec;

use crate::model::{
    amount::Amount,
    code::Currency,
    decision::{Decision, Position},
    id::PolicyId,
    policy::Policy,
};

pub(super) struct Rule {
    min_amount: Option<Amount>,
    max_amount: Option<Amount>,
    /// Few policies allow more than four currencies by name.
    allowed_currencies: Option<SmallVec<[Currency; 4]>>,
    id: PolicyId,
    version: u64,
    /// The whole, apart: for what is not allowed, and has to be explained.
    policy: Box<Policy>,
}

impl Rule {
    pub(super) fn of(policy: Policy) -> Self {
        let position = &policy.config.position;
        Self {
            min_amount: position.min_amount,
            max_amount: position.max_amount,
            allowed_currencies: position.allowed_currencies.as_deref().map(SmallVec::from_slice),
            id: policy.id.clone(),
            version: policy.version,
            policy: Box::new(policy),
        }
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn id(&self) -> &PolicyId {
        &self.id
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn min_amount(&self) -> Option<Amount> {
        self.min_amount
    }

    pub(super) fn max_amount(&self) -> Option<Amount> {
        self.max_amount
    }

    pub(super) fn currencies(&self) -> Option<&[Currency]> {
        self.allowed_currencies.as_deref()
    }

    #[inline]
    pub(super) fn decide(&self, position: &Position) -> Decision {
        let allowed = self.min_amount.is_none_or(|min| position.amount >= min)
            && self.max_amount.is_none_or(|max| position.amount <= max)
            && self.allowed_currencies.as_ref().is_none_or(|allowed| allowed.contains(&position.currency));
        if !allowed {
            return Decision::by_policy(&self.policy, position);
        }
        Decision::allowed_by(self.id.clone(), self.version)
    }
}
