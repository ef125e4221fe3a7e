//! A small number for each thread, by which it finds a place of its own to count in.
//!
//! A place that one thread has alone is counted up by a load and a store, at a third of the price of an atomic addition.
//! Threads that find no number of their own share the last one, and add atomically there. No lock: a thread of the parent
//! could hold it at the moment of a fork.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

/// How many places there are.
pub(super) const SHARDS: usize = 65;
/// The place for threads without one of their own.
const COMMON: usize = SHARDS - 1;

/// One bit for each number that a thread has.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Whether a thread has its place alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nobody else writes there.
    Alone,
    /// Others write there as well.
    Shared,
}

struct Number(usize);

impl Number {
    fn take() -> Self {
        let mut taken = TAKEN.load(Relaxed);
        loop {
            let free = taken.trailing_ones();
            let Some(bit) = 1_u64.checked_shl(free) else { return Self(COMMON) };
            // Acquire: what the thread that had the number before counted is seen.
            match TAKEN.compare_exchange_weak(taken, taken | bit, AcqRel, Relaxed) {
                Ok(_) => return Self(usize::try_from(free).unwrap_or(COMMON)),
                Err(now) => taken = now,
            }
        }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        if let Some(bit) = u32::try_from(self.0).ok().and_then(|number| 1_u64.checked_shl(number)) {
            TAKEN.fetch_and(!bit, AcqRel);
        }
    }
}

thread_local! {
    static NUMBER: Number = Number::take();
}

/// The calling thread's place. A thread that is ending counts in common.
#[inline]
pub(super) fn current() -> (usize, Hold) {
    let number = NUMBER.try_with(|number| number.0).unwrap_or(COMMON);
    (number, if number == COMMON { Hold::Shared } else { Hold::Alone })
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Barrier};

    use super::*;

    #[test]
    fn threads_at_work_together_have_different_numbers_and_give_them_back() {
        for _ in 0..3 {
            let barrier = Barrier::new(20);
            let numbers: Vec<_> = std::thread::scope(|scope| {
                let take = || {
                    let number = current();
                    barrier.wait();
                    number
                };
                let threads: Vec<_> = (0..20).map(|_| scope.spawn(take)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let alone: Vec<_> = numbers.iter().filter(|(_, hold)| *hold == Hold::Alone).map(|(number, _)| number).collect();
            assert_eq!(alone.iter().collect::<HashSet<_>>().len(), alone.len());
        }
        assert!(TAKEN.load(Relaxed).count_ones() < 60);
    }
}
