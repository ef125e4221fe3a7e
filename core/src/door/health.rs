//! What a handle says of itself.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Serialize, Serializer};

use super::{engine::Engine, faces::Operation};
use crate::{
    error::{Error, Reason},
    reply::Reply,
    store::Backend,
};

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

impl Engine {
    pub(super) fn health(self: &Arc<Self>, backend: &Arc<dyn Backend>) -> Reply<Health> {
        let start = Instant::now();
        if let Err(error) = self.check_open() {
            return Reply::from(Ok(Health::unreachable(&error)));
        }
        let (engine, generation) = (Arc::clone(self), backend.generation());
        backend.status().and_then(move |status| {
            generation.then(move |generation| {
                let latency = start.elapsed();
                let error = status.as_ref().err().or(generation.as_ref().err()).map(Error::reason);
                engine.metrics.finish(Operation::health, Some(start), error);
                Ok(Health {
                    backend: status.as_ref().map_or("unknown", |status| status.backend),
                    reachable: error.is_none(),
                    error,
                    schema_version: status.ok().and_then(|status| status.schema_version),
                    generation: generation.ok().map(|generation| generation.number),
                    latency,
                })
            })
        })
    }
}
