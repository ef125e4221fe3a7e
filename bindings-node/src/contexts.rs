//! The contexts that a door has told of: each has a number, by which JavaScript finds the object that it made of it once.
//!
//! The first numbers are those of the reasons for refusals. Contexts follow as they are met, a new one by its complement; what a
//! key's holder may do is part of its context, so that one whose role has changed has another number. There are at most [`Contexts::MOST`]: then a new
//! list begins, and the old one lives for as long as JavaScript has a context of it.

use std::{
    cell::RefCell,
    hash::{Hash, Hasher},
    rc::Rc,
    time::Duration,
};

use doorward::{ApiKeyId, AuthContext, Reason, Verdict};
use hashbrown::HashTable;
use napi_derive::napi;

use crate::answer::millis;

/// A list of contexts, shared by the door that fills it and by JavaScript.
#[napi]
#[derive(Clone, Default)]
pub struct Contexts(Rc<RefCell<List>>);

#[derive(Default)]
struct List {
    contexts: Vec<AuthContext>,
    /// Places in `contexts`, by key.
    by_key: HashTable<u32>,
}

impl Contexts {
    /// The most contexts of one list.
    const MOST: usize = 1 << 17;

    /// The number of a verdict, as JavaScript gets it. Begins a new list if this one is full.
    #[inline]
    pub(crate) fn number(&mut self, verdict: &Verdict) -> i32 {
        match verdict {
            Verdict::Refused(reason) => reason_number(*reason),
            Verdict::Granted(context) => self.context_number(context),
            Verdict::RateLimited(wait) => wait_number(*wait),
        }
    }

    /// The number of a context; its complement if JavaScript has not met it before.
    #[inline]
    pub(crate) fn context_number(&mut self, context: &AuthContext) -> i32 {
        let hash = hash(context.api_key_id());
        if let Some(place) = self.0.borrow().find(hash, context) {
            return to_number(place);
        }
        self.add(hash, context)
    }

    #[cold]
    fn add(&mut self, hash: u64, context: &AuthContext) -> i32 {
        if self.0.borrow().contexts.len() >= Self::MOST {
            *self = Self::default();
        }
        let mut list = self.0.borrow_mut();
        let List { contexts, by_key } = &mut *list;
        let place = u32::try_from(contexts.len()).unwrap_or(u32::MAX);
        contexts.push(context.clone());
        let hash_of = |place: &u32| hash_at(contexts, *place);
        by_key.insert_unique(hash, place, hash_of);
        !to_number(place)
    }

    /// The context of a number.
    pub(crate) fn get(&self, number: i32) -> Option<AuthContext> {
        let place = usize::try_from(number).ok()?.checked_sub(Reason::ALL.len())?;
        self.0.borrow().contexts.get(place).cloned()
    }
}

impl List {
    #[inline]
    fn find(&self, hash: u64, context: &AuthContext) -> Option<u32> {
        let is_it = |place: &u32| at(&self.contexts, *place).is_some_and(|known| known == context);
        self.by_key.find(hash, is_it).copied()
    }
}

/// The number of a reason for a refusal: its place in the core's table.
pub(crate) fn reason_number(reason: Reason) -> i32 {
    i32::try_from(reason as usize).unwrap_or(i32::MAX)
}

/// The number of a refusal for coming too often: the least of all, and the milliseconds after which the caller may come again,
/// of which a day has few enough to stay far below the complement of any context's.
fn wait_number(wait: Duration) -> i32 {
    const MOST: u64 = 1 << 30;
    i32::try_from(millis(wait).min(MOST)).unwrap_or_default().wrapping_add(i32::MIN)
}

fn to_number(place: u32) -> i32 {
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    i32::try_from(place.saturating_add(Reason::ALL.len())).unwrap_or(i32::MAX)
}

#[inline]
fn at(contexts: &[AuthContext], place: u32) -> Option<&AuthContext> {
    contexts.get(usize::try_from(place).ok()?)
}

fn hash_at(contexts: &[AuthContext], place: u32) -> u64 {
    hash(at(contexts, place).and_then(AuthContext::api_key_id))
}

/// Ids that doorward made are random already; nobody else chooses ids of keys but the owner of adopted tables.
#[inline]
fn hash(id: Option<&ApiKeyId>) -> u64 {
    let mut hasher = Folding::default();
    if let Some(id) = id {
        id.hash(&mut hasher);
    }
    hasher.finish()
}

/// Multiplies and folds each word into the next (the step of wyhash).
#[derive(Default)]
struct Folding(u64);

impl Hasher for Folding {
    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xe703_7ed1_a0b4_28db);
        let [low, high] = [product as u64, (product >> 64) as u64];
        self.0 = low ^ high;
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(into, byte)| *into = *byte);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
