//! Decisions: what a policy says about a position.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    amount::Amount,
    code::{Currency, Vocabulary},
    id::PolicyId,
    policy::{Policy, PositionRule},
};
use crate::error::{Error, Result};

/// What a policy is asked about: an amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// In major units.
    pub amount: Amount,
    /// ISO 4217, or one that the host configured.
    pub currency: Currency,
}

impl Position {
    /// A position from texts: a decimal amount, a currency code.
    ///
    /// # Errors
    /// `Validation`, naming `amount` or `currency`.
    pub fn parse(amount: &str, currency: &str) -> Result<Self> {
        let amount = amount.parse().map_err(|error: Error| error.field("amount"))?;
        Ok(Self { amount, currency: currency.parse()? })
    }

    #[inline]
    pub(crate) fn check(&self, vocabulary: &Vocabulary) -> Result<()> {
        vocabulary.check_currency(self.currency)
    }
}

/// The answer of a policy: allowed, or every violation that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Whether the position is allowed.
    pub allowed: bool,
    /// What it violates: `below_min`, `above_max`, `currency_not_allowed`, in this order.
    pub violations: Vec<Violation>,
    /// The policy that it was decided on.
    pub policy_id: Option<PolicyId>,
    /// That policy's version.
    pub policy_version: Option<u64>,
    /// Where the rules came from.
    pub policy: PolicySource,
}

/// Where the rules of a decision came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicySource {
    /// The stored policy.
    Found,
    /// There is none: the configured default decided.
    None,
    /// There is one that cannot be read: denied, since a rule is never skipped because of an error.
    Unreadable,
    /// A config that was given with the question (dry run).
    Given,
}

/// A rule that a position violates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which rule.
    pub code: ViolationCode,
    /// What the rule allows: an amount, or the allowed currencies separated by commas.
    pub limit: String,
    /// What the position has.
    pub value: String,
}

/// Which rule a position violates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationCode {
    /// The amount is less than `minAmount`.
    BelowMin,
    /// The amount is greater than `maxAmount`.
    AboveMax,
    /// The currency is not among `allowedCurrencies`.
    CurrencyNotAllowed,
}

impl ViolationCode {
    /// The word: `below_min`, `above_max`, `currency_not_allowed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BelowMin => "below_min",
            Self::AboveMax => "above_max",
            Self::CurrencyNotAllowed => "currency_not_allowed",
        }
    }
}

impl fmt::Display for ViolationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is decided where no policy exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DefaultDecision {
    /// Allow, as an application without limits does.
    #[default]
    Allow,
    /// Deny.
    Deny,
}

impl Decision {
    /// The decision of a stored policy.
    #[must_use]
    #[inline]
    pub fn by_policy(policy: &Policy, position: &Position) -> Self {
        Self::by_rule(&policy.config.position, &policy.id, policy.version, position)
    }

    #[inline]
    pub(crate) fn by_rule(rule: &PositionRule, id: &PolicyId, version: u64, position: &Position) -> Self {
        let violations = rule.violations(position);
        Self {
            allowed: violations.is_empty(),
            violations,
            policy_id: Some(id.clone()),
            policy_version: Some(version),
            policy: PolicySource::Found,
        }
    }

    /// The decision of a stored policy that allows the position.
    #[inline]
    pub(crate) fn allowed_by(id: PolicyId, version: u64) -> Self {
        Self {
            allowed: true,
            violations: Vec::new(),
            policy_id: Some(id),
            policy_version: Some(version),
            policy: PolicySource::Found,
        }
    }

    /// The decision of rules that are not stored.
    #[must_use]
    pub fn by_given(rule: &PositionRule, position: &Position) -> Self {
        let violations = rule.violations(position);
        Self { allowed: violations.is_empty(), violations, policy_id: None, policy_version: None, policy: PolicySource::Given }
    }

    /// The decision where there is no policy.
    #[must_use]
    #[inline]
    pub fn by_default(default: DefaultDecision) -> Self {
        let allowed = default == DefaultDecision::Allow;
        Self { allowed, violations: Vec::new(), policy_id: None, policy_version: None, policy: PolicySource::None }
    }

    /// The decision where there is a policy that cannot be read.
    #[must_use]
    pub fn by_unreadable() -> Self {
        Self { allowed: false, violations: Vec::new(), policy_id: None, policy_version: None, policy: PolicySource::Unreadable }
    }
}

impl PositionRule {
    /// Everything that the position violates, in the order of the codes. Allocates only if there is something.
    #[must_use]
    #[inline]
    pub fn violations(&self, position: &Position) -> Vec<Violation> {
        let below = self.min_amount.filter(|min| position.amount < *min);
        let above = self.max_amount.filter(|max| position.amount > *max);
        let currency = self.allowed_currencies.as_ref().filter(|allowed| !allowed.contains(&position.currency));
        if below.is_none() && above.is_none() && currency.is_none() {
            return Vec::new();
        }
        let amount = |code, limit: Amount| Violation { code, limit: limit.to_string(), value: position.amount.to_string() };
        let mut violations = Vec::new();
        violations.extend(below.map(|min| amount(ViolationCode::BelowMin, min)));
        violations.extend(above.map(|max| amount(ViolationCode::AboveMax, max)));
        violations.extend(currency.map(|allowed| Violation {
            code: ViolationCode::CurrencyNotAllowed,
            limit: allowed.iter().map(Currency::as_str).collect::<Vec<_>>().join(","),
            value: position.currency.to_string(),
        }));
        violations
    }
}
