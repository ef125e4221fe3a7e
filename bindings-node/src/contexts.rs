//! The contexts that a door has told of: each has a number, by which JavaScript finds the object that it made of it once.
//!
//! The first numbers are those of the reasons for refusals. Contexts follow as they are met; what a key's holder may do is part
//! of its context, so that one whose role has changed has another number. There are at most [`Contexts::MOST`]: then a new
//! list begins, and the old one lives for as long as JavaScript has a context of it.

use std::{
    cell::RefCell,
    hash::{Hash, Hasher},
    rc::Rc,
};

use doorward::{ApiKeyId, AuthContext, Reason, Verdict};
use hashbrown::HashTable;
use napi_derive::napi;

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

/// The number of a verdict, and whether JavaScript has not met it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) number: i32,
    pub(crate) is_new: bool,
}

impl Number {
    /// As JavaScript gets it: what is new is written as its complement.
    #[inline]
    pub(crate) fn signed(self) -> i32 {
        if self.is_new { !self.number } else { self.number }
    }
}

impl Contexts {
    /// The most contexts of one list.
    const MOST: usize = 1 << 17;

    /// The number of a verdict. Begins a new list if this one is full.
    #[inline]
    pub(crate) fn number(&mut self, verdict: &Verdict) -> Number {
        match verdict {
            Verdict::Refused(reason) => Number { number: reason_number(*reason), is_new: false },
            Verdict::Granted(context) => self.context_number(context),
        }
    }

    #[inline]
    pub(crate) fn context_number(&mut self, context: &AuthContext) -> Number {
        let hash = hash(context.api_key_id());
        if let Some(place) = self.0.borrow().find(hash, context) {
            return Number { number: to_number(place), is_new: false };
        }
        self.add(hash, context)
    }

    #[cold]
    fn add(&mut self, hash: u64, context: &AuthContext) -> Number {
        if self.0.borrow().contexts.len() >= Self::MOST {
            *self = Self::default();
        }
        let mut list = self.0.borrow_mut();
        let List { contexts, by_key } = &mut *list;
        let place = u32::try_from(contexts.len()).unwrap_or(u32::MAX);
        contexts.push(context.clone());
        let hash_of = |place: &u32| hash_at(contexts, *place);
        by_key.insert_unique(hash, place, hash_of);
        Number { number: to_number(place), is_new: true }
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
