//! Rate limits: of keys, of failed authentications by address, of keys created by institution. Each process counts for itself.
//!
//! All are kept by GCRA (see [`RateLimit`]), whose arithmetic is that of the crate governor. What is here is where the numbers
//! lie: in `cells` for keys, on the way of every request; in `recent`, which is bounded, for addresses and institutions.

mod cells;
mod clock;
mod keys;
mod limiter;
mod recent;

use std::{
    array,
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

pub(super) use self::keys::KeyLimit;
use self::{cells::Cells, clock::Clock, limiter::Limiter, recent::Recent};
use super::context::AuthContext;
use crate::{
    config::RateLimitConfig,
    model::{
        address,
        id::InstitutionId,
        rate_limit::{RateLimit, RateLimitStatus},
    },
    store::memory::{Lookups, MOST_RATES},
};

/// The numbers that a memory store gives to limits, and 0 for none.
const NUMBERS: usize = MOST_RATES as usize + 1;

/// The limits of one handle in one process.
pub(super) struct Limits {
    /// For keys without a limit of their own.
    default: Option<Arc<KeyLimit>>,
    /// Limits of keys' own, by the number that the memory store gave them.
    numbered: [OnceLock<Arc<KeyLimit>>; NUMBERS],
    /// All limits of keys' own.
    own: RwLock<HashMap<RateLimit, Arc<KeyLimit>>>,
    cells: Arc<Cells>,
    clock: Clock,
    /// By address, an IPv6 one without its host part; whoever has none known shares one.
    failures: Option<Limiter<Recent<Option<IpAddr>>>>,
    creations: Option<Limiter<Recent<InstitutionId>>>,
}

impl Limits {
    pub(super) fn new(config: &RateLimitConfig) -> Self {
        let (clock, cells) = (Clock::default(), Arc::default());
        Self {
            default: config.keys.map(|limit| Arc::new(KeyLimit::new(limit, &clock, &cells))),
            numbered: array::from_fn(|_| OnceLock::new()),
            own: RwLock::default(),
            failures: config.failures.map(|limit| Limiter::new(limit, &clock, &Arc::default())),
            creations: config.creations.map(|limit| Limiter::new(limit, &clock, &Arc::default())),
            cells,
            clock,
        }
    }

    /// The limit for keys without one of their own, if there is one.
    #[inline]
    pub(super) fn default(&self) -> Option<&Arc<KeyLimit>> {
        self.default.as_ref()
    }

    /// The limit to which the memory store gave this number, which is not 0.
    #[inline]
    pub(super) fn numbered(&self, number: u8, lookups: &Lookups) -> Option<&Arc<KeyLimit>> {
        let place = self.numbered.get(usize::from(number))?;
        match place.get() {
            Some(limit) => Some(limit),
            None => {
                let limit = lookups.rate_limit(number)?;
                Some(place.get_or_init(|| self.own(limit)))
            }
        }
    }

    /// The limit of a key: its own, or else the one for all.
    pub(super) fn of(&self, own: Option<RateLimit>) -> Option<Arc<KeyLimit>> {
        own.map(|limit| self.own(limit)).or_else(|| self.default.clone())
    }

    fn own(&self, limit: RateLimit) -> Arc<KeyLimit> {
        if let Some(known) = self.own.read().unwrap_or_else(PoisonError::into_inner).get(&limit) {
            return Arc::clone(known);
        }
        let mut all = self.own.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(KeyLimit::new(limit, &self.clock, &self.cells));
        Arc::clone(all.entry(limit).or_insert_with(new))
    }

    /// What a caller has left of the limit under which it was authenticated.
    pub(super) fn status(&self, context: &AuthContext) -> Option<RateLimitStatus> {
        let (limit, id) = (context.rate_limit?, context.api_key_id()?);
        let of_all = self.default.as_ref().filter(|default| default.limit() == limit);
        let limit = of_all.map_or_else(|| self.own(limit), Arc::clone);
        Some(limit.status(id))
    }

    /// Whether too many authentications failed from this address, and if so for how long none is tried.
    #[inline]
    pub(super) fn check_failures(&self, client: impl FnOnce() -> Option<IpAddr>) -> Result<(), Duration> {
        match &self.failures {
            Some(failures) => failures.glance(&client().map(address::prefix)),
            None => Ok(()),
        }
    }

    /// Counts a failed authentication.
    pub(super) fn note_failure(&self, client: Option<IpAddr>) {
        if let Some(failures) = &self.failures {
            // Where several fail at once the last ones find nothing left to take; the next is refused.
            let _ = failures.take(&client.map(address::prefix));
        }
    }

    /// Counts keys that a caller of the institution creates, unless they are too many; then it says when they are not.
    pub(super) fn take_creations(&self, institution: &InstitutionId, count: usize) -> Result<(), Duration> {
        let Some(creations) = &self.creations else { return Ok(()) };
        let count = u32::try_from(count).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX);
        creations.take_many(institution, count)
    }
}
