//! Where records live: the traits that a store implements, and the stores that come with doorward.
//!
//! A host that wants a store of its own implements [`InstitutionStore`], [`ApiKeyStore`], [`PolicyStore`] and
//! [`AuditStore`] for one type, and [`Backend`] to hold them together; `doorward::testkit` then holds it to the rules
//! below. A store that computes or blocks answers `Reply::from(result)`; one that works elsewhere answers a pending reply.
//!
//! # Rules of every store
//!
//! 1. A change and its [`AuditEntry`] are one transaction: both are there or neither. So is what the change implies (a
//!    policy's history, a key's successor).
//! 2. A change that was answered with success survives the end of the process, as far as the store outlives it at all.
//! 3. A change whose actor is a key (`audit.actor`) first checks, inside the transaction, that this key is active at
//!    `audit.occurred_at`, else it fails with `Forbidden` / `actor_not_active` ([`check_actor`]).
//! 4. A change is dated by `audit.occurred_at`.
//! 5. Every committed change to institutions, keys or policies raises the [`Generation`] by one, a batch by one as a
//!    whole. What changes nothing (revoking what is revoked) raises nothing, but its entry is written.
//! 6. The rules of a change are in the model ([`KeyChange::apply`], [`PolicyChange::apply`]); a store never has its own.
//! 7. Revoked and expired keys are found like others. The door judges.

pub(crate) mod around;
pub mod memory;
pub mod off_thread;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::{sync::Arc, time::Duration};

use crate::{
    error::{Error, Reason, Result},
    model::{
        address::AddressList,
        api_key::{ApiKey, ApiKeyQuery, KeyChange, KeyChanged, KeyStatus, KeyUse, Role},
        audit::{AuditEntry, AuditEvent, AuditQuery},
        code::Region,
        decision::{Decision, DefaultDecision, Position},
        id::{ApiKeyId, InstitutionId},
        institution::{Institution, InstitutionPatch, InstitutionQuery},
        page::Page,
        policy::{Policy, PolicyChange, PolicyHistoryQuery, PolicyQuery, PolicyVersion},
        rate_limit::RateLimit,
        time::Timestamp,
    },
    reply::Reply,
    token::KeyHash,
};

/// Keeps institutions.
pub trait InstitutionStore: Send + Sync + 'static {
    /// Stores a new institution. `Conflict` / `institution_exists` if its id is taken.
    fn insert_institution(&self, institution: Institution, audit: AuditEntry) -> Reply<Institution>;

    /// The institution of this id.
    fn find_institution(&self, id: &InstitutionId) -> Reply<Option<Institution>>;

    /// A page of institutions by creation.
    fn list_institutions(&self, query: &InstitutionQuery) -> Reply<Page<Institution>>;

    /// Changes an institution. `NotFound` / `institution_not_found`.
    fn update_institution(&self, id: &InstitutionId, patch: InstitutionPatch, audit: AuditEntry) -> Reply<Institution>;
}

/// Keeps API keys.
pub trait ApiKeyStore: Send + Sync + 'static {
    /// Stores new keys, all or none. They belong to the same institution.
    ///
    /// `NotFound` / `institution_not_found`; `Conflict` / `key_exists` naming the first one (`keys[3].key_hash`) whose hash
    /// is stored already or stands earlier in the list.
    fn insert_keys(&self, keys: Vec<ApiKey>, audit: AuditEntry) -> Reply<Vec<ApiKey>>;

    /// Which of these hashes are stored.
    fn known_hashes(&self, hashes: &[KeyHash]) -> Reply<Vec<KeyHash>>;

    /// What authentication needs of the key with this hash; revoked and expired ones too. The way of every lookup: a store
    /// that can answer without building the whole record should.
    fn find_credential(&self, hash: &KeyHash) -> Reply<Option<Credential>> {
        self.find_by_hash(hash).map(|key| Ok(key.as_ref().map(Credential::of)))
    }

    /// The whole record of the key with this hash; revoked and expired ones too.
    fn find_by_hash(&self, hash: &KeyHash) -> Reply<Option<ApiKey>>;

    /// The key of this id, if it belongs to the institution.
    fn find_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<Option<ApiKey>>;

    /// A page of an institution's keys by creation; `at` is the present, by which expired keys are told from active ones.
    fn list_keys(&self, query: &ApiKeyQuery, at: Timestamp) -> Reply<Page<ApiKey>>;

    /// Makes a change to a key, as [`KeyChange::apply`] says. `NotFound`: `institution_not_found`, or `key_not_found` if the
    /// institution has no such key; `Conflict` / `key_exists` if a successor's hash is stored already.
    fn change_key(
        &self,
        institution_id: &InstitutionId,
        id: &ApiKeyId,
        change: KeyChange,
        audit: AuditEntry,
    ) -> Reply<KeyChanged>;

    /// Revokes every key of an institution that is not revoked yet, and says how many those were. The actor's own key too.
    /// `NotFound` / `institution_not_found`.
    fn revoke_all_keys(&self, institution_id: &InstitutionId, audit: AuditEntry) -> Reply<u64>;

    /// Called when a key was accepted. A store that notes that by itself, at once and without a write per request, answers
    /// `true`; for the others the door gathers uses and hands them to [`record_use`](Self::record_use).
    fn note_use(&self, credential: &Credential) -> bool {
        let _ = credential;
        false
    }

    /// Writes when keys were last accepted, to within a second. Never moves a date backwards, raises no generation,
    /// ignores unknown keys.
    fn record_use(&self, uses: Vec<KeyUse>) -> Reply<()>;
}

/// Keeps policies and their history.
pub trait PolicyStore: Send + Sync + 'static {
    /// Makes a change to a policy, as [`PolicyChange::apply`] says, and notes it in the history. Answers with the policy as
    /// it is now, or, after a deletion, as it was. `NotFound`: `institution_not_found`, `policy_not_found`.
    fn change_policy(&self, change: PolicyChange, audit: AuditEntry) -> Reply<Policy>;

    /// The policy of an institution in a region.
    fn find_policy(&self, institution_id: &InstitutionId, region: Region) -> Reply<Option<Policy>>;

    /// A page of an institution's policies by creation.
    fn list_policies(&self, query: &PolicyQuery) -> Reply<Page<Policy>>;

    /// A page of the versions of a policy, deleted ones too.
    fn policy_history(&self, query: &PolicyHistoryQuery) -> Reply<Page<PolicyVersion>>;

    /// Decides on one position. The way of every check: a store that can decide without building the whole policy should.
    fn decide_one(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Decision> {
        self.decide(institution_id, region, std::slice::from_ref(position), default)
            .map(|mut decisions| decisions.pop().ok_or_else(|| Error::new(Reason::Bug, "the store answered without a decision")))
    }

    /// Decides on positions, all on one view of the policy. `NotFound` / `institution_not_found`. A policy that cannot be
    /// read denies ([`Decision::by_unreadable`]).
    fn decide(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        positions: &[Position],
        default: DefaultDecision,
    ) -> Reply<Vec<Decision>>;
}

/// Keeps the audit trail.
pub trait AuditStore: Send + Sync + 'static {
    /// Writes entries that belong to no change.
    fn append_events(&self, entries: Vec<AuditEntry>) -> Reply<()>;

    /// A page of the trail, in the order of writing.
    fn list_events(&self, query: &AuditQuery) -> Reply<Page<AuditEvent>>;
}

/// A whole store: a change and its audit entry are one transaction, so one backend holds all.
pub trait Backend: InstitutionStore + ApiKeyStore + PolicyStore + AuditStore {
    /// The credential of a token's hash, and the decision about a position for the institution that owns it, on one view
    /// of both. The decision is asked of the key's own institution.
    fn admit(
        &self,
        hash: &KeyHash,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Option<(Credential, Decision)>>;

    /// How far the store has come.
    fn generation(&self) -> Reply<Generation>;

    /// Whether the store can be reached, and what it is.
    fn status(&self) -> Reply<StoreStatus>;

    /// Whether a call may block its thread for longer than memory takes. If so, the asynchronous handle makes calls on
    /// threads of its own.
    fn may_block(&self) -> bool {
        true
    }

    /// Called in a forked child before it uses the store for the first time. A store that holds threads, sockets or files
    /// answers with one of its own making, and never touches the parent's again; `None` keeps this one.
    fn after_fork(&self) -> Result<Option<Arc<dyn Backend>>> {
        Ok(None)
    }

    /// Finishes what was begun and lets go of threads and files, within this time. Later calls answer `Closed`. If the time
    /// is too short it answers `Unavailable`, and may be called again to go on.
    fn close(&self, deadline: Duration) -> Reply<()>;
}

/// What authentication needs of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// The key.
    pub id: ApiKeyId,
    /// Its owner.
    pub institution_id: InstitutionId,
    /// `Admin` or `ReadOnly`.
    pub role: Role,
    /// Whether it was revoked or disabled; `Active` as far as these two are concerned.
    pub standing: KeyStatus,
    /// From when on it is no longer good.
    pub expires_at: Option<Timestamp>,
    /// From where it may be used; `None` means from anywhere.
    pub allowed_addresses: Option<Arc<AddressList>>,
    /// How often it may be used, if it has a limit of its own.
    pub rate_limit: Option<RateLimit>,
}

impl Credential {
    /// The credential of a record.
    #[must_use]
    pub fn of(key: &ApiKey) -> Self {
        Self {
            id: key.id.clone(),
            institution_id: key.institution_id.clone(),
            role: key.role,
            // At the beginning of time nothing has expired.
            standing: key.status(Timestamp::default()),
            expires_at: key.expires_at,
            allowed_addresses: Some(&key.allowed_addresses).filter(|list| !list.is_empty()).cloned().map(Arc::new),
            rate_limit: key.rate_limit,
        }
    }
}

/// A number that every committed change to institutions, keys or policies raises by one: the total order of changes in
/// one store. The epoch changes when the store was restored or replaced; numbers of two epochs do not compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Names the line of changes.
    pub epoch: String,
    /// How many changes it has had.
    pub number: u64,
}

/// What a store says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStatus {
    /// `memory`, `sqlite`, `postgres`, or the name of the host's own.
    pub backend: &'static str,
    /// The version of its tables, if it has some.
    pub schema_version: Option<u32>,
}

/// Rule 3 of every store: refuses a change whose actor's key is gone or not active at `at`.
///
/// # Errors
/// `Forbidden` / `actor_not_active`.
pub fn check_actor(actor_key: Option<&ApiKey>, at: Timestamp) -> Result<()> {
    match actor_key.map(|key| key.status(at)) {
        Some(KeyStatus::Active) => Ok(()),
        _ => Err(Error::new(Reason::ActorNotActive, "the caller's key is not active any more")),
    }
}

/// The error for a key whose hash is stored already, by its place in the list.
pub(crate) fn key_exists(index: usize) -> Error {
    Error::new(Reason::KeyExists, "a key with this hash exists").field(format!("keys[{index}].key_hash"))
}
