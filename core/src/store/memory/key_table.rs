//! A concurrent map from a 32-byte digest to a small entry, read without a lock.
//!
//! A key check is read by every request on every thread and written when a person issues or revokes
//! a key. So reading is all that is made fast here: [`KeyTable::find`] takes no lock, allocates
//! nothing, counts no reference and writes nothing. It costs what a plain hash table costs, and two
//! threads that check the same key do not slow one another. Writing goes through the one
//! [`KeyTableWriter`], which cannot be cloned and asks for `&mut`: keep it inside the lock which
//! orders the changes. Everything is atomics in safe Rust, so an error in this file could give a
//! wrong answer but never touch freed memory.
//!
//! # Shape
//!
//! *Slot*: one key in one cache line. Whatever can change in the life of a key (status, role,
//! expiry) is the one word `state`, so that a change is seen whole or not at all.
//!
//! *Segment*: a power of two of slots, searched by linear probing from a home position. A removed
//! key leaves its slot marked `REMOVED`; the slot is not used again while its segment is in use,
//! so **a slot never changes key under a reader** (but see *Recycling*).
//!
//! *Directory*: extendible hashing. The top `depth` bits of the digest pick the directory entry,
//! which holds the number of a segment. A full segment is replaced: by one of a size that suits
//! (when many of its slots are `REMOVED`, or it is small), or by two, one for each value of the next
//! bit of the digest. The whole table is never rehashed: the longest insert copies one segment and,
//! when the depth grows, the directory of one word a segment.
//!
//! *Position*: the home position in a segment comes from a keyed hash of the whole digest, with a
//! random seed for each table. Digests made by SHA-256 would not need it, but imported ones are
//! bytes that another person chose. Choosing equal prefixes, to keep a segment from dividing, gains
//! nothing: the directory stops growing once it is large for the number of segments
//! (`may_split`) and the segment grows instead, as a plain hash table. Nothing but speed
//! depends on the seed.
//!
//! # Recycling, and why a reader is right
//!
//! Safe Rust cannot free a segment that a reader may still be in, so replaced segments are reused,
//! and a late reader may be in one while it is overwritten. This is a sequence lock for which
//! nobody waits. `root` holds the depth and a count of replacements. The **reader**
//!
//! 1. loads `root` (Acquire), a directory entry (Acquire), and the words of some slots;
//! 2. `fence(Acquire)`; loads `root` again: if it differs, what was read is dropped and it retries.
//!
//! The **writer**, to replace segment S by T,
//!
//! 1. fills T, and stores T in the directory entries (Release);
//! 2. stores `root` with the count raised (Release);
//! 3. in a later `insert`: `fence(Release)`, and only then overwrites words of S.
//!
//! *No mixed reads.* Suppose the reader read a word that was stored in S in step 3. Then the fence
//! of that `insert` synchronises with the reader's fence. Step 2 happened before the former (in the
//! same thread, or by the lock that the writer is kept in), and so before the reader's second load
//! of `root`, which must return the raised count or a later one: it differs from the first load,
//! and the reader retries. Or the first load saw the raised count already: then the entries of
//! step 1 are visible too, and the reader is not in S, unless S was published anew since, in which
//! case the entry's Release made its new words visible. (Every `insert` has the fence, as each may
//! run in another thread. `set_state` and `remove` need none: theirs are Release stores.)
//! The word may have been stored by another reader's stamp on top of the writer's store: that is a
//! read-modify-write, which continues the release sequence, so the same holds.
//!
//! *No stale directory.* When the depth grows, the old directory is left as it is (it is small, and
//! readers may be in it). A reader that used it loaded a `root` of the old depth, and is caught in
//! the same way if the segment it came to has been recycled.
//!
//! *No lost change.* A reader whose two loads of `root` agree may still have read S after T was
//! published, but only when nothing orders its call after the publication; its answer is the one
//! that held just before. Once a change is made in T, whoever learns of it (or calls later) sees
//! `root` raised too, as that was stored earlier with Release. So a revocation is never unseen.
//!
//! *No reuse of a count.* It has 58 bits: no reader sleeps through 2^58 replacements.
//!
//! *Insert*: the words are stored first and `state` last, with Release; the reader loads `state`
//! first, with Acquire. *Retries* are bounded in practice: one replacement takes the writer
//! microseconds, one reading takes nanoseconds.
//!
//! # Stamps
//!
//! The time of last use is written by readers, by compare-exchange in the word that also holds the
//! tenant, and only when the second differs: a hot key causes one shared write in a second. A stamp
//! made while its segment is being copied may be lost, and one made very late, by a reader that
//! slept through a recycling, may fall on a key of the same tenant with the same old stamp. It can
//! never alter a tenant: the exchange succeeds only over the very word that was read.

use std::array;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, AtomicUsize, fence};
use std::sync::{Arc, OnceLock};

/// Slots of an ordinary segment: 64 KiB. Small in tests, so that replacement happens all the time.
const SEGMENT: usize = if cfg!(test) { 32 } else { 1024 };
/// Slots of the first segment: one page, which then grows fourfold up to `SEGMENT`.
const FIRST: usize = if cfg!(test) { 8 } else { 64 };
/// The directory never has more than 2^24 entries (by then the segments would fill a terabyte).
const MAX_DEPTH: u32 = 24;

/// `root` is `count of replacements << 6 | depth`.
const DEPTH_BITS: u32 = 6;
const DEPTH_MASK: u64 = (1 << DEPTH_BITS) - 1;

/// `state` is `expiry << 16 | flags << 8 | mark`, and all zero in a slot that was never used.
const UNUSED: u64 = 0;
const LIVE: u64 = 1;
const REMOVED: u64 = 2;
/// The expiry is held as milliseconds + 1, so that 0 is "never"; 48 bits reach the year 10889.
const EXPIRY_MAX: u64 = (1 << 48) - 1;

/// One key. A cache line, so that finding a key touches one.
#[derive(Default)]
#[repr(align(64))]
struct Slot {
    digest: [AtomicU64; 4],
    id: [AtomicU64; 2],
    /// All that can change about a key, in one word.
    state: AtomicU64,
    /// `tenant << 32 | second of last use`.
    usage: AtomicU64,
}

/// The entries of one depth: `2^depth` numbers of segments.
type Directory = Box<[AtomicUsize]>;

/// The readers' side. Share it by `Arc`.
pub(super) struct KeyTable {
    root: AtomicU64,
    seed: [u64; 4],
    directories: [OnceLock<Directory>; MAX_DEPTH as usize + 1],
    /// Append-only. Segments are recycled, never freed before the table is.
    segments: boxcar::Vec<Box<[Slot]>>,
}

/// The writers' side, of which each table has one.
pub(super) struct KeyTableWriter {
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

/// What is kept for a key. `id` and `flags` are not interpreted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: [u8; 16],
    pub(super) tenant: u32,
    pub(super) flags: u8,
    /// Milliseconds since 1970; `None` is never. A time after the year 10889 is held as that year.
    pub(super) expires_ms: Option<u64>,
}

/// A key as it was found: a copy, and the place to stamp.
#[derive(Clone, Copy)]
pub(super) struct Found<'t> {
    pub(super) entry: Entry,
    /// The second of the last use; 0 is never.
    pub(super) last_used: u32,
    digest: [u64; 4],
    slot: &'t Slot,
}

impl KeyTable {
    /// An empty table: the readers' side, to be shared, and the writers' side, to be locked.
    #[must_use]
    pub(super) fn new() -> (Arc<Self>, KeyTableWriter) {
        let random = RandomState::new();
        Self::with_seed(array::from_fn(|i| random.hash_one(i)))
    }

    fn with_seed(seed: [u64; 4]) -> (Arc<Self>, KeyTableWriter) {
        let table = Arc::new(Self {
            root: AtomicU64::new(0),
            seed,
            directories: array::from_fn(|_| OnceLock::new()),
            segments: boxcar::Vec::new(),
        });
        let (len, notes, free) = (0, Vec::new(), Vec::new());
        let mut writer = KeyTableWriter { table: Arc::clone(&table), len, notes, free };
        let first = writer.fill(&[], 0);
        let [directory, ..] = &table.directories;
        directory.get_or_init(|| Box::new([AtomicUsize::new(first)]));
        (table, writer)
    }

    /// The key with this digest. Never waits; why it is right is at the head of this file.
    #[inline]
    #[must_use]
    pub(super) fn find(&self, digest: &[u8; 32]) -> Option<Found<'_>> {
        let digest = words(digest);
        let home = self.home(&digest);
        loop {
            let root = self.root.load(Acquire);
            let (_, slots) = self.segment_at(root, &digest)?;
            let found = probe(slots, &digest, home);
            fence(Acquire);
            if self.root.load(Relaxed) == root {
                return found;
            }
        }
    }

    /// Bytes held: segments and directories, in use or kept for reuse.
    #[cfg(test)]
    #[must_use]
    pub(super) fn memory_bytes(&self) -> usize {
        let slots = self.segments.iter().map(|(_, slots)| size_of_val::<[Slot]>(slots));
        let directories = self.directories.iter().filter_map(OnceLock::get);
        let entries = directories.map(|directory| size_of_val::<[AtomicUsize]>(directory));
        slots.chain(entries).fold(size_of::<Self>(), usize::saturating_add)
    }

    /// A keyed hash: products of two words each, added in 128 bits ("NH"), then folded.
    #[inline]
    fn home(&self, digest: &[u64; 4]) -> usize {
        let ([a, b, c, d], [s, t, u, v]) = (*digest, self.seed);
        let product = |x: u64, y: u64| u128::from(x).wrapping_mul(u128::from(y));
        let first = product(a.wrapping_add(s), b.wrapping_add(t));
        let sum = first.wrapping_add(product(c.wrapping_add(u), d.wrapping_add(v)));
        (sum ^ (sum >> 64)) as usize
    }

    #[inline]
    fn directory(&self, depth: u32) -> Option<&[AtomicUsize]> {
        self.directories.get(depth as usize)?.get().map(|entries| &**entries)
    }

    /// The segment for a digest as of this root: its number and slots. Never `None`: a directory is
    /// made before its depth is published, and has an entry for each value of that many bits.
    #[inline]
    fn segment_at(&self, root: u64, digest: &[u64; 4]) -> Option<(usize, &[Slot])> {
        let depth = depth_of(root);
        let directory = self.directory(depth)?;
        let number = directory.get(top_bits(digest, depth, directory.len()))?.load(Acquire);
        Some((number, self.segments.get(number)?))
    }

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
    /// The number of keys.
    #[cfg(test)]
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Every key, in no order, with its digest ([`Found::digest`]) and last use.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = Found<'_>> {
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
    pub(super) fn insert(&mut self, digest: &[u8; 32], entry: &Entry) -> bool {
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

    /// Sets flags and expiry, in one step for every reader. `false` if the digest is absent.
    #[must_use]
    pub(super) fn set_state(&mut self, digest: &[u8; 32], flags: u8, expires_ms: Option<u64>) -> bool {
        let found = self.table.find(digest);
        found.inspect(|key| key.slot.state.store(pack_state(flags, expires_ms), Release)).is_some()
    }

    /// Clears these flags, in one step for every reader. `false` if the digest is absent.
    pub(super) fn clear_flags(&mut self, digest: &[u8; 32], flags: u8) -> bool {
        let clear = |key: &Found<'_>| {
            let state = pack_state(key.entry.flags & !flags, key.entry.expires_ms);
            key.slot.state.store(state, Release);
        };
        self.table.find(digest).inspect(clear).is_some()
    }

    /// Removes a key. `false` if the digest is absent.
    #[must_use]
    pub(super) fn remove(&mut self, digest: &[u8; 32]) -> bool {
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

impl Found<'_> {
    /// The digest it was found by.
    #[cfg(test)]
    #[must_use]
    pub(super) fn digest(&self) -> [u8; 32] {
        bytes(self.digest)
    }

    /// Notes a use at this second. Writes only if that is later than `last_used`, and only over the
    /// word that `find` saw: if it has changed since, another reader has just done this, or the slot
    /// has gone to another key, which must not be touched.
    #[inline]
    pub(super) fn stamp(&self, second: u32) {
        if second > self.last_used && self.slot.holds(&self.digest) {
            let seen = pack_usage(self.entry.tenant, self.last_used);
            let used = pack_usage(self.entry.tenant, second);
            let _ = self.slot.usage.compare_exchange(seen, used, Relaxed, Relaxed);
        }
    }
}

impl Slot {
    /// Whether the slot has this digest. Takes the same time wherever the digests differ.
    #[inline]
    fn holds(&self, digest: &[u64; 4]) -> bool {
        let pairs = self.digest.iter().zip(digest);
        pairs.fold(0, |differs, (mine, theirs)| differs | (mine.load(Relaxed) ^ theirs)) == 0
    }

    /// The slot's key, for the writer.
    fn found(&self) -> Option<Found<'_>> {
        let state = self.state.load(Relaxed);
        let digest = self.digest.each_ref().map(|word| word.load(Relaxed));
        (state & LIVE != 0).then(|| self.read(digest, state))
    }

    #[inline]
    fn read(&self, digest: [u64; 4], state: u64) -> Found<'_> {
        let id = bytes(self.id.each_ref().map(|word| word.load(Relaxed)));
        let usage = self.usage.load(Relaxed);
        let (tenant, last_used) = ((usage >> 32) as u32, usage as u32);
        let (flags, expires_ms) = ((state >> 8) as u8, (state >> 16).checked_sub(1));
        Found { entry: Entry { id, tenant, flags, expires_ms }, last_used, digest, slot: self }
    }

    /// `state` last: whoever sees the slot in use sees the rest of it.
    fn write(&self, digest: &[u64; 4], entry: &Entry, last_used: u32) {
        let id: [u64; 2] = words(&entry.id);
        let pairs = self.digest.iter().chain(&self.id).zip(digest.iter().chain(&id));
        pairs.for_each(|(mine, word)| mine.store(*word, Relaxed));
        self.usage.store(pack_usage(entry.tenant, last_used), Relaxed);
        self.state.store(pack_state(entry.flags, entry.expires_ms), Release);
    }
}

/// The key's slot, if it is there. Ends at an unused slot, at the latest after one round (a segment
/// that is being overwritten might have none).
#[inline]
fn probe<'t>(slots: &'t [Slot], digest: &[u64; 4], home: usize) -> Option<Found<'t>> {
    let mask = slots.len().wrapping_sub(1);
    for step in 0..slots.len() {
        let slot = slots.get(home.wrapping_add(step) & mask)?;
        let state = slot.state.load(Acquire);
        if state == UNUSED {
            return None;
        }
        if slot.holds(digest) && state & LIVE != 0 {
            return Some(slot.read(*digest, state));
        }
    }
    None
}

/// Writes the key in the first unused slot from its home. There is one: segments are never full.
fn put(slots: &[Slot], home: usize, digest: &[u64; 4], entry: &Entry, last_used: u32) -> bool {
    let home = home & slots.len().wrapping_sub(1);
    let Some((before, from)) = slots.split_at_checked(home) else { return false };
    let unused = from.iter().chain(before).find(|slot| slot.state.load(Relaxed) == UNUSED);
    unused.inspect(|slot| slot.write(digest, entry, last_used)).is_some()
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

#[inline]
fn depth_of(root: u64) -> u32 {
    (root & DEPTH_MASK) as u32
}

/// The top `depth` bits of the first word, modulo `count`, a power of two.
#[inline]
fn top_bits(digest: &[u64; 4], depth: u32, count: usize) -> usize {
    let [first, ..] = digest;
    first.rotate_left(depth) as usize & count.wrapping_sub(1)
}

fn pack_state(flags: u8, expires_ms: Option<u64>) -> u64 {
    let expiry = expires_ms.map_or(0, |ms| ms.saturating_add(1).min(EXPIRY_MAX));
    expiry << 16 | u64::from(flags) << 8 | LIVE
}

#[inline]
fn pack_usage(tenant: u32, second: u32) -> u64 {
    u64::from(tenant) << 32 | u64::from(second)
}

#[inline]
fn words<const BYTES: usize, const WORDS: usize>(bytes: &[u8; BYTES]) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    let pairs = words.iter_mut().zip(bytes.as_chunks().0);
    pairs.for_each(|(word, chunk)| *word = u64::from_le_bytes(*chunk));
    words
}

#[inline]
fn bytes<const WORDS: usize, const BYTES: usize>(words: [u64; WORDS]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    let pairs = bytes.as_chunks_mut().0.iter_mut().zip(words);
    pairs.for_each(|(chunk, word)| *chunk = word.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::thread;
    use std::time::{Duration, Instant};

    /// A digest as good as random (splitmix64), the same for the same number.
    fn digest(number: u64) -> [u8; 32] {
        bytes(array::from_fn::<u64, 4, _>(|i| random(number.wrapping_mul(4) + i as u64)))
    }

    fn random(number: u64) -> u64 {
        let mut x = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn entry(number: u64) -> Entry {
        let id = bytes([random(number ^ 77), number]);
        Entry { id, tenant: number as u32 ^ 0xabcd_ef01, flags: number as u8, expires_ms: None }
    }

    fn get(table: &KeyTable, digest: &[u8; 32]) -> Option<Entry> {
        table.find(digest).map(|found| found.entry)
    }

    #[test]
    fn agrees_with_a_hash_map_over_random_operations() {
        let (table, mut writer) = KeyTable::new();
        let mut model: HashMap<[u8; 32], (Entry, u32)> = HashMap::new();
        for step in 0..300_000_u64 {
            let dice = random(step);
            // Phases in which keys are added more often than removed, and the reverse.
            let growing = (step / 20_000) % 2 == 0;
            let number = (dice >> 8) % 2_000;
            let key = digest(number);
            match dice % 16 {
                0..6 => {
                    let new = Entry { expires_ms: Some(step), ..entry(number) };
                    assert_eq!(writer.insert(&key, &new), !model.contains_key(&key));
                    model.entry(key).or_insert((new, 0));
                }
                6..9 if growing => {}
                6..12 => assert_eq!(writer.remove(&key), model.remove(&key).is_some()),
                12 | 13 => {
                    let changed = writer.set_state(&key, dice as u8, Some(dice >> 20));
                    assert_eq!(changed, model.contains_key(&key));
                    if let Some((entry, _)) = model.get_mut(&key) {
                        (entry.flags, entry.expires_ms) = (dice as u8, Some(dice >> 20));
                    }
                }
                _ => {
                    if let Some(found) = table.find(&key) {
                        found.stamp(step as u32);
                        model.get_mut(&key).unwrap().1 = step as u32;
                    }
                }
            }
            assert_eq!(get(&table, &key), model.get(&key).map(|(entry, _)| *entry));
            assert_eq!(writer.len(), model.len());
        }
        let held: HashMap<_, _> = writer.iter().map(|found| (found.digest(), (found.entry, found.last_used))).collect();
        assert_eq!(writer.iter().count(), model.len());
        assert_eq!(held, model);
        for number in 0..2_000 {
            assert_eq!(get(&table, &digest(number)).is_some(), model.contains_key(&digest(number)));
        }
        // Recycling works: thousands of replacements, but memory for the largest state only.
        assert!(table.memory_bytes() < 2_000 * 64 * 6, "{}", table.memory_bytes());
    }

    #[test]
    fn readers_are_right_while_the_writer_changes_everything() {
        const FIXED: u64 = 300;
        const WINDOW: u64 = 200;
        let seconds = std::env::var("KEY_TABLE_SECONDS").ok().and_then(|text| text.parse().ok());
        let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(2));
        let (table, mut writer) = KeyTable::new();
        for number in 0..FIXED {
            assert!(writer.insert(&digest(number), &entry(number)));
        }
        // Key `number` of the moving window is present while removed <= number < added.
        let (added, removed) = (AtomicU64::new(1 << 20), AtomicU64::new(1 << 20));
        let changes = AtomicU64::new(0);
        let changing = digest(u64::MAX >> 4);
        assert!(writer.insert(&changing, &Entry { expires_ms: Some(0), flags: 0, ..entry(1) }));

        let read = &|thread: u64| {
            let mut step = thread << 40;
            while Instant::now() < end {
                step += 1;
                let dice = random(step);
                let number = dice % FIXED;
                let found = table.find(&digest(number)).expect("always present");
                assert_eq!(found.entry, entry(number));
                if dice >> 60 == 0 {
                    found.stamp(step as u32);
                }
                assert!(get(&table, &digest(number + (1 << 50))).is_none(), "never present");

                let (low, high) = (removed.load(Acquire), added.load(Acquire));
                let number = low.saturating_sub(20) + (dice >> 16) % (high - low + 20);
                let seen = get(&table, &digest(number));
                if number < low {
                    assert_eq!(seen, None, "removed before the search");
                } else if removed.load(Acquire) < number && number < high {
                    // `removed` is raised just after each removal.
                    assert_eq!(seen, Some(entry(number)), "present during the search");
                }
                // The next key is just being inserted: seen whole, or not yet.
                let number = added.load(Acquire);
                let seen = get(&table, &digest(number));
                assert!(seen.is_none_or(|seen| seen == entry(number)), "seen in part");

                let before = changes.load(Acquire);
                let seen = get(&table, &changing).expect("always present");
                let version = seen.expires_ms.expect("always set");
                assert!(version >= before, "a change made before the search is not seen");
                assert_eq!(seen.flags, version as u8, "flags and expiry of different changes");
            }
        };
        thread::scope(|scope| {
            (1..=4).for_each(|thread| drop(scope.spawn(move || read(thread))));
            let mut version = 0;
            while Instant::now() < end {
                let high = added.load(Relaxed);
                assert!(writer.insert(&digest(high), &entry(high)));
                added.store(high + 1, Release);
                let low = removed.load(Relaxed);
                // Now and then the window shrinks to nothing, so that segments are rebuilt too.
                let keep = if high % 1_000 < 100 { 0 } else { WINDOW };
                for number in low..(high + 1).saturating_sub(keep).max(low) {
                    assert!(writer.remove(&digest(number)));
                    removed.store(number + 1, Release);
                }
                version += 1;
                assert!(writer.set_state(&changing, version as u8, Some(version)));
                changes.store(version, Release);
            }
        });
        for number in 0..FIXED {
            assert_eq!(get(&table, &digest(number)), Some(entry(number)));
        }
        let replacements = table.root.load(Relaxed) >> DEPTH_BITS;
        assert!(replacements > 1_000, "only {replacements} replacements");
        println!("{replacements} replacements, {} bytes", table.memory_bytes());
    }

    /// Inserts, finds, removes and inserts again; returns the bytes held.
    fn exercise(seed: [u64; 4], count: u64, digest: impl Fn(u64) -> [u8; 32]) -> usize {
        let (table, mut writer) = KeyTable::with_seed(seed);
        for number in 0..count {
            assert!(writer.insert(&digest(number), &entry(number)));
            assert!(!writer.insert(&digest(number), &entry(0)));
        }
        for number in 0..count {
            assert_eq!(get(&table, &digest(number)), Some(entry(number)));
            assert_eq!(get(&table, &digest(number + count)), None);
        }
        for number in (0..count).step_by(2) {
            assert!(writer.remove(&digest(number)));
        }
        for number in 0..count {
            assert_eq!(writer.insert(&digest(number), &entry(number)), number % 2 == 0);
        }
        assert_eq!((writer.iter().count() as u64, writer.len() as u64), (count, count));
        table.memory_bytes()
    }

    #[test]
    fn equal_prefixes_cost_memory_in_proportion_only() {
        let seed = array::from_fn(|i| random(i as u64));
        for equal in [8, 20, 40, 63, 64] {
            let prefix = |number| {
                let [first, rest @ ..] = words::<32, 4>(&digest(number));
                let [second, third, fourth] = rest;
                bytes([first.checked_shr(equal).unwrap_or(0), second, third, fourth])
            };
            let held = exercise(seed, 5_000, prefix);
            assert!(held < 5_000 * 64 * 10, "{held} bytes with {equal} equal bits");
        }
    }

    #[test]
    fn equal_prefixes_after_many_keys_do_not_grow_the_directory() {
        let mixed = |number| match words::<32, 4>(&digest(number)) {
            [_, second, third, fourth] if number > 20_000 => bytes([7, second, third, fourth]),
            spread => bytes(spread),
        };
        let held = exercise([1, 2, 3, 4], 40_000, mixed);
        assert!(held < 40_000 * 64 * 8, "{held} bytes");
    }

    #[test]
    fn keys_that_all_collide_are_slow_but_right() {
        // With this seed the hash is 0 for all of these; and so is every bit for the directory.
        exercise([0; 4], 400, |number| bytes([0, random(number), 0, number]));
        exercise([0; 4], 400, |number| bytes([0, 1, 0, number]));
    }

    #[test]
    fn a_stamp_moves_forward_and_survives_replacement() {
        let (table, mut writer) = KeyTable::new();
        assert!(writer.insert(&digest(1), &entry(1)));
        let early = table.find(&digest(1)).unwrap();
        assert_eq!(early.last_used, 0);
        early.stamp(100);
        table.find(&digest(1)).unwrap().stamp(90);
        // It saw 0, which is no longer there: another reader was first.
        early.stamp(200);
        assert_eq!(table.find(&digest(1)).unwrap().last_used, 100);
        for number in 2..500 {
            assert!(writer.insert(&digest(number), &entry(number)));
        }
        let found = table.find(&digest(1)).unwrap();
        assert_eq!((found.last_used, found.entry), (100, entry(1)));
    }

    #[test]
    fn a_slot_is_not_reused_while_its_segment_is_in_use() {
        let (table, mut writer) = KeyTable::new();
        assert!(writer.insert(&digest(1), &entry(1)));
        let before = table.find(&digest(1)).unwrap();
        assert!(writer.remove(&digest(1)) && writer.insert(&digest(1), &entry(1)));
        assert!(!std::ptr::eq(before.slot, table.find(&digest(1)).unwrap().slot));
        assert_eq!(table.segments.count(), 1);
    }

    #[test]
    fn a_late_stamp_touches_no_other_key() {
        let (table, mut writer) = KeyTable::new();
        let keys: Vec<_> = (0..500).map(digest).collect();
        assert!(keys.iter().zip(0..).all(|(key, number)| writer.insert(key, &entry(number))));
        let late: Vec<_> = keys.iter().filter_map(|key| table.find(key)).collect();
        assert!(keys.iter().all(|key| writer.remove(key)));
        // Every segment is recycled, several times.
        for number in 1_000..5_000 {
            assert!(writer.insert(&digest(number), &entry(number)));
            assert!(number < 1_300 || writer.remove(&digest(number - 300)));
        }
        late.iter().for_each(|found| found.stamp(7));
        assert_eq!(writer.iter().count(), 300);
        for number in 4_700..5_000 {
            let found = table.find(&digest(number)).unwrap();
            assert_eq!((found.entry, found.last_used), (entry(number), 0));
        }
    }

    #[test]
    fn every_expiry_is_kept_apart_from_never() {
        let (table, mut writer) = KeyTable::new();
        assert!(writer.insert(&digest(1), &entry(1)));
        let last = EXPIRY_MAX - 1;
        for (set, held) in [(0, 0), (1, 1), (last, last), (last + 1, last), (u64::MAX, last)] {
            assert!(writer.set_state(&digest(1), 0xff, Some(set)));
            let found = table.find(&digest(1)).unwrap();
            assert_eq!((found.entry.expires_ms, found.entry.flags), (Some(held), 0xff));
        }
        assert!(writer.set_state(&digest(1), 0, None));
        assert_eq!(get(&table, &digest(1)), Some(Entry { flags: 0, ..entry(1) }));
        assert!(!writer.set_state(&digest(2), 0, None));
    }
}
