//! One limit, and what is left of it for each of those that it holds.

use std::{hash::Hash, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{Quota, RateLimiter, clock::Clock as _, middleware::NoOpMiddleware, nanos::Nanos, state::StateStore};

use super::clock::Clock;
use crate::model::rate_limit::{RateLimit, RateLimitStatus};

/// Where a limiter keeps what was used: for each key the time by which all of it will have come back.
pub(super) trait Ledger: StateStore {
    /// What is kept for this key. Makes no place for one that has none.
    fn latest(&self, key: &Self::Key) -> Option<Nanos>;
}

/// A ledger that several limiters write to.
pub(super) struct Shared<L>(Arc<L>);

impl<L: Ledger> StateStore for Shared<L> {
    type Key = L::Key;

    #[inline]
    fn measure_and_replace<T, F, E>(&self, key: &L::Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, decide)
    }
}

pub(super) struct Limiter<L: Ledger> {
    limit: RateLimit,
    /// After how many nanoseconds one request comes back.
    interval: u64,
    gcra: RateLimiter<L::Key, Shared<L>, Clock, NoOpMiddleware<Nanos>>,
    ledger: Arc<L>,
    clock: Clock,
    /// When the limiter was made: from then it counts.
    started: Nanos,
}

impl<L: Ledger> Limiter<L>
where
    L::Key: Hash + Eq + Clone,
{
    pub(super) fn new(limit: RateLimit, clock: &Clock, ledger: &Arc<L>) -> Self {
        let most = NonZeroU32::new(limit.max_requests()).unwrap_or(NonZeroU32::MIN);
        // At least a nanosecond, as the smallest window has one for each of the most requests.
        let interval = limit.window().checked_div(most.get()).unwrap_or_default().max(Duration::from_nanos(1));
        let quota = Quota::with_period(interval).unwrap_or_else(|| Quota::per_second(most)).allow_burst(most);
        loop {
            let started = clock.now();
            let gcra = RateLimiter::new(quota, Shared(Arc::clone(ledger)), clock.clone());
            // It reads the clock by itself, and does not tell what it read.
            if clock.now() == started {
                let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
                return Self { limit, interval, gcra, ledger: Arc::clone(ledger), clock: clock.clone(), started };
            }
        }
    }

    pub(super) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Takes one request, or says after which time there will be one to take.
    #[inline]
    pub(super) fn take(&self, key: &L::Key) -> Result<(), Duration> {
        if self.gcra.check_key(key).is_ok() { Ok(()) } else { self.take_exactly(key) }
    }

    /// By the exact clock: steady traffic at the limit would be refused by one that is behind.
    #[cold]
    fn take_exactly(&self, key: &L::Key) -> Result<(), Duration> {
        self.clock.catch_up();
        self.gcra.check_key(key).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Takes so many at once, or none. More than the limit there never are: the answer is the time for all of them then.
    pub(super) fn take_many(&self, key: &L::Key, count: NonZeroU32) -> Result<(), Duration> {
        self.clock.catch_up();
        match self.gcra.check_key_n(key, count) {
            Ok(taken) => taken.map_err(|until| until.wait_time_from(self.clock.now())),
            Err(_) => Err(Duration::from_nanos(self.interval.saturating_mul(count.get().into()))),
        }
    }

    /// What is left, and takes nothing of it.
    pub(super) fn status(&self, key: &L::Key) -> RateLimitStatus {
        let used = self.used(key);
        let left = self.interval.saturating_mul(self.limit.max_requests().into()).saturating_sub(used);
        let remaining = left.checked_div(self.interval).and_then(|left| u32::try_from(left).ok()).unwrap_or_default();
        RateLimitStatus { limit: self.limit, remaining, reset_after: Duration::from_nanos(used) }
    }

    /// As [`take`](Self::take), and takes nothing.
    pub(super) fn glance(&self, key: &L::Key) -> Result<(), Duration> {
        let room = self.interval.saturating_mul(self.limit.max_requests().saturating_sub(1).into());
        match self.used(key).saturating_sub(room) {
            0 => Ok(()),
            missing => Err(Duration::from_nanos(missing)),
        }
    }

    /// How long it takes until all is back, in nanoseconds.
    fn used(&self, key: &L::Key) -> u64 {
        let Some(latest) = self.ledger.latest(key) else { return 0 };
        self.clock.catch_up();
        let now = self.clock.now().as_u64().saturating_sub(self.started.as_u64());
        latest.as_u64().saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering::Relaxed},
        time::Instant,
    };

    use super::*;
    use crate::door::limits::{cells::Cells, recent::Recent};

    fn limiter<L: Ledger + Default>(requests: u32, window: Duration) -> Limiter<L>
    where
        L::Key: Hash + Eq + Clone,
    {
        Limiter::new(RateLimit::new(requests, window).unwrap(), &Clock::default(), &Arc::default())
    }

    #[test]
    fn many_threads_together_get_exactly_the_limit() {
        let limiter = limiter::<Cells>(1000, RateLimit::LONGEST_WINDOW);
        let taken = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| _ = limiter.take(&7).map(|()| taken.fetch_add(1, Relaxed))));
            }
        });
        assert_eq!(taken.into_inner(), 1000);
        assert_eq!(limiter.status(&7).remaining, 0);
        assert_eq!(limiter.status(&8).remaining, 1000);
    }

    #[test]
    fn steady_traffic_at_the_limit_is_never_refused() {
        // Two milliseconds are finer than the ticks of the coarse clock.
        let limiter = limiter::<Cells>(1, Duration::from_millis(2));
        for _ in 0..300 {
            assert_eq!(limiter.take(&1), Ok(()));
            // From here on, at the latest, the next one comes back.
            let taken = Instant::now();
            while taken.elapsed() < Duration::from_millis(2) {
                std::hint::spin_loop();
            }
        }
    }

    #[test]
    fn who_is_refused_is_told_how_long_and_then_not_refused() {
        let limiter = limiter::<Recent<u8>>(2, Duration::from_millis(60));
        // Where threads are held up one comes back meanwhile.
        let wait = loop {
            if let Err(wait) = limiter.take(&1) {
                break wait;
            }
        };
        assert!(wait <= Duration::from_millis(30), "{wait:?}");
        std::thread::sleep(wait);
        assert_eq!(limiter.glance(&1), Ok(()));
        assert_eq!(limiter.take(&1), Ok(()));
    }

    #[test]
    fn a_glance_tells_whether_there_is_one_left_and_takes_none() {
        let limiter = limiter::<Recent<u8>>(1, RateLimit::LONGEST_WINDOW);
        assert_eq!((limiter.glance(&1), limiter.glance(&1), limiter.take(&1)), (Ok(()), Ok(()), Ok(())));
        assert!(limiter.glance(&1).is_err_and(|wait| wait <= RateLimit::LONGEST_WINDOW));
        assert_eq!(limiter.glance(&2), Ok(()));
    }

    #[test]
    fn what_is_left_is_told_and_not_taken() {
        let limiter = limiter::<Recent<u8>>(10, RateLimit::LONGEST_WINDOW);
        for left in (0..10).rev() {
            limiter.take(&1).unwrap();
            assert_eq!(limiter.status(&1).remaining, left);
            assert_eq!(limiter.status(&1).remaining, left);
        }
        let status = limiter.status(&1);
        assert!(status.reset_after <= RateLimit::LONGEST_WINDOW && status.reset_after > RateLimit::LONGEST_WINDOW / 2);
    }

    #[test]
    fn several_at_once_are_taken_whole_or_not() {
        let limiter = limiter::<Recent<u8>>(10, RateLimit::LONGEST_WINDOW);
        let many = |count| limiter.take_many(&1, NonZeroU32::new(count).unwrap());
        assert!(many(11).is_err());
        assert_eq!(many(7), Ok(()));
        assert!(many(4).is_err());
        assert_eq!(many(3), Ok(()));
    }
}
