//! Policies, their history, and what they decide.

use pyo3::{prelude::*, types::PyTuple};

use crate::record::records;

records! {
    /// The rules of one institution in one region.
    plain Policy(doorward::Policy) {
        /// `pol_…`
        id: |record| &record.id,
        /// Whose policy it is.
        institution_id: |record| &record.institution_id,
        /// Where it holds.
        region: |record| &record.region,
        /// The rules, as the JSON of a config has them, amounts as `Decimal`; a copy.
        config: |record| &record.config,
        /// Raised by every change, and by deletion and creation anew, so that no version number ever means two configs.
        version: |record| &record.version,
        /// When it was created.
        created_at: |record| &record.created_at,
        /// When it was last changed.
        updated_at: |record| &record.updated_at,
    } => |fields| doorward::Policy {
        id: fields.next()?,
        institution_id: fields.next()?,
        region: fields.next()?,
        config: fields.next()?,
        version: fields.next()?,
        created_at: fields.next()?,
        updated_at: fields.next()?,
    };

    /// One version of a policy, as the history keeps it.
    plain PolicyVersion(doorward::PolicyVersion) {
        /// The policy's id.
        policy_id: |record| &record.policy_id,
        /// Whose policy it was.
        institution_id: |record| &record.institution_id,
        /// Where it held.
        region: |record| &record.region,
        /// The version that this change made.
        version: |record| &record.version,
        /// What happened.
        action: |record| &record.action,
        /// The config from then on, amounts as `Decimal`; `None` after a deletion. A copy.
        config: |record| &record.config,
        /// Who did it: `system`, `root`, or a key's id.
        changed_by: |record| &record.changed_by,
        /// When.
        changed_at: |record| &record.changed_at,
    } => |fields| doorward::PolicyVersion {
        policy_id: fields.next()?,
        institution_id: fields.next()?,
        region: fields.next()?,
        version: fields.next()?,
        action: fields.next()?,
        config: fields.next()?,
        changed_by: fields.next()?,
        changed_at: fields.next()?,
    };

    /// A rule that a position violates.
    plain Violation(doorward::Violation) {
        /// Which rule.
        code: |record| &record.code,
        /// What the rule allows: an amount, or the allowed currencies separated by commas.
        limit: |record| &record.limit,
        /// What the position has.
        value: |record| &record.value,
    } => |fields| doorward::Violation {
        code: fields.next()?,
        limit: fields.next()?,
        value: fields.next()?,
    };

    /// The answer of a policy. True if the position is allowed.
    plain Decision(doorward::Decision) {
        /// Whether the position is allowed.
        allowed: |record| &record.allowed,
        /// What it violates: `below_min`, `above_max`, `currency_not_allowed`, in this order.
        violations: |record| &record.violations,
        /// The policy that it was decided on.
        policy_id: |record| &record.policy_id,
        /// That policy's version.
        policy_version: |record| &record.policy_version,
        /// Where the rules came from.
        policy: |record| &record.policy,
    } => |fields| doorward::Decision {
        allowed: fields.next()?,
        violations: fields.next()?,
        policy_id: fields.next()?,
        policy_version: fields.next()?,
        policy: fields.next()?,
    };
    + {
        fn __bool__(&self) -> bool {
            self.0.allowed
        }
    }
}
