//! The memory store: concurrent, and as fast to look up as a hash table.
//!
//! Lookups read the key table and the tenants without a lock, an allocation or a reference count. Everything else is in
//! the books, behind a lock that nobody holds for long. Changes come one after the other, by a lock of their own: a large
//! import holds that one from its beginning to its end, and the books' only now and then (see `import`).
//!
//! A forked child goes on with a copy of the records as they were when it was forked: the locks are held through the fork.

mod audit_ring;
mod books;
mod brief;
mod import;
mod institutions;
mod key_table;
mod keys;
mod lookups;
mod policies;
mod rates;
mod record;
mod rule;
mod tenants;

use std::{
    any::Any,
    sync::{
        Arc, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use self::{
    audit_ring::DEFAULT_CAPACITY,
    books::Books,
    key_table::{KeyTable, KeyTableWriter},
    rates::Rates,
    tenants::Tenants,
};
pub(crate) use self::{
    brief::Quick,
    lookups::{Good, Lookups},
    rates::MOST as MOST_RATES,
};
use super::{AuditStore, Backend, Credential, Generation, StoreStatus};
use crate::{
    error::{Error, Reason, Result},
    fork,
    lock::Lock,
    model::{
        audit::{AuditEntry, AuditEvent, AuditQuery},
        code::Region,
        decision::{Decision, DefaultDecision, Position},
        id::EventId,
        page::Page,
    },
    reply::Reply,
    token::KeyHash,
};

/// Keeps records in memory, for as long as the process lives.
pub struct MemoryStore {
    lookups: Arc<Lookups>,
    locked: Arc<Locked>,
    epoch: String,
    closed: AtomicBool,
}

/// What changes, behind locks of the standard library: parking_lot's keeps its waiting threads in a table of the whole
/// process, which another thread may hold at the moment of a fork.
struct Locked {
    /// Whoever changes keys, policies or institutions has this first, and the books after it.
    writer: Lock<KeyTableWriter>,
    books: RwLock<Books>,
}

impl MemoryStore {
    /// An empty store that keeps so many audit events; 10,000 by default.
    #[must_use]
    pub fn new(audit_capacity: Option<usize>) -> Self {
        let (keys, writer) = KeyTable::new();
        let tenants = Arc::new(Tenants::new());
        let rates = Arc::new(Rates::default());
        let books =
            Books::new(Arc::clone(&tenants), Arc::clone(&keys), Arc::clone(&rates), audit_capacity.unwrap_or(DEFAULT_CAPACITY));
        let locked = Arc::new(Locked { writer: Lock::new(writer), books: RwLock::new(books) });
        let quiesced: Weak<dyn fork::Quiesce> = Arc::downgrade(&(Arc::clone(&locked) as Arc<dyn fork::Quiesce>));
        fork::quiesce(quiesced);
        // Without randomness the epoch is the same for all; only stores that several processes share compare epochs.
        let epoch = EventId::generate().map(|id| id.to_string()).unwrap_or_default();
        let lookups = Arc::new(Lookups::new(keys, tenants, rates));
        Self { lookups, locked, epoch, closed: AtomicBool::new(false) }
    }

    /// What lookups read, for the door to read without asking.
    pub(crate) fn lookups(&self) -> Arc<Lookups> {
        Arc::clone(&self.lookups)
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Relaxed) {
            return Err(Error::new(Reason::HandleClosed, "the store was closed"));
        }
        Ok(())
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, Books>> {
        self.check_open()?;
        Ok(self.locked.books.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, Books>> {
        self.check_open()?;
        Ok(self.locked.books.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a change: checks the actor, calls `change`, and writes the entry. `change` fails before it alters anything, or
    /// not at all; it answers whether anything is different now.
    fn change<T>(&self, audit: AuditEntry, change: impl FnOnce(&mut Books, &AuditEntry) -> Result<(T, bool)>) -> Reply<T> {
        self.change_keys(audit, |books, _, audit| change(books, audit))
    }

    /// The same with the key table.
    fn change_keys<T>(
        &self,
        audit: AuditEntry,
        change: impl FnOnce(&mut Books, &mut KeyTableWriter, &AuditEntry) -> Result<(T, bool)>,
    ) -> Reply<T> {
        let make = || {
            let mut writer = self.locked.writer.lock();
            let mut books = self.write()?;
            books.check_actor(&audit)?;
            let changed = self.lookups.change(|| change(&mut books, &mut writer, &audit));
            let (answer, differs) = changed?;
            if differs {
                books.generation = books.generation.saturating_add(1);
            }
            books.trail.push(audit);
            Ok(answer)
        };
        Reply::from(make())
    }
}

impl Backend for MemoryStore {
    fn admit(
        &self,
        hash: &KeyHash,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Option<(Credential, Decision)>> {
        // The lock keeps changes away. The door takes the way without it first.
        Reply::from(self.read().map(|books| {
            let (credential, tenant) = self.credential(&books, hash)?;
            let decision = tenant.decide(region, position, default);
            Some((credential, decision))
        }))
    }

    fn generation(&self) -> Reply<Generation> {
        Reply::from(self.read().map(|books| Generation { epoch: self.epoch.clone(), number: books.generation }))
    }

    fn status(&self) -> Reply<StoreStatus> {
        Reply::from(self.check_open().map(|()| StoreStatus { backend: "memory", schema_version: None }))
    }

    fn may_block(&self) -> bool {
        false
    }

    fn close(&self, _deadline: Duration) -> Reply<()> {
        self.closed.store(true, Relaxed);
        Reply::from(Ok(()))
    }
}

impl AuditStore for MemoryStore {
    fn append_events(&self, entries: Vec<AuditEntry>) -> Reply<()> {
        Reply::from(self.write().map(|mut books| entries.into_iter().for_each(|entry| books.trail.push(entry))))
    }

    fn list_events(&self, query: &AuditQuery) -> Reply<Page<AuditEvent>> {
        Reply::from(self.read().map(|books| books.trail.list(query)))
    }
}

self_cell::self_cell!(
    struct Held {
        owner: Arc<Locked>,
        #[not_covariant]
        dependent: Guard,
    }
);

type Guard<'a> = (MutexGuard<'a, KeyTableWriter>, RwLockWriteGuard<'a, Books>);

impl fork::Quiesce for Locked {
    fn hold(self: Arc<Self>) -> Box<dyn Any> {
        Box::new(Held::new(self, |locked| (locked.writer.lock(), locked.books.write().unwrap_or_else(PoisonError::into_inner))))
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryStore")
    }
}
