//! A limit that keys have, be it their own or the one for all.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use super::{
    cells::{Cells, Tag},
    clock::Clock,
    limiter::Limiter,
};
use crate::model::{
    id::ApiKeyId,
    rate_limit::{RateLimit, RateLimitStatus},
};

/// One limit, which each key that has it has for itself.
pub(in crate::door) struct KeyLimit {
    limiter: Limiter<Cells>,
    seeds: [u64; 2],
    texts: RandomState,
}

impl KeyLimit {
    pub(super) fn new(limit: RateLimit, clock: &Clock, cells: &Arc<Cells>) -> Self {
        let texts = RandomState::new();
        Self { limiter: Limiter::new(limit, clock, cells), seeds: [0, 1].map(|i| texts.hash_one((limit, i))), texts }
    }

    pub(in crate::door) fn limit(&self) -> RateLimit {
        self.limiter.limit()
    }

    /// Takes one request of the key whose id has these bits, or says when there will be one.
    #[inline]
    pub(in crate::door) fn take(&self, id: &[u8; 16]) -> Result<(), Duration> {
        self.limiter.take(&self.tag(id))
    }

    /// The same for any id.
    pub(in crate::door) fn take_of(&self, id: &ApiKeyId) -> Result<(), Duration> {
        self.limiter.take(&self.tag_of(id))
    }

    pub(in crate::door) fn status(&self, id: &ApiKeyId) -> RateLimitStatus {
        self.limiter.status(&self.tag_of(id))
    }

    /// Tells keys apart, and the same key under another limit. Ids are doorward's own or an adopted application's: keyed, so
    /// that nobody can make two that agree.
    #[inline]
    fn tag(&self, id: &[u8; 16]) -> Tag {
        let id = u128::from_le_bytes(*id);
        let [first, second] = self.seeds;
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let product = u128::from(id as u64 ^ first).wrapping_mul(u128::from((id >> 64) as u64 ^ second));
        #[expect(clippy::cast_possible_truncation, reason = "folded")]
        let folded = (product ^ (product >> 64)) as u64;
        folded.max(1)
    }

    fn tag_of(&self, id: &ApiKeyId) -> Tag {
        match id.uuid_bytes() {
            Some(bytes) => self.tag(&bytes),
            None => self.texts.hash_one(id).max(1),
        }
    }
}
