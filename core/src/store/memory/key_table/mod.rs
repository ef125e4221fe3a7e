//! A concurrent map from a 32-byte digest to a small entry, read without a lock.
//!
//! A key check is read by every request on every thread and written when a person issues or revokes
//! a key. So reading is all that is made fast here: [`KeyTable::find`] takes no lock, allocates
//! nothing, counts no reference and writes nothing. It costs what a plain hash table costs, and two
//! threads that check the same key do not slow one another. Writing goes through the one
//! [`KeyTableWriter`], which cannot be cloned and asks for `&mut`: keep it inside the lock which
//! orders the changes. Everything is atomics in safe Rust, so an error here could give a
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
#![doc = include_str!("orderings.md")]

mod slot;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    array,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed},
            fence,
        },
    },
};

use self::slot::{Slot, probe, words};
pub(super) use self::{
    slot::{Entry, Found},
    writer::KeyTableWriter,
};

/// The directory never has more than 2^24 entries (by then the segments would fill a terabyte).
const MAX_DEPTH: u32 = 24;

/// `root` is `count of replacements << 6 | depth`.
const DEPTH_BITS: u32 = 6;
const DEPTH_MASK: u64 = (1 << DEPTH_BITS) - 1;

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
        let writer = KeyTableWriter::new(Arc::clone(&table));
        (table, writer)
    }

    /// The key with this digest. Never waits; why it is right is told in `orderings.md`.
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
