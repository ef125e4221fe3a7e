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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Doorward, store::around::around, store::memory::MemoryStore};

    /// A host's store with a bug, called on the thread that polls.
    struct Panicking {
        store: Arc<dyn Backend>,
    }

    impl Panicking {
        fn ask<T: Send + 'static>(&self, _: impl FnOnce(&dyn Backend) -> Reply<T>) -> Reply<T> {
            // Without the panic hook: a panic that is meant is no news.
            std::panic::resume_unwind(Box::new("a bug"))
        }

        fn change<T: Send + 'static>(&self, call: impl FnOnce(&dyn Backend) -> Reply<T>) -> Reply<T> {
            self.ask(call)
        }

        fn record<A, T: Send + 'static>(&self, audit: A, call: impl FnOnce(&dyn Backend, A) -> Reply<T>) -> Reply<T> {
            self.ask(|store| call(store, audit))
        }
    }

    around! {
        Panicking {
            fn may_block(&self) -> bool {
                false
            }

            fn after_fork(&self) -> Result<Option<Arc<dyn Backend>>> {
                self.store.after_fork()
            }

            fn close(&self, deadline: Duration) -> Reply<()> {
                self.store.close(deadline)
            }
        }
    }

    #[test]
    fn a_panic_of_the_store_is_told_and_does_not_reach_the_host() {
        let store = Panicking { store: Arc::new(MemoryStore::new(None)) };
        let door = Doorward::with_backend(Arc::new(store), Config::memory());
        for health in [door.health(), pollster::block_on(door.to_async().health())] {
            assert_eq!((health.reachable, health.error), (false, Some(Reason::Panicked)));
        }
    }
}
