//! Everything that changes, behind one lock: whole records, their order, and the trail.
//!
//! Lookups do not come here; they read the key table and the tenants, which a change updates while it holds the lock.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    audit_ring::AuditRing,
    key_table::{Entry, KeyTable, KeyTableWriter},
    rates::Rates,
    record::{Flags, HintPrefixes, KeyRecord},
    rule::Rule,
    tenants::Tenants,
};
use crate::{
    error::{Error, Reason, Result},
    model::{
        api_key::{ApiKey, key_not_found},
        audit::{Actor, AuditEntry},
        code::Region,
        id::{ApiKeyId, InstitutionId},
        institution::{Institution, institution_not_found},
        page::{Order, PageRequest},
        policy::PolicyVersion,
        time::Timestamp,
    },
    store::check_actor,
    token::KeyHash,
};

pub(super) struct Books {
    pub(super) tenants: Arc<Tenants>,
    /// By number.
    pub(super) accounts: Vec<Account>,
    /// Numbers of institutions in the order of creation.
    pub(super) by_creation: Vec<u32>,
    keys: Vec<KeyRecord>,
    /// How many of the records are there for others to see; those behind belong to an import that is under way.
    shown: usize,
    by_id: HashMap<ApiKeyId, u32, foldhash::quality::RandomState>,
    table: Arc<KeyTable>,
    rates: Arc<Rates>,
    pub(super) prefixes: Arc<HintPrefixes>,
    pub(super) trail: AuditRing,
    pub(super) generation: u64,
}

/// An institution with all that belongs to it.
pub(super) struct Account {
    pub(super) institution: Institution,
    /// Numbers of its keys in the order of creation.
    pub(super) keys: Vec<u32>,
    pub(super) policies: BTreeMap<Region, PolicyBook>,
}

/// Keys of one institution that were added one after the other.
pub(super) struct Run {
    pub(super) tenant: u32,
    pub(super) length: usize,
    /// Whether they are in the order of creation.
    pub(super) in_order: bool,
}

/// A policy, if there is one now, and everything it ever was.
#[derive(Default)]
pub(super) struct PolicyBook {
    pub(super) current: Option<Arc<Rule>>,
    pub(super) history: Vec<PolicyVersion>,
}

impl Books {
    pub(super) fn new(tenants: Arc<Tenants>, table: Arc<KeyTable>, rates: Arc<Rates>, audit_capacity: usize) -> Self {
        Self {
            tenants,
            accounts: Vec::new(),
            by_creation: Vec::new(),
            keys: Vec::new(),
            shown: 0,
            by_id: HashMap::default(),
            table,
            rates,
            prefixes: Arc::default(),
            trail: AuditRing::new(audit_capacity),
            generation: 0,
        }
    }

    /// Rule 3 of every store.
    pub(super) fn check_actor(&self, audit: &AuditEntry) -> Result<()> {
        match &audit.actor {
            Actor::Key(id) => check_actor(self.key(id).as_ref(), audit.occurred_at),
            Actor::System | Actor::Root | Actor::Anonymous => Ok(()),
        }
    }

    pub(super) fn number_of(&self, id: &InstitutionId) -> Result<u32> {
        self.tenants.find(id).map(|(number, _)| number).ok_or_else(|| institution_not_found(id))
    }

    pub(super) fn account(&self, number: u32) -> Result<&Account> {
        index(number).and_then(|number| self.accounts.get(number)).ok_or_else(bug)
    }

    pub(super) fn account_mut(&mut self, number: u32) -> Result<&mut Account> {
        index(number).and_then(|number| self.accounts.get_mut(number)).ok_or_else(bug)
    }

    /// Adds an institution.
    pub(super) fn add_account(&mut self, institution: Institution) -> Result<()> {
        let number = self
            .tenants
            .push(institution.id.clone())
            .ok_or_else(|| Error::new(Reason::Bug, "there is no room for another institution"))?;
        let accounts = &self.accounts;
        let position = |number: &u32| {
            let account = index(*number).and_then(|number| accounts.get(number));
            account.map(|account| (account.institution.created_at, account.institution.id.clone()))
        };
        let own = Some((institution.created_at, institution.id.clone()));
        let at = insertion_point(&self.by_creation, |number| position(number) < own);
        self.by_creation.insert(at, number);
        self.accounts.push(Account { institution, keys: Vec::new(), policies: BTreeMap::new() });
        Ok(())
    }

    pub(super) fn record(&self, number: u32) -> Option<&KeyRecord> {
        self.keys.get(..self.shown)?.get(index(number)?)
    }

    pub(super) fn record_of(&self, id: &ApiKeyId) -> Option<&KeyRecord> {
        self.record(*self.by_id.get(id)?)
    }

    /// The whole record of a key.
    pub(super) fn key(&self, id: &ApiKeyId) -> Option<ApiKey> {
        self.whole(self.record_of(id)?)
    }

    pub(super) fn whole(&self, record: &KeyRecord) -> Option<ApiKey> {
        let last_used = self.table.find(record.key_hash().as_bytes()).map_or(0, |found| found.last_used);
        let tenant = self.tenants.get(record.tenant)?;
        Some(record.unpack(&tenant.id, last_used, &self.prefixes))
    }

    pub(super) fn key_by_hash(&self, hash: &KeyHash) -> Option<ApiKey> {
        let found = self.table.find(hash.as_bytes())?;
        let record = if KeyRecord::has_text_id(&found) {
            self.record(KeyRecord::number(&found))?
        } else {
            self.record_of(&ApiKeyId::from_uuid_bytes(found.entry.id))?
        };
        self.whole(record)
    }

    /// The key of this id, if it belongs to the institution.
    pub(super) fn key_in(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Result<ApiKey> {
        self.number_of(institution_id)?;
        self.key(id).filter(|key| key.institution_id == *institution_id).ok_or_else(|| key_not_found(id))
    }

    /// Adds a key whose hash and id are not there yet.
    pub(super) fn add_key(&mut self, writer: &mut KeyTableWriter, key: &ApiKey) -> Result<()> {
        self.forget_hidden(writer);
        let tenant = self.number_of(&key.institution_id)?;
        let record = KeyRecord::pack(key, tenant, &self.prefixes);
        for entry in self.add_hidden(vec![record])? {
            if !writer.insert(key.key_hash.as_bytes(), &Flags::settled(entry)) {
                return Err(bug());
            }
        }
        self.show(&[Run { tenant, length: 1, in_order: true }])
    }

    /// Puts a key in the place of the one with its id.
    pub(super) fn replace_key(&mut self, writer: &mut KeyTableWriter, key: &ApiKey) -> Result<()> {
        let number = *self.by_id.get(&key.id).ok_or_else(bug)?;
        let slot = index(number).and_then(|number| self.keys.get_mut(number)).ok_or_else(bug)?;
        *slot = KeyRecord::pack(key, slot.tenant, &self.prefixes);
        let entry = slot.entry(number, &self.rates);
        if writer.set_state(key.key_hash.as_bytes(), &entry) { Ok(()) } else { Err(bug()) }
    }

    /// Adds records that nobody sees before they are shown, and gives what the key table is to hold of them until then.
    pub(super) fn add_hidden(&mut self, records: Vec<KeyRecord>) -> Result<Vec<Entry>> {
        let full = |_| Error::new(Reason::Bug, "there is no room for another key");
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            let number = u32::try_from(self.keys.len()).map_err(full)?;
            entries.push(record.new_entry(number, &self.rates));
            self.by_id.insert(record.id.clone(), number);
            self.keys.push(record);
        }
        Ok(entries)
    }

    /// Shows what was added, run by run: each takes its place in its institution's list, nearly always at the end.
    pub(super) fn show(&mut self, runs: &[Run]) -> Result<()> {
        let keys = &self.keys;
        let position =
            |number: &u32| index(*number).and_then(|number| keys.get(number)).map(|record| (record.created_at, &record.id));
        let mut numbers = (0_u32..).skip(self.shown);
        for run in runs {
            let list = &mut index(run.tenant).and_then(|tenant| self.accounts.get_mut(tenant)).ok_or_else(bug)?.keys;
            let before = list.len();
            list.extend(numbers.by_ref().take(run.length));
            let (old, new) = list.split_at_mut(before);
            if !run.in_order {
                new.sort_by_key(position);
            }
            let first = new.first().and_then(position);
            if old.last().is_some_and(|last| position(last) > first) {
                let at = old.partition_point(|number| position(number) < first);
                list.get_mut(at..).unwrap_or_default().sort_by_key(position);
            }
        }
        self.shown = keys.len();
        Ok(())
    }

    /// Forgets what was added and never shown: a panic cut its import short.
    pub(super) fn forget_hidden(&mut self, writer: &mut KeyTableWriter) {
        for record in self.keys.drain(self.shown..) {
            self.by_id.remove(&record.id);
            let _ = writer.remove(record.key_hash().as_bytes());
        }
    }

    /// Whether a key has this hash, or this id.
    pub(super) fn has_hash(&self, hash: &KeyHash) -> bool {
        self.table.find(hash.as_bytes()).is_some()
    }

    pub(super) fn has_key_id(&self, id: &ApiKeyId) -> bool {
        self.by_id.contains_key(id)
    }
}

/// The part of an ordered list that a page begins with, in the order of the page.
pub(super) fn from_cursor<'a, T, I: Ord>(
    list: &'a [T],
    page: &PageRequest,
    parse: impl Fn(&str) -> I,
    position: impl Fn(&T) -> (Timestamp, I),
) -> Box<dyn Iterator<Item = &'a T> + 'a> {
    let after = page.after().map(|(time, id)| (time, parse(id)));
    match page.order {
        Order::OldestFirst => {
            let begin = after.map_or(0, |after| list.partition_point(|item| position(item) <= after));
            Box::new(list.get(begin..).unwrap_or_default().iter())
        }
        Order::NewestFirst => {
            let end = after.map_or(list.len(), |after| list.partition_point(|item| position(item) < after));
            Box::new(list.get(..end).unwrap_or_default().iter().rev())
        }
    }
}

/// Where something new belongs in an ordered list: nearly always at the end.
fn insertion_point<T>(list: &[T], is_before: impl Fn(&T) -> bool) -> usize {
    match list.last() {
        Some(last) if !is_before(last) => list.partition_point(is_before),
        _ => list.len(),
    }
}

pub(super) fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

pub(super) fn bug() -> Error {
    Error::new(Reason::Bug, "the memory store's books do not agree with each other")
}
