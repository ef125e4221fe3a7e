//! One key in one cache line, how it is found and written, and how its words are packed.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// `state` is `expiry << 16 | flags << 8 | limit << 2 | mark`, and all zero in a slot that was never used.
pub(super) const UNUSED: u64 = 0;
const LIVE: u64 = 1;
pub(super) const REMOVED: u64 = 2;
/// The expiry is held as milliseconds + 1, so that 0 is "never"; 48 bits reach the year 10889.
pub(super) const EXPIRY_MAX: u64 = (1 << 48) - 1;

/// One key. A cache line, so that finding a key touches one.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Slot {
    digest: [AtomicU64; 4],
    id: [AtomicU64; 2],
    /// All that can change about a key, in one word.
    pub(super) state: AtomicU64,
    /// `tenant << 32 | second of last use`.
    usage: AtomicU64,
}

/// What is kept for a key. `id`, `flags` and `limit` are not interpreted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::memory) struct Entry {
    pub(in crate::store::memory) id: [u8; 16],
    pub(in crate::store::memory) tenant: u32,
    pub(in crate::store::memory) flags: u8,
    /// At most 63.
    pub(in crate::store::memory) limit: u8,
    /// Milliseconds since 1970; `None` is never. A time after the year 10889 is held as that year.
    pub(in crate::store::memory) expires_ms: Option<u64>,
}

/// A key as it was found: a copy, and the place to stamp.
#[derive(Clone, Copy)]
pub(in crate::store::memory) struct Found<'t> {
    pub(in crate::store::memory) entry: Entry,
    /// The second of the last use; 0 is never.
    pub(in crate::store::memory) last_used: u32,
    pub(super) digest: [u64; 4],
    pub(super) slot: &'t Slot,
}

impl Found<'_> {
    /// The digest it was found by.
    #[cfg(test)]
    #[must_use]
    pub(in crate::store::memory) fn digest(&self) -> [u8; 32] {
        bytes(self.digest)
    }

    /// Notes a use at this second. Writes only if that is later than `last_used`, and only over the
    /// word that `find` saw: if it has changed since, another reader has just done this, or the slot
    /// has gone to another key, which must not be touched.
    #[inline]
    pub(in crate::store::memory) fn stamp(&self, second: u32) {
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
    pub(super) fn found(&self) -> Option<Found<'_>> {
        let state = self.state.load(Relaxed);
        let digest = self.digest.each_ref().map(|word| word.load(Relaxed));
        (state & LIVE != 0).then(|| self.read(digest, state))
    }

    #[inline]
    fn read(&self, digest: [u64; 4], state: u64) -> Found<'_> {
        let id = bytes(self.id.each_ref().map(|word| word.load(Relaxed)));
        let usage = self.usage.load(Relaxed);
        let (tenant, last_used) = ((usage >> 32) as u32, usage as u32);
        let (flags, limit, expires_ms) = ((state >> 8) as u8, state as u8 >> 2, (state >> 16).checked_sub(1));
        Found { entry: Entry { id, tenant, flags, limit, expires_ms }, last_used, digest, slot: self }
    }

    /// `state` last: whoever sees the slot in use sees the rest of it.
    fn write(&self, digest: &[u64; 4], entry: &Entry, last_used: u32) {
        let id: [u64; 2] = words(&entry.id);
        let pairs = self.digest.iter().chain(&self.id).zip(digest.iter().chain(&id));
        pairs.for_each(|(mine, word)| mine.store(*word, Relaxed));
        self.usage.store(pack_usage(entry.tenant, last_used), Relaxed);
        self.state.store(pack_state(entry), Release);
    }
}

/// The key's slot, if it is there. Ends at an unused slot, at the latest after one round (a segment
/// that is being overwritten might have none).
#[inline]
pub(super) fn probe<'t>(slots: &'t [Slot], digest: &[u64; 4], home: usize) -> Option<Found<'t>> {
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
pub(super) fn put(slots: &[Slot], home: usize, digest: &[u64; 4], entry: &Entry, last_used: u32) -> bool {
    let home = home & slots.len().wrapping_sub(1);
    let Some((before, from)) = slots.split_at_checked(home) else { return false };
    let unused = from.iter().chain(before).find(|slot| slot.state.load(Relaxed) == UNUSED);
    unused.inspect(|slot| slot.write(digest, entry, last_used)).is_some()
}

pub(super) fn pack_state(entry: &Entry) -> u64 {
    let expiry = entry.expires_ms.map_or(0, |ms| ms.saturating_add(1).min(EXPIRY_MAX));
    expiry << 16 | u64::from(entry.flags) << 8 | u64::from(entry.limit & 63) << 2 | LIVE
}

#[inline]
fn pack_usage(tenant: u32, second: u32) -> u64 {
    u64::from(tenant) << 32 | u64::from(second)
}

#[inline]
pub(super) fn words<const BYTES: usize, const WORDS: usize>(bytes: &[u8; BYTES]) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    let pairs = words.iter_mut().zip(bytes.as_chunks().0);
    pairs.for_each(|(word, chunk)| *word = u64::from_le_bytes(*chunk));
    words
}

#[inline]
pub(super) fn bytes<const WORDS: usize, const BYTES: usize>(words: [u64; WORDS]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    let pairs = bytes.as_chunks_mut().0.iter_mut().zip(words);
    pairs.for_each(|(chunk, word)| *chunk = word.to_le_bytes());
    bytes
}
