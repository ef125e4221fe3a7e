//! API keys in memory: lookups without a lock, everything else in the books.

use std::collections::HashSet;

use super::{
    MemoryStore,
    books::{bug, from_cursor},
    key_table::Found,
    record::{Flags, KeyRecord},
    tenants::Tenant,
};
use crate::{
    error::{Error, Result},
    model::{
        api_key::{ApiKey, ApiKeyQuery, KeyChange, KeyChanged, KeyStatus, KeyUse},
        audit::AuditEntry,
        id::{ApiKeyId, InstitutionId},
        page::{List, Page},
        time::Timestamp,
    },
    reply::Reply,
    store::{ApiKeyStore, Credential, key_exists},
    token::KeyHash,
};

impl MemoryStore {
    /// The credential of a key that was found, and, if it is good and its slot says all, the note of its use.
    #[inline]
    pub(super) fn credential(&self, found: &Found<'_>, tenant: &Tenant) -> Option<Credential> {
        let flags = Flags::of(found);
        if flags.needs_record() {
            return self.credential_of_record(found, tenant);
        }
        let expires_at = found.entry.expires_ms.map(Timestamp::from_millis);
        let standing = standing(flags);
        let now = Timestamp::coarse_now();
        if standing == KeyStatus::Active && expires_at.is_none_or(|expiry| expiry > now) {
            found.stamp(seconds(now));
        }
        Some(Credential {
            id: ApiKeyId::from_uuid_bytes(found.entry.id),
            institution_id: tenant.id.clone(),
            role: flags.role(),
            standing,
            expires_at,
            allowed_addresses: None,
        })
    }

    /// The credential of a key with an address rule, or with an id that is a text. Takes the lock of the books.
    #[cold]
    fn credential_of_record(&self, found: &Found<'_>, tenant: &Tenant) -> Option<Credential> {
        let books = self.read().ok()?;
        let record = if KeyRecord::has_text_id(found) {
            books.record(KeyRecord::number(found))?
        } else {
            books.record_of(&ApiKeyId::from_uuid_bytes(found.entry.id))?
        };
        // The record, not the slot: it was read a moment before, and its address list belongs to it.
        let key = books.whole(record)?;
        Some(Credential {
            institution_id: tenant.id.clone(),
            allowed_addresses: record.allowed_addresses(),
            ..Credential::of(&key)
        })
    }
}

impl ApiKeyStore for MemoryStore {
    fn insert_keys(&self, keys: Vec<ApiKey>, audit: AuditEntry) -> Reply<Vec<ApiKey>> {
        self.change(audit, |books, _| {
            let mut seen = HashSet::with_capacity(keys.len());
            for (index, key) in keys.iter().enumerate() {
                books.number_of(&key.institution_id)?;
                if books.has_hash(&key.key_hash) || books.has_key_id(&key.id) || !seen.insert(key.key_hash) {
                    return Err(key_exists(index));
                }
            }
            keys.iter().try_for_each(|key| books.add_key(key))?;
            Ok((keys, true))
        })
    }

    fn known_hashes(&self, hashes: &[KeyHash]) -> Reply<Vec<KeyHash>> {
        let known = |hash: &&KeyHash| self.keys.find(hash.as_bytes()).is_some();
        Reply::from(self.check_open().map(|()| hashes.iter().filter(known).copied().collect()))
    }

    #[inline]
    fn find_credential(&self, hash: &KeyHash) -> Reply<Option<Credential>> {
        if let Err(error) = self.check_open() {
            return Reply::from(error);
        }
        Reply::from(Ok(self.keys.find(hash.as_bytes()).and_then(|found| {
            let tenant = self.tenants.get(found.entry.tenant)?;
            self.credential(&found, tenant)
        })))
    }

    fn find_by_hash(&self, hash: &KeyHash) -> Reply<Option<ApiKey>> {
        Reply::from(self.read().map(|books| books.key_by_hash(hash)))
    }

    fn find_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<Option<ApiKey>> {
        Reply::from(self.read().map(|books| books.key(id).filter(|key| key.institution_id == *institution_id)))
    }

    fn list_keys(&self, query: &ApiKeyQuery, at: Timestamp) -> Reply<Page<ApiKey>> {
        let list = || {
            let books = self.read()?;
            let Some((number, _)) = self.tenants.find(&query.institution_id) else {
                return Ok(Page { items: Vec::new(), next: None });
            };
            let position = |number: &u32| {
                let record = books.record(*number);
                record.map_or_else(|| (Timestamp::default(), None), |record| (record.created_at, Some(record.id.clone())))
            };
            let account = books.account(number)?;
            let numbers = from_cursor(&account.keys, &query.page, |id| Some(ApiKeyId::from_stored(id)), position);
            let keys = numbers.filter_map(|number| books.whole(books.record(*number)?));
            let keys =
                keys.filter(|key| query.selects(key.role, key.status(at))).take(query.page.limit.saturating_add(1)).collect();
            Ok(query.page.cut(List::Keys, keys, |key: &ApiKey| (key.created_at, key.id.to_string())))
        };
        Reply::from(list())
    }

    fn change_key(
        &self,
        institution_id: &InstitutionId,
        id: &ApiKeyId,
        change: KeyChange,
        audit: AuditEntry,
    ) -> Reply<KeyChanged> {
        self.change(audit, |books, audit| {
            let before = books.key_in(institution_id, id)?;
            let changed = change.apply(&before, audit.occurred_at)?;
            if let Some(successor) = &changed.successor {
                if books.has_hash(&successor.key_hash) {
                    return Err(key_exists(0));
                }
                books.add_key(successor)?;
            }
            if changed.changed {
                books.replace_key(&changed.key)?;
            }
            let differs = changed.changed;
            Ok((changed, differs))
        })
    }

    fn revoke_all_keys(&self, institution_id: &InstitutionId, audit: AuditEntry) -> Reply<u64> {
        self.change(audit, |books, audit| {
            let number = books.number_of(institution_id)?;
            let ids: Vec<ApiKeyId> = {
                let records = books.account(number)?.keys.iter().filter_map(|number| books.record(*number));
                records.map(|record| record.id.clone()).collect()
            };
            let mut revoked = 0_u64;
            for id in ids {
                let before = books.key(&id).ok_or_else(bug)?;
                let changed = KeyChange::Revoke.apply(&before, audit.occurred_at)?;
                if changed.changed {
                    books.replace_key(&changed.key)?;
                    revoked = revoked.saturating_add(1);
                }
            }
            Ok((revoked, revoked > 0))
        })
    }

    #[inline]
    fn note_use(&self, credential: &Credential) -> bool {
        // Keys whose slot says all were stamped when they were found; the others are known to be accepted only now.
        if credential.allowed_addresses.is_some() || credential.id.uuid_bytes().is_none() {
            let _ = self.stamp(&credential.id, Timestamp::coarse_now());
        }
        true
    }

    fn record_use(&self, uses: Vec<KeyUse>) -> Reply<()> {
        Reply::from(uses.iter().try_for_each(|KeyUse { id, at }| self.stamp(id, *at)))
    }
}

impl MemoryStore {
    fn stamp(&self, id: &ApiKeyId, at: Timestamp) -> Result<(), Error> {
        let books = self.read()?;
        if let Some(found) = books.record_of(id).and_then(|record| self.keys.find(record.key_hash().as_bytes())) {
            found.stamp(seconds(at));
        }
        Ok(())
    }
}

#[inline]
fn standing(flags: Flags) -> KeyStatus {
    if flags.is_revoked() {
        KeyStatus::Revoked
    } else if flags.is_disabled() {
        KeyStatus::Disabled
    } else {
        KeyStatus::Active
    }
}

/// Seconds since 1970, as slots hold them, up to the year 2106.
#[inline]
fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis() / 1000).unwrap_or(u32::MAX)
}
