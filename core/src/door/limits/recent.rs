//! What was used of limits by those that lately used some: bounded, however many there are.

use std::{hash::Hash, num::NonZeroUsize};

use governor::{nanos::Nanos, state::StateStore};
use lru::LruCache;

use super::limiter::Ledger;
use crate::lock::Lock;

/// How many are remembered: some 10 MB at most. Who was forgotten begins anew; to push out one, this many others have to come
/// after it.
const MOST: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

pub(super) struct Recent<K: Hash + Eq> {
    used: Lock<LruCache<K, Nanos>>,
}

impl<K: Hash + Eq> Default for Recent<K> {
    fn default() -> Self {
        Self { used: Lock::new(LruCache::new(MOST)) }
    }
}

impl<K: Hash + Eq + Clone> StateStore for Recent<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut used = self.used.lock();
        let (answer, next) = decide(used.get(key).copied())?;
        used.put(key.clone(), next);
        Ok(answer)
    }
}

impl<K: Hash + Eq + Clone> Ledger for Recent<K> {
    fn latest(&self, key: &K) -> Option<Nanos> {
        self.used.lock().peek(key).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_forgotten_from_its_beginning() {
        let recent = Recent::default();
        let used = |_| Ok::<_, ()>(((), Nanos::from(1)));
        for key in 0..=MOST.get() {
            recent.measure_and_replace(&key, used).unwrap();
        }
        assert_eq!(recent.used.lock().len(), MOST.get());
        assert_eq!(recent.latest(&0), None);
        assert!(recent.latest(&1).is_some() && recent.latest(&MOST.get()).is_some());
        // Looking remembers nobody.
        assert_eq!(recent.latest(&usize::MAX), None);
        assert!(recent.latest(&1).is_some());
    }
}
