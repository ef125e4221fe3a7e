//! How much each key has used of its limit: found in a cache line or two, without a lock.
//!
//! There is a cell for each key that came with a limit, sixteen bytes, kept as long as the handle. A cell never moves, so that
//! what it counts is exact while others find theirs. The table grows by a further level, four times as large as the one before:
//! most keys lie in the newest, where they are looked for first. New cells are made by one thread at a time.

use std::{
    iter,
    sync::{
        OnceLock,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use governor::{
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};

use super::limiter::Ledger;
use crate::lock::Lock;

/// A key together with its limit, in bits that are never all zero. Two that agree by chance would share a cell: among a million
/// keys one pair in thirty million stores.
pub(super) type Tag = u64;

/// Cells of the first level; the 16th would have 2^40.
const FIRST: usize = 1024;
const LEVELS: usize = 16;

/// What one key has used. The tag is 0 in a cell that is free.
#[derive(Default)]
#[repr(align(16))]
struct Cell {
    tag: AtomicU64,
    used: InMemoryState,
}

#[derive(Default)]
pub(super) struct Cells {
    levels: [OnceLock<Box<[Cell]>>; LEVELS],
    /// How many levels there are.
    begun: AtomicUsize,
    /// How many cells of the newest level are taken.
    taken: Lock<usize>,
}

impl Cells {
    /// The cell of this tag, if it has one.
    #[inline]
    fn find(&self, tag: Tag) -> Option<&InMemoryState> {
        let begun = self.levels.get(..self.begun.load(Acquire))?;
        begun.iter().rev().filter_map(OnceLock::get).find_map(|level| {
            let cell = places(level, tag).find(|cell| matches!(cell.tag.load(Acquire), there if there == tag || there == 0))?;
            (cell.tag.load(Relaxed) == tag).then_some(&cell.used)
        })
    }

    /// Makes a cell for this tag, unless somebody has made it meanwhile.
    #[cold]
    fn make(&self, tag: Tag) -> Option<&InMemoryState> {
        let mut taken = self.taken.lock();
        if let Some(cell) = self.find(tag) {
            return Some(cell);
        }
        let mut begun = self.begun.load(Relaxed);
        let newest = begun.checked_sub(1).and_then(|newest| self.levels.get(newest)?.get());
        // Beyond half of its cells the ways through a level grow long.
        if newest.is_none_or(|level| *taken >= level.len() / 2) {
            self.levels.get(begun)?.get_or_init(|| empty(begun));
            begun = begun.saturating_add(1);
            self.begun.store(begun, Release);
            *taken = 0;
        }
        let level = self.levels.get(begun.saturating_sub(1))?.get()?;
        let cell = places(level, tag).find(|cell| cell.tag.load(Relaxed) == 0)?;
        *taken = taken.saturating_add(1);
        cell.tag.store(tag, Release);
        Some(&cell.used)
    }
}

/// Where a tag may lie in a level: in the first of these that is free or its own.
#[inline]
fn places(level: &[Cell], tag: Tag) -> impl Iterator<Item = &Cell> {
    let mask = level.len().saturating_sub(1);
    #[expect(clippy::cast_possible_truncation, reason = "any bits of a tag will do")]
    let first = tag as usize & mask;
    (0..=mask).filter_map(move |step| level.get(first.wrapping_add(step) & mask))
}

fn empty(level: usize) -> Box<[Cell]> {
    let cells = (0..level).fold(FIRST, |cells, _| cells.saturating_mul(4));
    iter::repeat_with(Cell::default).take(cells).collect()
}

impl StateStore for Cells {
    type Key = Tag;

    #[inline]
    fn measure_and_replace<T, F, E>(&self, tag: &Tag, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        match self.find(*tag).or_else(|| self.make(*tag)) {
            Some(cell) => cell.measure_and_replace(&NotKeyed::NonKey, decide),
            // More keys than any memory holds.
            None => decide(None).map(|(answer, _)| answer),
        }
    }
}

impl Ledger for Cells {
    fn latest(&self, tag: &Tag) -> Option<Nanos> {
        let cell = self.find(*tag)?;
        cell.measure_and_replace(&NotKeyed::NonKey, Err::<((), Nanos), _>).err().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds one to what the tag's cell holds.
    fn count(cells: &Cells, tag: Tag) {
        let next = |used: Option<Nanos>| Ok::<_, ()>(((), Nanos::from(used.map_or(0, Nanos::as_u64) + 1)));
        cells.measure_and_replace(&tag, next).unwrap();
    }

    #[test]
    fn each_tag_has_one_cell_whoever_comes_first_and_however_many_there_are() {
        let cells = Cells::default();
        // Tags that all begin at the same cell of the first levels, and others.
        let tags: Vec<Tag> =
            (1..=300).map(|n| n << 12 | 7).chain((1..=20_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (cells, tags) = (&cells, &tags);
                scope.spawn(move || {
                    let part = thread * tags.len() / 4;
                    tags.iter().cycle().skip(part).take(tags.len()).for_each(|tag| count(cells, *tag));
                });
            }
        });
        assert!(tags.iter().all(|tag| cells.latest(tag).map(Nanos::as_u64) == Some(4)));
        assert_eq!(cells.latest(&0xdead_beef), None);
    }
}
