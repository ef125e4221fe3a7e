//! The lock of this crate: the standard library's, without its poisoning.
//!
//! Not parking_lot's, which is as fast here: that keeps its waiting threads in one table for the whole process. A forked
//! child inherits the table with entries for threads that it does not have, perhaps locked, and even a new lock of the
//! child can then wait for ever (seen in tests). The standard library's is a word in itself.
//!
//! A poisoned lock means that a panic came while it was held. What it guards here is never half changed, and a handle stays
//! usable after a panic, so poison is passed over.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutual exclusion that a forked child can use.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(guarded: T) -> Self {
        Self(Mutex::new(guarded))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
