//! What happens when the process forks: the one module with `unsafe` code.
//!
//! A forked child has one thread and a copy of everything else: locks that other threads held stay locked for ever, and
//! connections are shared with the parent. So doorward counts forks, and whoever holds such things compares the count
//! with the one at which they were made. `pthread_atfork` does the counting; asking for the process id on every call would
//! cost a hundred times as much. Its registration is a foreign call, hence the `unsafe` here.
//!
//! Memory stores hold their data through a fork: they are [`quiesced`](Quiesce) for its moment, so that the child's
//! copy is whole and its lock is free.

use std::{
    any::Any,
    cell::RefCell,
    sync::{
        Mutex, Once, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

static FORKS: AtomicU64 = AtomicU64::new(0);
static REGISTER: Once = Once::new();
static QUIESCED: Mutex<Vec<Weak<dyn Quiesce>>> = Mutex::new(Vec::new());

thread_local! {
    /// What the forking thread holds while it forks.
    static HELD: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Something whose lock must be free in a forked child.
pub(crate) trait Quiesce: Send + Sync {
    /// Takes the lock and gives the guard, with what keeps it alive.
    fn hold(self: std::sync::Arc<Self>) -> Box<dyn Any>;
}

/// How many forks lie between this process and the one that loaded doorward. Two values that differ were seen in two
/// processes.
#[inline]
pub(crate) fn count() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// Has forks counted from now on. Whoever keeps a [`count`] calls this first.
pub(crate) fn watch() {
    REGISTER.call_once(|| {
        #[cfg(unix)]
        #[expect(
            unsafe_code,
            reason = "pthread_atfork is a foreign function; the three handlers are safe code that lives for ever"
        )]
        // SAFETY: the handlers are `extern "C"` functions of this library and do not unwind: they only lock, unlock and count.
        // A failure (out of memory) leaves forks uncounted, as on a platform without fork.
        unsafe {
            libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child));
        }
    });
}

/// Has this held while the process forks, as long as it lives.
pub(crate) fn quiesce(lock: Weak<dyn Quiesce>) {
    watch();
    let mut all = QUIESCED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|lock| lock.strong_count() > 0);
    all.push(lock);
}

#[cfg(unix)]
extern "C" fn before() {
    // The registry stays locked too: its guard goes last into the list, so that it is free again last.
    let registry = QUIESCED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut held: Vec<Box<dyn Any>> = registry.iter().filter_map(|lock| Some(lock.upgrade()?.hold())).collect();
    held.push(Box::new(registry));
    // A thread that is ending has no more locals; nothing of ours is locked by it, and it does not fork.
    let _ = HELD.try_with(|slot| slot.try_borrow_mut().map(|mut slot| *slot = held));
}

#[cfg(unix)]
extern "C" fn after_in_parent() {
    let _ = HELD.try_with(|slot| slot.try_borrow_mut().map(|mut slot| slot.clear()));
}

#[cfg(unix)]
extern "C" fn after_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    after_in_parent();
}
