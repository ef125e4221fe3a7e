//! How much each key has used of its limit: found in one or two cache lines, without a lock.
//!
//! There is a cell for each key that came with a limit, sixteen bytes, kept as long as the handle. Cells lie in levels, each
//! four times as large as the one before; a cell goes where its tag first finds room, and never moves or ends. So whoever looks
//! for a tag goes through the same places as whoever put it there, and the first empty place means that it is nowhere.

use std::{
    iter,
    sync::{
        OnceLock,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire},
        },
    },
};

use governor::{
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};

use super::limiter::Ledger;

/// A key together with its limit, in bits that are never all zero. Two that agree by chance would share a cell: among a million
/// keys one pair in thirty million stores.
pub(super) type Tag = u64;

/// Buckets of the first level; the 16th would have 2^38.
const FIRST: usize = 256;
const LEVELS: usize = 16;
const CELLS: usize = 4;

/// Four cells in a cache line.
#[derive(Default)]
#[repr(align(64))]
struct Bucket {
    tags: [AtomicU64; CELLS],
    used: [InMemoryState; CELLS],
}

#[derive(Default)]
pub(super) struct Cells {
    levels: [OnceLock<Box<[Bucket]>>; LEVELS],
}

impl Cells {
    /// The cell of this tag, which gets one if it has none.
    #[inline]
    fn cell(&self, tag: Tag) -> Option<&InMemoryState> {
        for (number, level) in self.levels.iter().enumerate() {
            let bucket = bucket(level.get_or_init(|| empty(number)), tag)?;
            for (place, used) in bucket.tags.iter().zip(&bucket.used) {
                let mut there = place.load(Acquire);
                if there == 0 {
                    // Whoever comes first has the place; it may have come for the same key.
                    there = place.compare_exchange(0, tag, AcqRel, Acquire).map_or_else(|taken| taken, |_| tag);
                }
                if there == tag {
                    return Some(used);
                }
            }
        }
        None
    }

    /// The cell of this tag, if it has one.
    fn find(&self, tag: Tag) -> Option<&InMemoryState> {
        for level in self.levels.iter().map_while(OnceLock::get) {
            let bucket = bucket(level, tag)?;
            for (place, used) in bucket.tags.iter().zip(&bucket.used) {
                match place.load(Acquire) {
                    there if there == tag => return Some(used),
                    0 => return None,
                    _ => {}
                }
            }
        }
        None
    }
}

#[inline]
fn bucket(level: &[Bucket], tag: Tag) -> Option<&Bucket> {
    #[expect(clippy::cast_possible_truncation, reason = "any bits of a tag will do")]
    level.get(tag as usize & level.len().wrapping_sub(1))
}

fn empty(level: usize) -> Box<[Bucket]> {
    let buckets = (0..level).fold(FIRST, |buckets, _| buckets.saturating_mul(4));
    iter::repeat_with(Bucket::default).take(buckets).collect()
}

impl StateStore for Cells {
    type Key = Tag;

    #[inline]
    fn measure_and_replace<T, F, E>(&self, tag: &Tag, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        match self.cell(*tag) {
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
        // Tags that all begin in the same bucket of the first levels, and others.
        let tags: Vec<Tag> =
            (1..=2000).map(|n| n << 20 | 7).chain((1..=20_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
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
