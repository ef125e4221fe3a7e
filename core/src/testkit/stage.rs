//! The store under test, and the records that cases put into it.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use serde_json::Map;

use super::case::{Check, Failure, equal, refused, some};
use crate::{
    error::{Error, Reason, Result},
    model::{
        address::AddressList,
        api_key::{ApiKey, KeyChange, KeyChanged, Role},
        audit::{Actor, AuditEntry, AuditEvent, AuditQuery, Origin, Outcome},
        code::Region,
        id::{ApiKeyId, EventId, InstitutionId, PolicyId},
        institution::Institution,
        page::{Order, Page, PageRequest},
        policy::{Policy, PolicyAction, PolicyChange, PolicyConfig},
        time::Timestamp,
    },
    reply::Reply,
    store::Backend,
    token::KeyHash,
};

/// How long a store may take for one answer. Far more than any needs: only what never comes is told by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store under test. Every entry made here has a millisecond of its own, so that it is found again by its time.
pub(super) struct Stage {
    /// The store.
    pub(super) store: Arc<dyn Backend>,
    start: Timestamp,
    ticks: AtomicU64,
}

impl Stage {
    pub(super) fn new(store: Arc<dyn Backend>) -> Self {
        Self { store, start: Timestamp::now(), ticks: AtomicU64::new(0) }
    }

    /// A time that no entry had yet.
    pub(super) fn tick(&self) -> Timestamp {
        let ticks = self.ticks.fetch_add(1, Ordering::Relaxed);
        self.start.plus(Duration::from_millis(ticks))
    }

    /// A number that was not given before.
    pub(super) fn number(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }

    /// An entry for a change by the host itself.
    pub(super) fn entry(&self) -> Result<AuditEntry> {
        self.entry_by(Actor::System)
    }

    /// An entry for a change by this actor.
    pub(super) fn entry_by(&self, actor: Actor) -> Result<AuditEntry> {
        Ok(AuditEntry {
            id: EventId::generate()?,
            occurred_at: self.tick(),
            actor,
            action: "testkit".to_owned(),
            outcome: Outcome::Succeeded,
            institution_id: None,
            resource_type: None,
            resource_id: None,
            origin: Origin::default(),
            status_code: None,
            error: None,
            payload: Map::new(),
        })
    }

    /// The record of a new institution, not stored yet.
    pub(super) fn new_institution(&self) -> Result<Institution> {
        let now = self.tick();
        Ok(Institution {
            id: InstitutionId::generate()?,
            name: format!("Institution {}", self.number()),
            regions: vec![region()?],
            created_at: now,
            updated_at: now,
        })
    }

    /// A new institution, stored.
    pub(super) fn institution(&self) -> Result<InstitutionId> {
        let stored = answer(self.store.insert_institution(self.new_institution()?, self.entry()?))?;
        Ok(stored.id)
    }

    /// The record of a new key, not stored yet.
    pub(super) fn new_key(&self, institution_id: &InstitutionId) -> Result<ApiKey> {
        let id = ApiKeyId::generate()?;
        let key_hash = KeyHash::of(&id.to_string());
        Ok(ApiKey {
            key_hash,
            hint: key_hash.hint(),
            id,
            institution_id: institution_id.clone(),
            label: format!("key {}", self.number()),
            role: Role::Admin,
            created_at: self.tick(),
            revoked_at: None,
            disabled_at: None,
            expires_at: None,
            last_used_at: None,
            allowed_addresses: AddressList::default(),
            rate_limit: None,
            metadata: Map::new(),
            rotated_from: None,
            rotated_to: None,
            version: 1,
        })
    }

    /// A new key, stored.
    pub(super) fn key(&self, institution_id: &InstitutionId) -> Result<ApiKey> {
        self.store_key(self.new_key(institution_id)?)
    }

    /// Stores this key.
    pub(super) fn store_key(&self, key: ApiKey) -> Result<ApiKey> {
        answer(self.store.insert_keys(vec![key.clone()], self.entry()?))?;
        Ok(key)
    }

    /// Makes a change to a key.
    pub(super) fn change_key(&self, key: &ApiKey, change: KeyChange) -> Result<KeyChanged> {
        answer(self.store.change_key(&key.institution_id, &key.id, change, self.entry()?))
    }

    /// The key as it is stored.
    pub(super) fn found_key(&self, key: &ApiKey) -> Result<ApiKey, Failure> {
        some(answer(self.store.find_key(&key.institution_id, &key.id))?, "the key by its id")
    }

    /// A change to the policy in [`region`].
    pub(super) fn policy_change(&self, institution_id: &InstitutionId, action: PolicyAction) -> Result<PolicyChange> {
        let (region, new_id) = (region()?, PolicyId::generate()?);
        Ok(PolicyChange { institution_id: institution_id.clone(), region, action, expected_version: None, new_id })
    }

    /// Creates or replaces the policy in [`region`].
    pub(super) fn upsert(&self, institution_id: &InstitutionId, config: &str) -> Result<Policy> {
        let change = self.policy_change(institution_id, PolicyAction::Upsert(PolicyConfig::from_json(config)?))?;
        answer(self.store.change_policy(change, self.entry()?))
    }

    /// Expects a success that raises the generation by so much and writes its entry once.
    pub(super) fn raises<T>(&self, by: u64, act: impl FnOnce(AuditEntry) -> Reply<T>) -> Result<T, Failure> {
        let before = answer(self.store.generation())?;
        let entry = self.entry()?;
        let done = answer(act(entry.clone()))?;
        let after = answer(self.store.generation())?;
        equal(after.epoch, before.epoch, "the epoch")?;
        equal(after.number, before.number.saturating_add(by), "the generation (rule 5)")?;
        equal(self.events_of(&entry)?.len(), 1, "audit events of a change (rule 1)")?;
        Ok(done)
    }

    /// Expects a refusal that leaves nothing behind: no generation, no event.
    pub(super) fn refuses<T>(&self, reason: Reason, act: impl FnOnce(AuditEntry) -> Reply<T>) -> Result<Error, Failure> {
        self.refuses_entry(reason, self.entry()?, act)
    }

    /// The same for an entry that the case made.
    pub(super) fn refuses_entry<T>(
        &self,
        reason: Reason,
        entry: AuditEntry,
        act: impl FnOnce(AuditEntry) -> Reply<T>,
    ) -> Result<Error, Failure> {
        let before = answer(self.store.generation())?;
        let error = refused(answer(act(entry.clone())), reason)?;
        equal(answer(self.store.generation())?, before, "the generation after a refusal (rule 1)")?;
        equal(self.events_of(&entry)?.len(), 0, "audit events of a refused change (rule 1)")?;
        Ok(error)
    }

    /// The events that this entry became.
    pub(super) fn events_of(&self, entry: &AuditEntry) -> Result<Vec<AuditEvent>> {
        let after = entry.occurred_at.plus(Duration::from_millis(1));
        let query = AuditQuery { since: Some(entry.occurred_at), until: Some(after), ..AuditQuery::default() };
        let page = answer(self.store.list_events(&query))?;
        Ok(page.items.into_iter().filter(|event| event.entry.id == entry.id).collect())
    }
}

/// The region in which cases set policies.
pub(super) fn region() -> Result<Region> {
    "US".parse()
}

/// Reads a whole list page by page, and expects every page but the last to be full.
pub(super) fn walk<T>(limit: usize, order: Order, list: impl Fn(PageRequest) -> Reply<Page<T>>) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
{
    let (mut all, mut cursor) = (Vec::new(), None);
    for _ in 0..1000 {
        let page = answer(list(PageRequest { limit, cursor, order }))?;
        if page.next.is_some() {
            equal(page.items.len(), limit, "items of a page that is not the last")?;
        } else if page.items.len() > limit {
            return Err(Failure::new("a page has more items than its limit"));
        }
        all.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(all),
        }
    }
    Err(Failure::new("the list has no end"))
}

/// Expects that a list gives these, whatever the page size, and in reverse from its other end.
pub(super) fn lists<T: Send + 'static>(
    oldest_first: &[String],
    list: impl Fn(PageRequest) -> Reply<Page<T>>,
    id: impl Fn(&T) -> String,
) -> Check {
    for limit in [1, 2, oldest_first.len().max(1), 1000] {
        let forward: Vec<_> = walk(limit, Order::OldestFirst, &list)?.iter().map(&id).collect();
        equal(forward.as_slice(), oldest_first, "the list, oldest first")?;
        let mut backward: Vec<_> = walk(limit, Order::NewestFirst, &list)?.iter().map(&id).collect();
        backward.reverse();
        equal(backward.as_slice(), oldest_first, "the list, newest first, turned round")?;
    }
    Ok(())
}

/// Awaits the answer as an executor would, for as long as [`PATIENCE`] lasts.
pub(super) fn answer<T>(reply: Reply<T>) -> Result<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut reply = pin!(reply);
    let begun = Instant::now();
    loop {
        if let Poll::Ready(answer) = reply.as_mut().poll(&mut context) {
            return answer;
        }
        let Some(left) = PATIENCE.checked_sub(begun.elapsed()) else {
            return Err(Error::new(Reason::StoreUnavailable, "the store did not answer within 60 s"));
        };
        thread::park_timeout(left);
    }
}
