//! Rate limits that keys have of their own, by number: a slot of the key table has six bits for one.

use crate::{lock::Lock, model::rate_limit::RateLimit};

/// The numbers are 1 to this; 0 is a key without a limit of its own.
pub(crate) const MOST: u8 = 63;

/// The limits that were ever given to a key. A store has few different ones; keys with a limit beyond the 63rd are looked up in
/// the books.
#[derive(Default)]
pub(super) struct Rates {
    limits: boxcar::Vec<RateLimit>,
    adding: Lock<()>,
}

impl Rates {
    /// The limit with this number.
    #[inline]
    pub(super) fn get(&self, number: u8) -> Option<RateLimit> {
        self.limits.get(usize::from(number.checked_sub(1)?)).copied()
    }

    /// The number of this limit, if there is one left for it.
    pub(super) fn number_of(&self, limit: RateLimit) -> Option<u8> {
        let _adding = self.adding.lock();
        let known = self.limits.iter().find(|(_, known)| **known == limit).map(|(at, _)| at);
        let at = match known {
            Some(at) => at,
            None if self.limits.count() < usize::from(MOST) => self.limits.push(limit),
            None => return None,
        };
        u8::try_from(at).ok()?.checked_add(1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_limit_has_one_number_while_there_are_some() {
        let rates = Rates::default();
        let limit = |requests| RateLimit::new(requests, Duration::from_secs(1)).unwrap();
        for requests in 1..=u32::from(MOST) {
            assert_eq!(rates.number_of(limit(requests)).map(u32::from), Some(requests));
        }
        assert_eq!(rates.number_of(limit(64)), None);
        assert_eq!(rates.number_of(limit(63)), Some(63));
        assert_eq!(rates.get(63), Some(limit(63)));
        assert_eq!((rates.get(0), rates.get(64)), (None, None));
    }
}
