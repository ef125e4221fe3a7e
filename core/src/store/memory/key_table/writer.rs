//! The writers' side: keys are added, changed and removed here, and segments replaced. "Step 1" to "step 3" are those of
//! `orderings.md`.

use std::sync::{
    Arc,
    atomic::{
        AtomicUsize,
        Ordering::{Relaxed, Release},
        fence,
    },
};

use super::{
    DEPTH_BITS, Directory, Entry, Found, KeyTable, MAX_DEPTH, depth_of,
    slot::{REMOVED, Slot, UNUSED, pack_state, put, words},
    top_bits,
};

/// Slots of an ordinary segment: 64 KiB. Small in tests, so that replacement happens all the time.
const SEGMENT: usize = if cfg!(test) { 32 } else { 1024 };
/// Slots of the first segment: one page, which then grows fourfold up to `SEGMENT`.
const FIRST: usize = if cfg!(test) { 8 } else { 64 };

/// The writers' side, of which each table has one.
pub(in crate::store::memory) struct KeyTableWriter {
    table: Arc<KeyTable>,
    len: usize,
    /// By number of segment.
    notes: Vec<Note>,
    /// Replaced segments, free to be overwritten. Stays short: a split takes two and frees one.
    free: Vec<usize>,
}

/// What only the writer needs to know of a segment.
struct Note {
    /// All keys here agree in this many top bits.
    depth: u32,
    /// Slots not `UNUSED`.
    used: usize,
}

impl KeyTable {
    /// For the writer, under whom nothing changes.
    fn current(&self, digest: &[u64; 4]) -> Option<(usize, &[Slot])> {
        self.segment_at(self.root.load(Relaxed), digest)
    }

    /// Whether a segment of this depth may become two. With evenly spread keys always; with equal
    /// prefixes only while the directory has at most eight entries to a segment.
    fn may_split(&self, depth: u32) -> bool {
        let deeper = 2_usize.saturating_pow(depth.saturating_add(1));
        depth < depth_of(self.root.load(Relaxed)) || depth < MAX_DEPTH && deeper <= self.segments.count().saturating_mul(8)
    }

    /// Puts one or two segments in the place of the one of this depth for this digest: the writer's
    /// steps 1 and 2. After `Some`, a later `insert` may overwrite the segment that was replaced.
    fn publish(&self, digest: &[u64; 4], depth: u32, segments: &[usize]) -> Option<()> {
        let root = self.root.load(Relaxed);
        let mut table_depth = depth_of(root);
        let mut directory = self.directory(table_depth)?;
        if segments.len() > 1 && depth == table_depth {
            table_depth = table_depth.saturating_add(1);
            let deeper = self.directories.get(table_depth as usize)?;
            directory = deeper.get_or_init(|| doubled(directory));
        }
        // The entries of the segment are those that agree in `depth` bits: one of `groups` runs.
        let groups = 2_usize.saturating_pow(depth);
        let mut runs = directory.chunks(directory.len().div_ceil(groups));
        let entries = runs.nth(top_bits(digest, depth, groups))?;
        let parts = entries.chunks(entries.len().div_ceil(segments.len()));
        for (part, number) in parts.zip(segments) {
            for entry in part {
                entry.store(*number, Release);
            }
        }
        let count = (root >> DEPTH_BITS).wrapping_add(1);
        self.root.store(count << DEPTH_BITS | u64::from(table_depth), Release);
        Some(())
    }
}

impl KeyTableWriter {
    /// The writer of a new table, which gets its first segment.
    pub(super) fn new(table: Arc<KeyTable>) -> Self {
        let mut writer = Self { table: Arc::clone(&table), len: 0, notes: Vec::new(), free: Vec::new() };
        let first = writer.fill(&[], 0);
        let [directory, ..] = &table.directories;
        directory.get_or_init(|| Box::new([AtomicUsize::new(first)]));
        writer
    }

    /// The number of keys.
    #[cfg(test)]
    #[must_use]
    pub(in crate::store::memory) fn len(&self) -> usize {
        self.len
    }

    /// Every key, in no order, with its digest ([`Found::digest`]) and last use.
    #[cfg(test)]
    pub(in crate::store::memory) fn iter(&self) -> impl Iterator<Item = Found<'_>> {
        let table = &*self.table;
        let directory = table.directory(depth_of(table.root.load(Relaxed))).unwrap_or(&[]);
        // A segment's entries are neighbours, as they agree in the top bits: skip the repeats.
        let same = |a: &AtomicUsize, b: &AtomicUsize| a.load(Relaxed) == b.load(Relaxed);
        let numbers = directory.chunk_by(same).filter_map(|run| Some(run.first()?.load(Relaxed)));
        let segments = numbers.filter_map(|number| table.segments.get(number));
        segments.flat_map(|slots| slots.iter().filter_map(Slot::found))
    }

    /// Adds a key. `false`, and nothing changed, if the digest is present.
    #[must_use]
    pub(in crate::store::memory) fn insert(&mut self, digest: &[u8; 32], entry: &Entry) -> bool {
        if self.table.find(digest).is_some() {
            return false;
        }
        // Step 3, for all that is stored from here on.
        fence(Release);
        let digest = words(digest);
        if !self.has_room(&digest) {
            self.replace_segment(&digest);
        }
        let Some((number, slots)) = self.table.current(&digest) else { return false };
        let placed = put(slots, self.table.home(&digest), &digest, entry, 0);
        if let Some(note) = self.notes.get_mut(number).filter(|_| placed) {
            note.used = note.used.saturating_add(1);
            self.len = self.len.saturating_add(1);
        }
        placed
    }

    /// Sets flags, limit and expiry, in one step for every reader. `false` if the digest is absent.
    #[must_use]
    pub(in crate::store::memory) fn set_state(&mut self, digest: &[u8; 32], entry: &Entry) -> bool {
        let found = self.table.find(digest);
        found.inspect(|key| key.slot.state.store(pack_state(entry), Release)).is_some()
    }

    /// Clears these flags, in one step for every reader. `false` if the digest is absent.
    pub(in crate::store::memory) fn clear_flags(&mut self, digest: &[u8; 32], flags: u8) -> bool {
        let clear = |key: &Found<'_>| {
            let state = pack_state(&Entry { flags: key.entry.flags & !flags, ..key.entry });
            key.slot.state.store(state, Release);
        };
        self.table.find(digest).inspect(clear).is_some()
    }

    /// Removes a key. `false` if the digest is absent.
    #[must_use]
    pub(in crate::store::memory) fn remove(&mut self, digest: &[u8; 32]) -> bool {
        let Some(found) = self.table.find(digest) else { return false };
        found.slot.state.store(REMOVED, Release);
        self.len = self.len.saturating_sub(1);
        true
    }

    fn has_room(&self, digest: &[u64; 4]) -> bool {
        self.table
            .current(digest)
            .is_some_and(|(number, slots)| self.notes.get(number).is_some_and(|note| note.used < limit(slots.len())))
    }

    /// Replaces the segment for this digest by one or two that have room. Once is enough, as each
    /// new segment gets the length that its keys need.
    fn replace_segment(&mut self, digest: &[u64; 4]) {
        let table = Arc::clone(&self.table);
        let Some((old, slots)) = table.current(digest) else { return };
        let Some(&Note { depth, .. }) = self.notes.get(old) else { return };
        let keys: Vec<Found<'_>> = slots.iter().filter_map(Slot::found).collect();
        let published = if length_for(keys.len()) > SEGMENT && table.may_split(depth) {
            let deeper = depth.saturating_add(1);
            let next_bit = |key: &Found<'_>| top_bits(&key.digest, deeper, 2) == 1;
            let (high, low): (Vec<_>, Vec<_>) = keys.into_iter().partition(next_bit);
            table.publish(digest, depth, &[self.fill(&low, deeper), self.fill(&high, deeper)])
        } else {
            table.publish(digest, depth, &[self.fill(&keys, depth)])
        };
        // Only what has certainly been replaced may be overwritten.
        self.free.extend(published.map(|()| old));
    }

    /// Puts the keys in a segment that no reader can reach yet.
    fn fill(&mut self, keys: &[Found<'_>], depth: u32) -> usize {
        let number = self.take_segment(length_for(keys.len()));
        let slots = self.table.segments.get(number).map_or(&[][..], |slots| slots);
        for key in keys {
            put(slots, self.table.home(&key.digest), &key.digest, &key.entry, key.last_used);
        }
        if let Some(note) = self.notes.get_mut(number) {
            *note = Note { depth, used: keys.len() };
        }
        number
    }

    /// An empty segment: a new one, or one that was replaced in an earlier `insert`, which the fence
    /// of this one made safe to overwrite.
    fn take_segment(&mut self, length: usize) -> usize {
        let segments = &self.table.segments;
        let fits = |number: &usize| segments.get(*number).is_some_and(|slots| slots.len() == length);
        let Some(at) = self.free.iter().position(fits) else {
            self.notes.push(Note { depth: 0, used: 0 });
            return segments.push((0..length).map(|_| Slot::default()).collect());
        };
        let number = self.free.swap_remove(at);
        let slots = segments.get(number).into_iter().flat_map(|slots| slots.iter());
        slots.for_each(|slot| slot.state.store(UNUSED, Relaxed));
        number
    }
}

/// How many slots of a segment may be in use: 13/16. More saves memory and costs longer searches.
fn limit(length: usize) -> usize {
    length.saturating_sub(length >> 3).saturating_sub(length >> 4)
}

/// The length for a new segment with so many keys, which leaves a quarter of the limit free.
fn length_for(keys: usize) -> usize {
    let mut length = FIRST;
    while keys > limit(length).saturating_sub(limit(length) >> 2) {
        length = length.saturating_mul(if length < SEGMENT { 4 } else { 2 });
    }
    length
}

/// The directory of the next depth: each entry twice.
fn doubled(directory: &[AtomicUsize]) -> Directory {
    let twice = directory.iter().flat_map(|entry| [entry.load(Relaxed); 2]);
    twice.map(AtomicUsize::new).collect()
}
