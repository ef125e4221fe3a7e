//! A policy's rules in a few words, which a reader copies without a lock or a reference count.
//!
//! Most policies fit: an id of doorward's own, and at most four currencies by name. What does not fit, and what is not
//! allowed and so has to be explained, is asked of the whole [`Rule`].

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use super::rule::Rule;
use crate::model::{
    decision::{Decision, DefaultDecision, Position},
    id::PolicyId,
};

/// How many currencies fit.
const CURRENCIES: usize = 4;
/// In the place of the first currency: all are allowed. No code has these bytes.
const ANY: u64 = u64::MAX;
/// Least and greatest amount in two words each, the currencies, the policy's id in two, its version.
const WORDS: usize = 4 + CURRENCIES + 3;

/// An answer in words, for the caller to make a [`Decision`] of in the place where it wants one.
#[derive(Clone, Copy)]
pub(crate) enum Quick {
    /// Allowed by the policy with this id, in this version.
    Allowed { id: (u64, u64), version: u64 },
    /// There is no policy: the default decides.
    NoPolicy,
}

/// The words of one policy: a sequence lock for which nobody waits.
///
/// A reader that meets a change gets nothing, and asks the whole rule. `changes` is odd during a change; the reader's two
/// loads of it agree only if the words between belong together: what it read of a later change was stored after that
/// change's `fence(Release)`, which synchronises with the reader's `fence(Acquire)`, so that the second load sees the odd
/// number or a later one.
#[derive(Default)]
pub(super) struct Brief {
    changes: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Brief {
    /// The policy's answer, if it is here and the position is allowed.
    #[inline]
    pub(super) fn allowing(&self, position: &Position) -> Option<Quick> {
        let before = self.changes.load(Acquire);
        let [min_high, min_low, max_high, max_low, a, b, c, d, id_high, id_low, version] =
            self.words.each_ref().map(|word| word.load(Relaxed));
        fence(Acquire);
        let whole = before & 1 == 0 && self.changes.load(Relaxed) == before;
        let units = position.amount.units();
        let currency = position.currency.word();
        // Versions begin with 1: without one nothing is here.
        let allowed = version != 0
            && units >= joined(min_high, min_low)
            && units <= joined(max_high, max_low)
            && (a == ANY || [a, b, c, d].contains(&currency));
        (whole && allowed).then_some(Quick::Allowed { id: (id_high, id_low), version })
    }

    /// Puts the rules here as far as they fit, and `also` does what belongs to the same change. One writer at a time.
    pub(super) fn set(&self, rule: Option<&Rule>, also: impl FnOnce()) {
        self.changes.fetch_add(1, Relaxed);
        fence(Release);
        also();
        let words = rule.and_then(words).unwrap_or_default();
        self.words.iter().zip(words).for_each(|(place, word)| place.store(word, Relaxed));
        self.changes.fetch_add(1, Release);
    }
}

/// The rules in words, if they fit.
fn words(rule: &Rule) -> Option<[u64; WORDS]> {
    let mut currencies = [0; CURRENCIES];
    match rule.currencies() {
        None => currencies = [ANY; CURRENCIES],
        Some(allowed) if allowed.len() <= CURRENCIES => {
            currencies.iter_mut().zip(allowed).for_each(|(place, currency)| *place = currency.word());
        }
        Some(_) => return None,
    }
    let (min_high, min_low) = split(rule.min_amount().map_or(0, |min| min.units()));
    let (max_high, max_low) = split(rule.max_amount().map_or(u128::MAX, |max| max.units()));
    let [a, b, c, d] = currencies;
    let (id_high, id_low) = rule.id().uuid_words()?;
    Some([min_high, min_low, max_high, max_low, a, b, c, d, id_high, id_low, rule.version()])
}

#[inline]
fn joined(high: u64, low: u64) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}

#[expect(clippy::cast_possible_truncation, reason = "it is cut in two")]
fn split(number: u128) -> (u64, u64) {
    ((number >> 64) as u64, number as u64)
}

impl Quick {
    /// The answer as a decision.
    #[inline]
    pub(crate) fn decision(self, default: DefaultDecision) -> Decision {
        match self {
            Self::Allowed { id, version } => Decision::allowed_by(PolicyId::from_uuid_words(id), version),
            Self::NoPolicy => Decision::by_default(default),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        policy::{Policy, PolicyConfig},
        time::Timestamp,
    };

    fn rule(id: &str, config: &str, version: u64) -> Rule {
        Rule::of(Policy {
            id: PolicyId::from_stored(id),
            institution_id: "acme".parse().unwrap(),
            region: "US".parse().unwrap(),
            config: PolicyConfig::from_json(config).unwrap(),
            version,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        })
    }

    fn brief(id: &str, config: &str) -> Brief {
        let brief = Brief::default();
        brief.set(Some(&rule(id, config, 1)), || {});
        brief
    }

    fn allows(brief: &Brief, amount: &str, currency: &str) -> bool {
        brief.allowing(&Position::parse(amount, currency).unwrap()).is_some()
    }

    const ID: &str = "pol_0190a6b0-1111-7000-8000-000000000000";

    #[test]
    fn limits_are_allowed_and_what_lies_beyond_them_by_the_last_place_is_not() {
        let brief = brief(ID, r#"{"position":{"minAmount":100,"maxAmount":"18446744073709551616.00000001"}}"#);
        assert!(allows(&brief, "100", "USD") && allows(&brief, "18446744073709551616.00000001", "EUR"));
        assert!(!allows(&brief, "99.99999999", "USD") && !allows(&brief, "18446744073709551616.00000002", "EUR"));
    }

    #[test]
    fn what_is_absent_is_not_limited_and_an_empty_list_allows_no_currency() {
        assert!(allows(&brief(ID, r#"{"position":{}}"#), "9999999999999999999999999999", "USD"));
        assert!(!allows(&brief(ID, r#"{"position":{"allowedCurrencies":[]}}"#), "1", "USD"));
        let some = brief(ID, r#"{"position":{"allowedCurrencies":["USD","EUR","SGD","AED"]}}"#);
        assert!(allows(&some, "1", "AED") && !allows(&some, "1", "GBP"));
    }

    #[test]
    fn what_does_not_fit_or_was_removed_is_left_to_the_whole_rule() {
        let five = r#"{"position":{"allowedCurrencies":["USD","EUR","SGD","AED","GBP"]}}"#;
        assert!(!allows(&brief(ID, five), "1", "USD"));
        assert!(!allows(&brief("a text of the host's", r#"{"position":{}}"#), "1", "USD"));
        let removed = brief(ID, r#"{"position":{}}"#);
        removed.set(None, || {});
        assert!(!allows(&removed, "1", "USD"));
    }

    #[test]
    fn a_reader_takes_no_half_of_a_change_for_a_whole_rule() {
        let brief = Brief::default();
        // Each version allows one amount alone, which is its number: a mixture would show.
        let rules: Vec<_> =
            (1..=200_u64).map(|n| rule(ID, &format!(r#"{{"position":{{"minAmount":{n},"maxAmount":{n}}}}}"#), n)).collect();
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let positions: Vec<_> =
                            (1..=200_u64).map(|n| (n, Position::parse(&n.to_string(), "USD").unwrap())).collect();
                        let mut latest = 0;
                        while latest < 200 {
                            for (n, position) in &positions {
                                let Some(Quick::Allowed { version, .. }) = brief.allowing(position) else { continue };
                                assert_eq!(version, *n);
                                assert!(version >= latest, "an older version after a newer one");
                                latest = version;
                            }
                        }
                    })
                })
                .collect();
            // The last version stays, so that every reader meets it.
            for rule in &rules {
                (0..50).for_each(|_| brief.set(Some(rule), || {}));
            }
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
    }
}
