//! The clock of rate limits: as of its last tick, at a fifth of the price, and brought up to date before anybody is refused.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use governor::nanos::Nanos;

/// The machine's monotonic clock in nanoseconds. A reading is some milliseconds behind, never ahead; all clones are one.
#[derive(Clone, Default)]
pub(super) struct Clock {
    /// The latest exact reading.
    exact: Arc<AtomicU64>,
}

impl Clock {
    /// Reads the exact time, before which no later reading lies.
    pub(super) fn catch_up(&self) {
        self.exact.fetch_max(exact(), Relaxed);
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Nanos;

    #[inline]
    fn now(&self) -> Nanos {
        coarse().max(self.exact.load(Relaxed)).into()
    }
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::time::{ClockId, clock_gettime};

    #[inline]
    fn read(clock: ClockId) -> u64 {
        let now = clock_gettime(clock);
        let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or_default(), u64::try_from(now.tv_nsec).unwrap_or_default());
        seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
    }

    #[inline]
    pub(super) fn coarse() -> u64 {
        read(ClockId::MonotonicCoarse)
    }

    pub(super) fn exact() -> u64 {
        read(ClockId::Monotonic)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::{sync::LazyLock, time::Instant};

    static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(super) fn exact() -> u64 {
        u64::try_from(BEGINNING.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) use exact as coarse;
}

use system::{coarse, exact};

#[cfg(test)]
mod tests {
    use governor::clock::Clock as _;

    use super::*;

    #[test]
    fn it_is_never_ahead_and_after_catching_up_not_behind() {
        let clock = Clock::default();
        for _ in 0..100 {
            assert!(clock.now().as_u64() <= exact());
            let before = exact();
            clock.catch_up();
            assert!((before..=exact()).contains(&clock.clone().now().as_u64()));
        }
    }
}
