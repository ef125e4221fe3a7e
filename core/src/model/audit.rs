//! The audit trail: who did what to what, from where, and what came of it.

use std::{convert::Infallible, fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{
    id::{ApiKeyId, EventId, InstitutionId},
    page::PageRequest,
    time::Timestamp,
};
use crate::error::{Error, Reason, Result};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The host's own trusted code, without an authenticated caller.
    System,
    /// The holder of the root token.
    Root,
    /// A caller whose authentication was refused.
    Anonymous,
    /// The holder of this key.
    Key(ApiKeyId),
}

impl Actor {
    /// The key, if a key's holder did it.
    #[must_use]
    pub fn key_id(&self) -> Option<&ApiKeyId> {
        match self {
            Self::Key(id) => Some(id),
            _ => None,
        }
    }
}

impl fmt::Display for Actor {
    /// `system`, `root`, `anonymous`, or the key's id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.pad("system"),
            Self::Root => f.pad("root"),
            Self::Anonymous => f.pad("anonymous"),
            Self::Key(id) => fmt::Display::fmt(id, f),
        }
    }
}

impl FromStr for Actor {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "system" => Self::System,
            "root" => Self::Root,
            "anonymous" => Self::Anonymous,
            id => Self::Key(ApiKeyId::from_stored(id)),
        })
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Succeeded,
    /// The caller is known and was not allowed to.
    Forbidden,
    /// The caller was not let in.
    Refused,
    /// Another application wrote the entry, and said something else or nothing.
    Unstated,
}

impl Outcome {
    /// The word: `succeeded`, `forbidden`, `refused`, `unstated`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Forbidden => "forbidden",
            Self::Refused => "refused",
            Self::Unstated => "unstated",
        }
    }
}

impl FromStr for Outcome {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Succeeded, Self::Forbidden, Self::Refused, Self::Unstated];
        all.into_iter().find(|outcome| outcome.as_str() == text).ok_or_else(|| {
            Error::new(Reason::InvalidFormat, "must be succeeded, forbidden, refused or unstated").field("outcome")
        })
    }
}

/// What is known of the request in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The HTTP method or its like.
    pub method: Option<String>,
    /// The path without its query.
    pub path: Option<String>,
    /// The host's id of the request.
    pub request_id: Option<String>,
    /// The client's address.
    pub client_address: Option<IpAddr>,
}

/// An entry for the audit trail, as a store is asked to write it. A change and its entry are one transaction.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Made before the change: the change can be found by it after an answer was lost.
    pub id: EventId,
    /// When it happened; a change is dated by it too.
    pub occurred_at: Timestamp,
    /// Who did it. A store refuses a change whose actor's key is not active any more.
    pub actor: Actor,
    /// The operation, by its name in all languages (`create_key`).
    pub action: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The institution concerned.
    pub institution_id: Option<InstitutionId>,
    /// What it was done to: `institution`, `api_key` or `policy`.
    pub resource_type: Option<String>,
    /// Its id; the region for a policy.
    pub resource_id: Option<String>,
    /// The request in which it happened.
    #[serde(flatten)]
    pub origin: Origin,
    /// The HTTP status of a refusal.
    pub status_code: Option<u16>,
    /// The reason of a refusal.
    pub error: Option<String>,
    /// What else is worth keeping; never a secret.
    pub payload: Map<String, Value>,
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// Its place in the trail: rises with every event, in the order in which they were written.
    pub sequence: u64,
    /// The key whose holder did it.
    pub api_key_id: Option<ApiKeyId>,
    /// What was written.
    #[serde(flatten)]
    pub entry: AuditEntry,
}

impl AuditEvent {
    /// The event that a stored entry is.
    #[must_use]
    pub fn new(sequence: u64, entry: AuditEntry) -> Self {
        Self { sequence, api_key_id: entry.actor.key_id().cloned(), entry }
    }
}

/// Which audit events to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only those of this institution.
    pub institution_id: Option<InstitutionId>,
    /// Only those of this actor.
    pub actor: Option<Actor>,
    /// Only those of this action.
    pub action: Option<String>,
    /// Only those that happened at this time or later.
    pub since: Option<Timestamp>,
    /// Only those that happened before this time.
    pub until: Option<Timestamp>,
    /// The page, ordered by time.
    pub page: PageRequest,
}

impl AuditQuery {
    /// Whether an entry belongs to the list.
    #[must_use]
    pub fn selects(&self, entry: &AuditEntry) -> bool {
        self.institution_id.as_ref().is_none_or(|id| entry.institution_id.as_ref() == Some(id))
            && self.actor.as_ref().is_none_or(|actor| *actor == entry.actor)
            && self.action.as_ref().is_none_or(|action| *action == entry.action)
            && self.since.is_none_or(|since| since <= entry.occurred_at)
            && self.until.is_none_or(|until| entry.occurred_at < until)
    }
}
