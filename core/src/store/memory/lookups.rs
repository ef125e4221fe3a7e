//! What lookups read: the key table and the tenants, without a lock, an allocation or a reference count.

use std::sync::{
    Arc,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    },
};

use super::{
    brief::Quick,
    key_table::{Found, KeyTable},
    rates::Rates,
    record::Flags,
    tenants::{Tenant, Tenants},
};
use crate::{
    model::{
        api_key::Role,
        code::Region,
        decision::{Decision, DefaultDecision, Position},
        id::{ApiKeyId, InstitutionId},
        rate_limit::RateLimit,
        time::Timestamp,
    },
    token::KeyHash,
};

/// More milliseconds than the coarse clock is ever behind: a tick takes at most 10.
const CLOCK_LAG: u64 = 100;

/// Keys and policies as they stand in memory, shared by the store that changes them and the door that asks.
pub(crate) struct Lookups {
    pub(super) keys: Arc<KeyTable>,
    pub(super) tenants: Arc<Tenants>,
    pub(super) rates: Arc<Rates>,
    /// Odd while a change is under way; two equal even readings with a look in between mean one view.
    changes: AtomicU64,
}

/// A key that was found good as far as its slot tells, which is all there is to know of it.
pub(crate) struct Good<'a> {
    found: Found<'a>,
    tenant: &'a Tenant,
}

impl Good<'_> {
    #[inline]
    pub(crate) fn role(&self) -> Role {
        Flags::of(&self.found).role()
    }

    #[inline]
    pub(crate) fn institution_id(&self) -> &InstitutionId {
        &self.tenant.id
    }

    #[inline]
    pub(crate) fn id(&self) -> ApiKeyId {
        ApiKeyId::from_uuid_bytes(self.found.entry.id)
    }

    /// The bits of the key's id.
    #[inline]
    pub(crate) fn id_bytes(&self) -> [u8; 16] {
        self.found.entry.id
    }

    /// The number of the key's own rate limit ([`Lookups::rate_limit`]); 0 where it has none.
    #[inline]
    pub(crate) fn limit(&self) -> u8 {
        self.found.entry.limit
    }

    /// The answer of the policy of the key's institution, if it is quickly told.
    #[inline]
    pub(crate) fn quick(&self, region: Region, position: &Position) -> Option<Quick> {
        self.tenant.quick(region, position)
    }

    /// The decision of the policy of the key's institution.
    pub(crate) fn decide(&self, region: Region, position: &Position, default: DefaultDecision) -> Decision {
        self.tenant.decide(region, position, default)
    }
}

/// A look at several things.
pub(crate) struct View<'a> {
    lookups: &'a Lookups,
    before: u64,
}

impl View<'_> {
    /// Whether no change came between, so that all that was seen belongs together.
    #[inline]
    pub(crate) fn still_holds(&self) -> bool {
        fence(Acquire);
        self.lookups.changes.load(Relaxed) == self.before
    }
}

impl Lookups {
    pub(super) fn new(keys: Arc<KeyTable>, tenants: Arc<Tenants>, rates: Arc<Rates>) -> Self {
        Self { keys, tenants, rates, changes: AtomicU64::new(0) }
    }

    /// The key with this hash, if it is good, and usable from anywhere; its use is noted. `None` says nothing: whoever wants
    /// to know more asks the store.
    #[inline]
    pub(crate) fn good(&self, hash: &KeyHash) -> Option<Good<'_>> {
        let found = self.keys.find(hash.as_bytes())?;
        let now = Timestamp::coarse_now();
        let flags = Flags::of(&found);
        // The clock of a lookup is some milliseconds behind: so near its end a key is left to the exact one.
        let certain = now.as_millis().saturating_add(CLOCK_LAG);
        if !flags.is_plain() || found.entry.expires_ms.is_some_and(|expiry| expiry <= certain) {
            return None;
        }
        let tenant = self.tenants.get(found.entry.tenant)?;
        found.stamp(seconds(now));
        Some(Good { found, tenant })
    }

    /// The rate limit with this number.
    pub(crate) fn rate_limit(&self, number: u8) -> Option<RateLimit> {
        self.rates.get(number)
    }

    /// The beginning of a look at several things; `None` while a change is under way.
    #[inline]
    pub(crate) fn view(&self) -> Option<View<'_>> {
        let before = self.changes.load(Acquire);
        (before & 1 == 0).then_some(View { lookups: self, before })
    }

    /// Makes a change of which no reader takes half for one view, even if it panics.
    pub(super) fn change<T>(&self, change: impl FnOnce() -> T) -> T {
        struct UnderWay<'a>(&'a AtomicU64);
        impl Drop for UnderWay<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Release);
            }
        }
        self.changes.fetch_add(1, Relaxed);
        fence(Release);
        let _under_way = UnderWay(&self.changes);
        change()
    }
}

/// Seconds since 1970, as slots hold them, up to the year 2106.
#[inline]
pub(super) fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis() / 1000).unwrap_or(u32::MAX)
}
