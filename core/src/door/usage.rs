//! When keys were last accepted: gathered in memory, written in batches, never a write per request.
//!
//! Stores that note uses by themselves (memory) never come here.

use std::{collections::HashMap, sync::Arc};

use crate::lock::Lock;

use crate::{
    model::{api_key::KeyUse, id::ApiKeyId, time::Timestamp},
    reply::Reply,
    store::Backend,
};

/// How many keys' uses are kept for the next time if they could not be written.
const KEPT: usize = 100_000;

/// Uses that are not written yet.
#[derive(Default)]
pub(super) struct Usage {
    latest: Arc<Lock<HashMap<ApiKeyId, Timestamp>>>,
}

impl Usage {
    /// Notes a use, and says whether it is the key's first that is to be written.
    pub(super) fn note(&self, id: &ApiKeyId, at: Timestamp) -> bool {
        let mut latest = self.latest.lock();
        if let Some(known) = latest.get_mut(id) {
            *known = at.max(*known);
            return false;
        }
        latest.insert(id.clone(), at);
        true
    }

    /// Writes what was gathered; what could not be written stays.
    pub(super) fn flush(&self, backend: &Arc<dyn Backend>) -> Reply<()> {
        let uses: Vec<_> = self.latest.lock().drain().map(|(id, at)| KeyUse { id, at }).collect();
        if uses.is_empty() {
            return Reply::from(Ok(()));
        }
        let latest = Arc::clone(&self.latest);
        let kept = uses.clone();
        backend.record_use(uses).then(move |written| {
            if written.is_err() {
                let mut latest = latest.lock();
                for KeyUse { id, at } in kept.into_iter().take(KEPT) {
                    latest.entry(id).and_modify(|known| *known = at.max(*known)).or_insert(at);
                }
            }
            written
        })
    }
}
