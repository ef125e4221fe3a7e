//! [`OffThread`]: a store around a store whose calls may block, for callers whose thread must not.
//!
//! A call is made on one of two threads of its own, and nothing waits there: a reply that is still on its way is handed on
//! as it is, so that a store which gathers changes can go on gathering them.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::{ApiKeyStore, AuditStore, Backend, Credential, Generation, InstitutionStore, PolicyStore, StoreStatus};
use crate::{
    error::{Error, Reason, Result},
    fork,
    model::{
        api_key::{ApiKey, ApiKeyQuery, KeyChange, KeyChanged, KeyUse},
        audit::{AuditEntry, AuditEvent, AuditQuery},
        code::Region,
        decision::{Decision, DefaultDecision, Position},
        id::{ApiKeyId, InstitutionId},
        institution::{Institution, InstitutionPatch, InstitutionQuery},
        page::Page,
        policy::{Policy, PolicyChange, PolicyHistoryQuery, PolicyQuery, PolicyVersion},
        time::Timestamp,
    },
    reply::Reply,
    token::KeyHash,
};

/// Lookups take microseconds: more threads than this would only wait for each other.
const THREADS: usize = 2;
/// How many calls wait at most. Callers do not block, so what is too much is refused.
const QUEUED: usize = 65_536;

/// Makes the calls of another store on threads of its own, started by the first call and ended when it is dropped.
pub struct OffThread {
    inner: Arc<dyn Backend>,
    threads: Arc<Threads>,
    /// The count of forks in the process that made it.
    forks: u64,
}

impl OffThread {
    /// Calls to `inner`, off the caller's thread.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        fork::watch();
        Self { inner, threads: Arc::default(), forks: fork::count() }
    }

    fn call<T: Send + 'static>(&self, call: impl FnOnce(&dyn Backend) -> Reply<T> + Send + 'static) -> Reply<T> {
        if fork::count() != self.forks {
            let message = "the store belongs to the parent process; a forked child opens its own";
            return Error::new(Reason::HandleClosed, message).into();
        }
        let inner = Arc::clone(&self.inner);
        let (reply, completer) = Reply::pending();
        let queued = self.threads.queue(Box::new(move || {
            let answer = catch_unwind(AssertUnwindSafe(|| call(&*inner)));
            completer.complete(answer.map_err(|_| Error::new(Reason::Panicked, "a panic was caught in the store")));
        }));
        match queued {
            Ok(()) => reply.and_then(|answer| answer.unwrap_or_else(Reply::from)),
            Err(error) => error.into(),
        }
    }
}

impl Drop for OffThread {
    fn drop(&mut self) {
        // In a forked child the threads are not there, and their lock may be held for ever.
        if fork::count() == self.forks {
            self.threads.lock().closing = true;
            self.threads.work.notify_all();
        }
    }
}

type Call = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Threads {
    /// The standard library's lock: what it needs lies in it, so that a child forked while others are locked can use its own.
    calls: Mutex<Calls>,
    work: Condvar,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<Call>,
    running: usize,
    closing: bool,
}

impl Threads {
    fn lock(&self) -> MutexGuard<'_, Calls> {
        // Nothing panics while it is held.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(self: &Arc<Self>, call: Call) -> Result<()> {
        let mut calls = self.lock();
        if calls.waiting.len() >= QUEUED {
            return Err(Error::new(Reason::Busy, "too many calls are waiting for the store"));
        }
        while calls.running < THREADS {
            let threads = Arc::clone(self);
            let started = thread::Builder::new().name("doorward-store".to_owned()).spawn(move || threads.run());
            match started {
                Ok(_) => calls.running = calls.running.saturating_add(1),
                // One is enough to go on with.
                Err(_) if calls.running > 0 => break,
                Err(error) => {
                    return Err(Error::new(Reason::StoreUnavailable, "no thread could be started").because(error));
                }
            }
        }
        calls.waiting.push_back(call);
        drop(calls);
        self.work.notify_one();
        Ok(())
    }

    /// Makes calls until the store is dropped and none waits any more.
    fn run(&self) {
        // Not marked as one that may not wait: the store that is called may be one that waits for another store.
        let mut calls = self.lock();
        loop {
            match calls.waiting.pop_front() {
                Some(call) => {
                    drop(calls);
                    // To answer is to wake a task, which is code of the host's executor.
                    let _ = catch_unwind(AssertUnwindSafe(call));
                    calls = self.lock();
                }
                None if calls.closing => return,
                None => calls = self.work.wait(calls).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl InstitutionStore for OffThread {
    fn insert_institution(&self, institution: Institution, audit: AuditEntry) -> Reply<Institution> {
        self.call(move |store| store.insert_institution(institution, audit))
    }

    fn find_institution(&self, id: &InstitutionId) -> Reply<Option<Institution>> {
        let id = id.clone();
        self.call(move |store| store.find_institution(&id))
    }

    fn list_institutions(&self, query: &InstitutionQuery) -> Reply<Page<Institution>> {
        let query = query.clone();
        self.call(move |store| store.list_institutions(&query))
    }

    fn update_institution(&self, id: &InstitutionId, patch: InstitutionPatch, audit: AuditEntry) -> Reply<Institution> {
        let id = id.clone();
        self.call(move |store| store.update_institution(&id, patch, audit))
    }
}

impl ApiKeyStore for OffThread {
    fn insert_keys(&self, keys: Vec<ApiKey>, audit: AuditEntry) -> Reply<Vec<ApiKey>> {
        self.call(move |store| store.insert_keys(keys, audit))
    }

    fn known_hashes(&self, hashes: &[KeyHash]) -> Reply<Vec<KeyHash>> {
        let hashes = hashes.to_vec();
        self.call(move |store| store.known_hashes(&hashes))
    }

    fn find_credential(&self, hash: &KeyHash) -> Reply<Option<Credential>> {
        let hash = *hash;
        self.call(move |store| store.find_credential(&hash))
    }

    fn find_by_hash(&self, hash: &KeyHash) -> Reply<Option<ApiKey>> {
        let hash = *hash;
        self.call(move |store| store.find_by_hash(&hash))
    }

    fn find_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<Option<ApiKey>> {
        let (institution_id, id) = (institution_id.clone(), id.clone());
        self.call(move |store| store.find_key(&institution_id, &id))
    }

    fn list_keys(&self, query: &ApiKeyQuery, at: Timestamp) -> Reply<Page<ApiKey>> {
        let query = query.clone();
        self.call(move |store| store.list_keys(&query, at))
    }

    fn change_key(
        &self,
        institution_id: &InstitutionId,
        id: &ApiKeyId,
        change: KeyChange,
        audit: AuditEntry,
    ) -> Reply<KeyChanged> {
        let (institution_id, id) = (institution_id.clone(), id.clone());
        self.call(move |store| store.change_key(&institution_id, &id, change, audit))
    }

    fn revoke_all_keys(&self, institution_id: &InstitutionId, audit: AuditEntry) -> Reply<u64> {
        let institution_id = institution_id.clone();
        self.call(move |store| store.revoke_all_keys(&institution_id, audit))
    }

    fn note_use(&self, credential: &Credential) -> bool {
        self.inner.note_use(credential)
    }

    fn record_use(&self, uses: Vec<KeyUse>) -> Reply<()> {
        self.call(move |store| store.record_use(uses))
    }
}

impl PolicyStore for OffThread {
    fn change_policy(&self, change: PolicyChange, audit: AuditEntry) -> Reply<Policy> {
        self.call(move |store| store.change_policy(change, audit))
    }

    fn find_policy(&self, institution_id: &InstitutionId, region: Region) -> Reply<Option<Policy>> {
        let institution_id = institution_id.clone();
        self.call(move |store| store.find_policy(&institution_id, region))
    }

    fn list_policies(&self, query: &PolicyQuery) -> Reply<Page<Policy>> {
        let query = query.clone();
        self.call(move |store| store.list_policies(&query))
    }

    fn policy_history(&self, query: &PolicyHistoryQuery) -> Reply<Page<PolicyVersion>> {
        let query = query.clone();
        self.call(move |store| store.policy_history(&query))
    }

    fn decide_one(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Decision> {
        let (institution_id, position) = (institution_id.clone(), *position);
        self.call(move |store| store.decide_one(&institution_id, region, &position, default))
    }

    fn decide(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        positions: &[Position],
        default: DefaultDecision,
    ) -> Reply<Vec<Decision>> {
        let (institution_id, positions) = (institution_id.clone(), positions.to_vec());
        self.call(move |store| store.decide(&institution_id, region, &positions, default))
    }
}

impl AuditStore for OffThread {
    fn append_events(&self, entries: Vec<AuditEntry>) -> Reply<()> {
        self.call(move |store| store.append_events(entries))
    }

    fn list_events(&self, query: &AuditQuery) -> Reply<Page<AuditEvent>> {
        let query = query.clone();
        self.call(move |store| store.list_events(&query))
    }
}

impl Backend for OffThread {
    fn admit(
        &self,
        hash: &KeyHash,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Option<(Credential, Decision)>> {
        let (hash, position) = (*hash, *position);
        self.call(move |store| store.admit(&hash, region, &position, default))
    }

    fn generation(&self) -> Reply<Generation> {
        self.call(|store| store.generation())
    }

    fn status(&self) -> Reply<StoreStatus> {
        self.call(|store| store.status())
    }

    fn may_block(&self) -> bool {
        false
    }

    fn after_fork(&self) -> Result<Option<Arc<dyn Backend>>> {
        let inner = self.inner.after_fork()?.unwrap_or_else(|| Arc::clone(&self.inner));
        Ok(Some(Arc::new(Self::new(inner))))
    }

    fn close(&self, deadline: Duration) -> Reply<()> {
        self.call(move |store| store.close(deadline))
    }
}
