//! [`Faults`]: a store around a store that fails on command.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use crate::lock::Lock;

use crate::{
    error::{Error, Reason, Result},
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
    store::{ApiKeyStore, AuditStore, Backend, Credential, Generation, InstitutionStore, PolicyStore, StoreStatus},
    token::KeyHash,
};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is answered with an error of this reason, and the store is not asked.
    Fail(Reason),
    /// It panics in the caller's thread, and the store is not asked.
    Panic,
    /// It is begun and dropped: its reply ends as `Internal` / `abandoned`.
    Abandon,
    /// It is not answered before [`Faults::heal`], and then with `Unavailable`.
    Silence,
    /// It blocks its caller for this time, and is then answered by the store.
    Stall(Duration),
}

/// A store around a store: every call passes through, until it is told that something goes wrong.
pub struct Faults {
    store: Arc<dyn Backend>,
    plan: Lock<Plan>,
}

#[derive(Default)]
struct Plan {
    next: Option<Fault>,
    all: Option<Fault>,
    unanswered: Vec<Box<dyn Any + Send>>,
}

impl Faults {
    /// A store that does what this one does.
    #[must_use]
    pub fn around(store: Arc<dyn Backend>) -> Self {
        Self { store, plan: Lock::default() }
    }

    /// Lets the next call go wrong, whichever it is.
    pub fn fail_next(&self, fault: Fault) {
        self.plan.lock().next = Some(fault);
    }

    /// Lets every call go wrong, until [`heal`](Self::heal).
    pub fn fail_all(&self, fault: Fault) {
        self.plan.lock().all = Some(fault);
    }

    /// Lets every further call pass, and ends the silence of earlier ones.
    pub fn heal(&self) {
        // Dropped after the lock is free: whoever waits may call again at once.
        let _unanswered = std::mem::take(&mut *self.plan.lock());
    }

    fn call<T: Send + 'static>(&self, pass: impl FnOnce(&dyn Backend) -> Reply<T>) -> Reply<T> {
        let fault = {
            let mut plan = self.plan.lock();
            plan.next.take().or(plan.all)
        };
        match fault {
            None => pass(&*self.store),
            Some(Fault::Fail(reason)) => Reply::from(Error::new(reason, "this call was told to fail")),
            // Without the panic hook: a panic that was asked for is no news.
            Some(Fault::Panic) => std::panic::resume_unwind(Box::new("this call was told to panic")),
            Some(Fault::Abandon) => Reply::pending().0,
            Some(Fault::Silence) => {
                let (reply, completer) = Reply::<()>::pending();
                self.plan.lock().unanswered.push(Box::new(completer));
                reply.then(|_| Err(Error::new(Reason::StoreUnavailable, "this call was told to be silent")))
            }
            Some(Fault::Stall(time)) => {
                std::thread::sleep(time);
                pass(&*self.store)
            }
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan.lock();
        f.debug_struct("Faults").field("next", &plan.next).field("all", &plan.all).finish_non_exhaustive()
    }
}

impl InstitutionStore for Faults {
    fn insert_institution(&self, institution: Institution, audit: AuditEntry) -> Reply<Institution> {
        self.call(|store| store.insert_institution(institution, audit))
    }

    fn find_institution(&self, id: &InstitutionId) -> Reply<Option<Institution>> {
        self.call(|store| store.find_institution(id))
    }

    fn list_institutions(&self, query: &InstitutionQuery) -> Reply<Page<Institution>> {
        self.call(|store| store.list_institutions(query))
    }

    fn update_institution(&self, id: &InstitutionId, patch: InstitutionPatch, audit: AuditEntry) -> Reply<Institution> {
        self.call(|store| store.update_institution(id, patch, audit))
    }
}

impl ApiKeyStore for Faults {
    fn insert_keys(&self, keys: Vec<ApiKey>, audit: AuditEntry) -> Reply<Vec<ApiKey>> {
        self.call(|store| store.insert_keys(keys, audit))
    }

    fn known_hashes(&self, hashes: &[KeyHash]) -> Reply<Vec<KeyHash>> {
        self.call(|store| store.known_hashes(hashes))
    }

    fn find_credential(&self, hash: &KeyHash) -> Reply<Option<Credential>> {
        self.call(|store| store.find_credential(hash))
    }

    fn find_by_hash(&self, hash: &KeyHash) -> Reply<Option<ApiKey>> {
        self.call(|store| store.find_by_hash(hash))
    }

    fn find_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<Option<ApiKey>> {
        self.call(|store| store.find_key(institution_id, id))
    }

    fn list_keys(&self, query: &ApiKeyQuery, at: Timestamp) -> Reply<Page<ApiKey>> {
        self.call(|store| store.list_keys(query, at))
    }

    fn change_key(
        &self,
        institution_id: &InstitutionId,
        id: &ApiKeyId,
        change: KeyChange,
        audit: AuditEntry,
    ) -> Reply<KeyChanged> {
        self.call(|store| store.change_key(institution_id, id, change, audit))
    }

    fn revoke_all_keys(&self, institution_id: &InstitutionId, audit: AuditEntry) -> Reply<u64> {
        self.call(|store| store.revoke_all_keys(institution_id, audit))
    }

    fn note_use(&self, credential: &Credential) -> bool {
        self.store.note_use(credential)
    }

    fn record_use(&self, uses: Vec<KeyUse>) -> Reply<()> {
        self.call(|store| store.record_use(uses))
    }
}

impl PolicyStore for Faults {
    fn change_policy(&self, change: PolicyChange, audit: AuditEntry) -> Reply<Policy> {
        self.call(|store| store.change_policy(change, audit))
    }

    fn find_policy(&self, institution_id: &InstitutionId, region: Region) -> Reply<Option<Policy>> {
        self.call(|store| store.find_policy(institution_id, region))
    }

    fn list_policies(&self, query: &PolicyQuery) -> Reply<Page<Policy>> {
        self.call(|store| store.list_policies(query))
    }

    fn policy_history(&self, query: &PolicyHistoryQuery) -> Reply<Page<PolicyVersion>> {
        self.call(|store| store.policy_history(query))
    }

    fn decide_one(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Decision> {
        self.call(|store| store.decide_one(institution_id, region, position, default))
    }

    fn decide(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        positions: &[Position],
        default: DefaultDecision,
    ) -> Reply<Vec<Decision>> {
        self.call(|store| store.decide(institution_id, region, positions, default))
    }
}

impl AuditStore for Faults {
    fn append_events(&self, entries: Vec<AuditEntry>) -> Reply<()> {
        self.call(|store| store.append_events(entries))
    }

    fn list_events(&self, query: &AuditQuery) -> Reply<Page<AuditEvent>> {
        self.call(|store| store.list_events(query))
    }
}

impl Backend for Faults {
    fn admit(
        &self,
        hash: &KeyHash,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Option<(Credential, Decision)>> {
        self.call(|store| store.admit(hash, region, position, default))
    }

    fn generation(&self) -> Reply<Generation> {
        self.call(|store| store.generation())
    }

    fn status(&self) -> Reply<StoreStatus> {
        self.call(|store| store.status())
    }

    fn may_block(&self) -> bool {
        // It may be told to stall.
        true
    }

    fn after_fork(&self) -> Result<Option<Arc<dyn Backend>>> {
        Ok(self.store.after_fork()?.map(|store| Arc::new(Self::around(store)) as Arc<dyn Backend>))
    }

    fn close(&self, deadline: Duration) -> Reply<()> {
        self.call(|store| store.close(deadline))
    }
}
