//! API keys in memory: lookups without a lock, everything else in the books.

use super::{
    MemoryStore,
    books::{Books, bug, from_cursor},
    key_table::Found,
    lookups::seconds,
    record::Flags,
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
    /// The credential of the key with this hash.
    pub(super) fn credential(&self, books: &Books, hash: &KeyHash) -> Option<(Credential, &Tenant)> {
        let found = self.lookups.keys.find(hash.as_bytes())?;
        let tenant = self.lookups.tenants.get(found.entry.tenant)?;
        if Flags::of(&found).needs_record() {
            let key = books.key_by_hash(hash)?;
            return Some((Credential::of(&key), tenant));
        }
        Some((self.of_slot(&found, tenant), tenant))
    }

    /// The credential of a key whose slot says all.
    fn of_slot(&self, found: &Found<'_>, tenant: &Tenant) -> Credential {
        let flags = Flags::of(found);
        Credential {
            id: ApiKeyId::from_uuid_bytes(found.entry.id),
            institution_id: tenant.id.clone(),
            role: flags.role(),
            standing: standing(flags),
            expires_at: found.entry.expires_ms.map(Timestamp::from_millis),
            allowed_addresses: None,
            rate_limit: self.lookups.rates.get(found.entry.limit),
        }
    }
}

impl ApiKeyStore for MemoryStore {
    fn insert_keys(&self, keys: Vec<ApiKey>, audit: AuditEntry) -> Reply<Vec<ApiKey>> {
        Reply::from(self.import(keys, audit))
    }

    fn known_hashes(&self, hashes: &[KeyHash]) -> Reply<Vec<KeyHash>> {
        let known = |hash: &KeyHash| match self.lookups.keys.find(hash.as_bytes()) {
            Some(found) if Flags::of(&found).is_new() => Ok(self.read()?.key_by_hash(hash).is_some()),
            found => Ok(found.is_some()),
        };
        let filter = || {
            let mut all = Vec::new();
            for hash in hashes {
                if known(hash)? {
                    all.push(*hash);
                }
            }
            Ok(all)
        };
        Reply::from(self.check_open().and_then(|()| filter()))
    }

    fn find_credential(&self, hash: &KeyHash) -> Reply<Option<Credential>> {
        let find = || {
            self.check_open()?;
            let Some(found) = self.lookups.keys.find(hash.as_bytes()) else { return Ok(None) };
            // Who is refused does not wait for a change that is under way; only keys with an address rule, or with an id
            // that is a text, need the books.
            if Flags::of(&found).needs_record() {
                return Ok(self.credential(&*self.read()?, hash).map(|(credential, _)| credential));
            }
            Ok(self.lookups.tenants.get(found.entry.tenant).map(|tenant| self.of_slot(&found, tenant)))
        };
        Reply::from(find())
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
            let Some((number, _)) = self.lookups.tenants.find(&query.institution_id) else {
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
        self.change_keys(audit, |books, writer, audit| {
            let before = books.key_in(institution_id, id)?;
            let changed = change.apply(&before, audit.occurred_at)?;
            if let Some(successor) = &changed.successor {
                if books.has_hash(&successor.key_hash) {
                    return Err(key_exists(0));
                }
                books.add_key(writer, successor)?;
            }
            if changed.changed {
                books.replace_key(writer, &changed.key)?;
            }
            let differs = changed.changed;
            Ok((changed, differs))
        })
    }

    fn revoke_all_keys(&self, institution_id: &InstitutionId, audit: AuditEntry) -> Reply<u64> {
        self.change_keys(audit, |books, writer, audit| {
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
                    books.replace_key(writer, &changed.key)?;
                    revoked = revoked.saturating_add(1);
                }
            }
            Ok((revoked, revoked > 0))
        })
    }

    fn note_use(&self, credential: &Credential) -> bool {
        self.stamp(&credential.id, Timestamp::coarse_now()).is_ok()
    }

    fn record_use(&self, uses: Vec<KeyUse>) -> Reply<()> {
        Reply::from(uses.iter().try_for_each(|KeyUse { id, at }| self.stamp(id, *at)))
    }
}

impl MemoryStore {
    fn stamp(&self, id: &ApiKeyId, at: Timestamp) -> Result<(), Error> {
        let books = self.read()?;
        if let Some(found) = books.record_of(id).and_then(|record| self.lookups.keys.find(record.key_hash().as_bytes())) {
            found.stamp(seconds(at));
        }
        Ok(())
    }
}

fn standing(flags: Flags) -> KeyStatus {
    if flags.is_revoked() {
        KeyStatus::Revoked
    } else if flags.is_disabled() {
        KeyStatus::Disabled
    } else {
        KeyStatus::Active
    }
}
