//! Institutions as lookups see them: their ids and their policies, read without a lock.
//!
//! Institutions are only ever added, so their index is append-only: a hash table of numbers that is replaced by one of
//! twice the size when it is half full. The old ones stay (together they are no larger than the new one), since a reader
//! may be in them. A policy is a cell that is swapped as a whole, with its rules in brief beside it.

use std::{
    hash::BuildHasher,
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicU32, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use arc_swap::ArcSwapOption;

use super::{
    brief::{Brief, Quick},
    policies,
    rule::Rule,
};
use crate::model::{
    code::Region,
    decision::{Decision, DefaultDecision, Position},
    id::InstitutionId,
};

/// Institutions by number and by id.
pub(super) struct Tenants {
    list: boxcar::Vec<Tenant>,
    /// Each twice as long as the one before; a place holds a tenant's number plus one, or 0.
    levels: [OnceLock<Box<[AtomicU32]>>; 28],
    level: AtomicUsize,
    hasher: foldhash::quality::RandomState,
}

/// An institution as lookups see it.
pub(super) struct Tenant {
    pub(super) id: InstitutionId,
    /// The first region's policy lies here, without a further step to it.
    policy: OnceLock<PolicyCell>,
}

/// A region's policy, and the next region's. Institutions have few regions: a list is the fastest map.
struct PolicyCell {
    region: Region,
    brief: Brief,
    rule: ArcSwapOption<Rule>,
    next: OnceLock<Box<PolicyCell>>,
}

const FIRST_LEVEL: usize = 64;

impl Tenants {
    pub(super) fn new() -> Self {
        let levels: [OnceLock<Box<[AtomicU32]>>; 28] = std::array::from_fn(|_| OnceLock::new());
        if let Some(first) = levels.first() {
            first.get_or_init(|| empty(FIRST_LEVEL));
        }
        Self { list: boxcar::Vec::new(), levels, level: AtomicUsize::new(0), hasher: foldhash::quality::RandomState::default() }
    }

    /// The institution of this number.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Tenant> {
        self.list.get(usize::try_from(number).ok()?)
    }

    /// The institution of this id.
    #[inline]
    pub(super) fn find(&self, id: &InstitutionId) -> Option<(u32, &Tenant)> {
        let level = self.level(self.level.load(Acquire))?;
        self.probe(level, id).find_map(|place| {
            let number = place.load(Acquire).checked_sub(1)?;
            self.get(number).filter(|tenant| tenant.id == *id).map(|tenant| (number, tenant))
        })
    }

    /// Adds an institution that is not there yet; `None` if there is no room for its number. One writer at a time.
    pub(super) fn push(&self, id: InstitutionId) -> Option<u32> {
        let current = self.level.load(Relaxed);
        let level = self.level(current)?;
        let level = if self.list.count() < level.len() / 2 { level } else { self.grow(current)? };
        let number = u32::try_from(self.list.count()).ok().filter(|number| *number < u32::MAX)?;
        self.list.push(Tenant { id: id.clone(), policy: OnceLock::new() });
        self.place(level, &id, number);
        Some(number)
    }

    fn grow(&self, current: usize) -> Option<&[AtomicU32]> {
        let old = self.level(current)?;
        let next = current.checked_add(1)?;
        let level = self.levels.get(next)?.get_or_init(|| empty(old.len().saturating_mul(2)));
        for (number, tenant) in &self.list {
            self.place(level, &tenant.id, u32::try_from(number).ok()?);
        }
        self.level.store(next, Release);
        Some(level)
    }

    fn place(&self, level: &[AtomicU32], id: &InstitutionId, number: u32) {
        if let Some(place) = self.probe(level, id).last() {
            place.store(number.saturating_add(1), Release);
        }
    }

    #[inline]
    fn level(&self, number: usize) -> Option<&[AtomicU32]> {
        self.levels.get(number)?.get().map(|level| &**level)
    }

    /// The places where the id may be, up to and with the first empty one. A level is never full.
    #[inline]
    fn probe<'a>(&self, level: &'a [AtomicU32], id: &InstitutionId) -> impl Iterator<Item = &'a AtomicU32> + use<'a> {
        let mask = level.len().wrapping_sub(1);
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let mut at = self.hasher.hash_one(id) as usize & mask;
        let mut ended = false;
        std::iter::from_fn(move || {
            let place = level.get(at).filter(|_| !ended)?;
            ended = place.load(Relaxed) == 0;
            at = at.wrapping_add(1) & mask;
            Some(place)
        })
    }
}

impl Tenant {
    /// Calls `read` with the rules of the policy in this region.
    #[inline]
    pub(super) fn with_rule<R>(&self, region: Region, read: impl FnOnce(Option<&Rule>) -> R) -> R {
        match self.cell(region) {
            Some(cell) => read(cell.rule.load().as_deref()),
            None => read(None),
        }
    }

    /// What the policy in this region says about a position, if that is quickly told.
    #[inline]
    pub(super) fn quick(&self, region: Region, position: &Position) -> Option<Quick> {
        match self.cell(region) {
            Some(cell) => cell.brief.allowing(position),
            None => Some(Quick::NoPolicy),
        }
    }

    /// What the policy in this region says about a position.
    #[inline]
    pub(super) fn decide(&self, region: Region, position: &Position, default: DefaultDecision) -> Decision {
        match self.quick(region, position) {
            Some(quick) => quick.decision(default),
            None => self.with_rule(region, |rule| policies::decide(rule, position, default)),
        }
    }

    /// Puts rules in their region, or removes those that are there. One writer at a time.
    pub(super) fn set_rule(&self, region: Region, rule: Option<Arc<Rule>>) {
        let new = || PolicyCell { region, brief: Brief::default(), rule: ArcSwapOption::empty(), next: OnceLock::new() };
        let mut cell = self.policy.get_or_init(new);
        while cell.region != region {
            cell = cell.next.get_or_init(|| Box::new(new()));
        }
        // Together: who has seen the new rules in brief finds no older ones in the cell.
        cell.brief.set(rule.as_deref(), || cell.rule.store(rule.clone()));
    }

    #[inline]
    fn cell(&self, region: Region) -> Option<&PolicyCell> {
        let mut cell = self.policy.get();
        while let Some(this) = cell.filter(|cell| cell.region != region) {
            cell = this.next.get().map(|next| &**next);
        }
        cell
    }
}

fn empty(length: usize) -> Box<[AtomicU32]> {
    std::iter::repeat_with(AtomicU32::default).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn institutions_are_found_by_id_and_by_number_while_more_are_added() {
        let tenants = Tenants::new();
        let id = |n: u32| -> InstitutionId { format!("bank-{n}").parse().unwrap() };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..20_000).for_each(|n| assert_eq!(tenants.push(id(n)), Some(n))));
            scope.spawn(|| {
                let mut last = 0;
                while last < 19_999 {
                    let Some(newest) = tenants.list.count().checked_sub(1) else { continue };
                    last = u32::try_from(newest).unwrap();
                    // The newest may still be on its way into the index; the one before is there.
                    if let Some(before) = last.checked_sub(1) {
                        assert_eq!(tenants.find(&id(before)).unwrap().0, before);
                    }
                    assert!(tenants.find(&id(1_000_000)).is_none());
                }
            });
        });
        for n in 0..20_000 {
            assert_eq!(tenants.get(n).unwrap().id, id(n));
            assert_eq!(tenants.find(&id(n)).unwrap().0, n);
        }
    }
}
