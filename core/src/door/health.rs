//! What a handle says of itself.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::{Error, Reason};

/// Whether the store can be reached, how quickly, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `memory`, `sqlite`, `postgres`, or the name of the host's own.
    pub backend: &'static str,
    /// Whether the store answered.
    pub reachable: bool,
    /// Why it did not.
    #[serde(serialize_with = "word")]
    pub error: Option<Reason>,
    /// The version of its tables, if it has some and answered.
    pub schema_version: Option<u32>,
    /// How many changes the store has had, if it answered.
    pub generation: Option<u64>,
    /// How long the answer took, in seconds.
    #[serde(rename = "latencySeconds", serialize_with = "seconds")]
    pub latency: Duration,
}

impl Health {
    pub(super) fn unreachable(error: &Error) -> Self {
        let reason = Some(error.reason());
        Self {
            backend: "unknown",
            reachable: false,
            error: reason,
            schema_version: None,
            generation: None,
            latency: Duration::ZERO,
        }
    }
}

fn word<S: Serializer>(reason: &Option<Reason>, serializer: S) -> Result<S::Ok, S::Error> {
    reason.map(Reason::as_str).serialize(serializer)
}

fn seconds<S: Serializer>(latency: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(latency.as_secs_f64())
}
