//! What authentication answers: [`AuthContext`], [`Verdict`], [`Admission`].

use std::time::Duration;

use serde::Serialize;

use crate::{
    error::Reason,
    model::{
        api_key::Role,
        audit::Actor,
        decision::Decision,
        id::{ApiKeyId, InstitutionId},
        rate_limit::RateLimit,
    },
    store::memory::Good,
};

/// Who the caller is. Only authentication makes one; it can be written as JSON, and never read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthContext {
    role: Role,
    institution_id: Option<InstitutionId>,
    api_key_id: Option<ApiKeyId>,
    /// The limit under which the caller was let in.
    #[serde(skip)]
    pub(super) rate_limit: Option<RateLimit>,
}

impl AuthContext {
    pub(super) fn root() -> Self {
        Self { role: Role::Root, institution_id: None, api_key_id: None, rate_limit: None }
    }

    /// A key that memory found good.
    #[inline]
    pub(super) fn of(good: &Good<'_>, rate_limit: Option<RateLimit>) -> Self {
        Self::key(good.role(), good.institution_id().clone(), good.id(), rate_limit)
    }

    #[inline]
    pub(super) fn key(role: Role, institution_id: InstitutionId, api_key_id: ApiKeyId, rate_limit: Option<RateLimit>) -> Self {
        Self { role, institution_id: Some(institution_id), api_key_id: Some(api_key_id), rate_limit }
    }

    /// What the caller may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The institution to which the caller belongs; `None` for root.
    #[must_use]
    pub fn institution_id(&self) -> Option<&InstitutionId> {
        self.institution_id.as_ref()
    }

    /// The caller's key; `None` for root.
    #[must_use]
    pub fn api_key_id(&self) -> Option<&ApiKeyId> {
        self.api_key_id.as_ref()
    }

    pub(super) fn actor(&self) -> Actor {
        self.api_key_id.clone().map_or(Actor::Root, Actor::Key)
    }
}

/// The answer of `verify`, which makes no error object of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a verdict that is not looked at lets everyone in"]
pub enum Verdict {
    /// The caller is known and its key is good.
    Granted(AuthContext),
    /// The caller's key is good, and was used too often, or too many authentications failed from its address: it may come again
    /// after this time. The reason is [`Reason::TooManyRequests`].
    RateLimited(Duration),
    /// The caller is not let in, for this reason. It is for the host; a remote caller is told no more than "missing" or
    /// "invalid API key".
    Refused(Reason),
}

impl Verdict {
    /// Who the caller is, if it was let in.
    #[must_use]
    pub fn granted(self) -> Option<AuthContext> {
        match self {
            Self::Granted(context) => Some(context),
            Self::Refused(_) | Self::RateLimited(_) => None,
        }
    }

    /// Why the caller was not let in, if it was not.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Granted(_) => None,
            Self::Refused(reason) => Some(*reason),
            Self::RateLimited(_) => Some(Reason::TooManyRequests),
        }
    }
}

/// The answer of `admit`: who the caller is, and what the policy says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Admission {
    /// Who the caller is.
    pub context: AuthContext,
    /// What the policy says about the position.
    pub decision: Decision,
}
