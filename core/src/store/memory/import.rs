//! Storing new keys, be they one or a million, all or none, without holding up those who look up or read.
//!
//! The checks, the packing of records and the places in the key table take most of the time, and none of that is done
//! under the books' lock: no other change comes between, since changes wait for one another. What is stored meanwhile is
//! hidden. In the books, it lies behind the records that are shown. In the key table, it carries a flag that sends whoever
//! finds it to the books. So all keys appear in one step, when the books show them; the flags are removed after it, which
//! changes nothing that anybody sees.

use std::{collections::HashSet, sync::Arc};

use super::{
    MemoryStore,
    books::{Run, bug},
    key_table::KeyTableWriter,
    record::{Flags, KeyRecord},
};
use crate::{
    error::Result,
    model::{api_key::ApiKey, audit::AuditEntry},
    store::key_exists,
};

/// How many keys are checked, or put into the books, under one hold of their lock: some tens of microseconds' worth.
const PORTION: usize = 256;

impl MemoryStore {
    pub(super) fn import(&self, keys: Vec<ApiKey>, audit: AuditEntry) -> Result<Vec<ApiKey>> {
        let mut writer = self.locked.writer.lock();
        self.write()?.forget_hidden(&mut writer);
        self.read()?.check_actor(&audit)?;
        self.check_new(&keys)?;
        self.add_hidden(&mut writer, &keys)?;
        let runs = self.runs(&keys)?;
        {
            let mut books = self.write()?;
            self.lookups.change(|| books.show(&runs))?;
            books.generation = books.generation.saturating_add(1);
            books.trail.push(audit);
        }
        // They are there now. From here on their slots say so too.
        keys.iter().for_each(|key| _ = writer.clear_flags(key.key_hash.as_bytes(), Flags::NEW));
        Ok(keys)
    }

    /// Refuses the first key whose hash or id is there already, or whose hash stands earlier in the list.
    fn check_new(&self, keys: &[ApiKey]) -> Result<()> {
        let mut seen = HashSet::with_capacity(keys.len());
        let mut numbered = keys.iter().enumerate();
        for _ in keys.chunks(PORTION) {
            let books = self.read()?;
            for (index, key) in numbered.by_ref().take(PORTION) {
                books.number_of(&key.institution_id)?;
                if books.has_hash(&key.key_hash) || books.has_key_id(&key.id) || !seen.insert(key.key_hash) {
                    return Err(key_exists(index));
                }
            }
        }
        Ok(())
    }

    /// The keys institution by institution, of which there is one as a rule.
    fn runs(&self, keys: &[ApiKey]) -> Result<Vec<Run>> {
        let run = |keys: &[ApiKey]| {
            let id = keys.first().map(|key| &key.institution_id).ok_or_else(bug)?;
            let (tenant, _) = self.lookups.tenants.find(id).ok_or_else(bug)?;
            let in_order = keys.is_sorted_by_key(|key| (key.created_at, &key.id));
            Ok(Run { tenant, length: keys.len(), in_order })
        };
        keys.chunk_by(|a, b| a.institution_id == b.institution_id).map(run).collect()
    }

    /// Stores the keys where nobody sees them yet. The books have each before the table has: what a panic leaves in the
    /// table, the books can remove.
    fn add_hidden(&self, writer: &mut KeyTableWriter, keys: &[ApiKey]) -> Result<()> {
        let prefixes = Arc::clone(&self.read()?.prefixes);
        for portion in keys.chunks(PORTION) {
            let pack = |key: &ApiKey| {
                let (tenant, _) = self.lookups.tenants.find(&key.institution_id).ok_or_else(bug)?;
                Ok(KeyRecord::pack(key, tenant, &prefixes))
            };
            let records = portion.iter().map(pack).collect::<Result<Vec<_>>>()?;
            let entries = self.write()?.add_hidden(records)?;
            for (key, entry) in portion.iter().zip(&entries) {
                if !writer.insert(key.key_hash.as_bytes(), entry) {
                    return Err(bug());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            api_key::{ApiKeyQuery, Role},
            audit::{Actor, AuditQuery, Origin, Outcome},
            decision::{DefaultDecision, Position},
            id::{ApiKeyId, EventId},
            institution::Institution,
            time::Timestamp,
        },
        store::{ApiKeyStore, AuditStore, Backend, InstitutionStore},
        token::KeyHash,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn entry() -> AuditEntry {
        AuditEntry {
            id: EventId::generate().unwrap(),
            occurred_at: NOW,
            actor: Actor::System,
            action: "import_keys".to_owned(),
            outcome: Outcome::Succeeded,
            institution_id: None,
            resource_type: None,
            resource_id: None,
            origin: Origin::default(),
            status_code: None,
            error: None,
            payload: serde_json::Map::new(),
        }
    }

    fn store() -> MemoryStore {
        let store = MemoryStore::new(None);
        let id = "acme".parse().unwrap();
        let institution = Institution { id, name: "Acme".to_owned(), regions: vec![], created_at: NOW, updated_at: NOW };
        store.insert_institution(institution, entry()).wait().unwrap();
        store
    }

    /// Keys of each kind: without and with an address rule, and with an id that is a text.
    fn keys(count: usize) -> Vec<ApiKey> {
        let key = |number: usize| ApiKey {
            id: if number % 3 == 2 { format!("text-{number}").parse().unwrap() } else { ApiKeyId::generate().unwrap() },
            institution_id: "acme".parse().unwrap(),
            key_hash: KeyHash::of(&number.to_string()),
            hint: "dw_live_12345678".to_owned().into(),
            label: "a key".to_owned(),
            role: Role::Admin,
            created_at: NOW,
            revoked_at: None,
            disabled_at: None,
            expires_at: None,
            last_used_at: None,
            allowed_addresses: if number % 3 == 1 { "10.0.0.0/8".parse().unwrap() } else { Default::default() },
            rate_limit: None,
            metadata: serde_json::Map::new(),
            rotated_from: None,
            rotated_to: None,
            version: 1,
        };
        (0..count).map(key).collect()
    }

    /// In how many ways the key is found.
    fn ways(store: &MemoryStore, key: &ApiKey) -> usize {
        let position = Position::parse("1", "USD").unwrap();
        let listed = store.list_keys(&ApiKeyQuery::of(key.institution_id.clone()), NOW).wait().unwrap().items;
        let found = [
            store.find_credential(&key.key_hash).wait().unwrap().is_some(),
            store.find_by_hash(&key.key_hash).wait().unwrap().is_some(),
            store.find_key(&key.institution_id, &key.id).wait().unwrap().is_some(),
            !store.known_hashes(&[key.key_hash]).wait().unwrap().is_empty(),
            store.admit(&key.key_hash, "US".parse().unwrap(), &position, DefaultDecision::Allow).wait().unwrap().is_some(),
            listed.iter().any(|listed| listed.id == key.id),
        ];
        found.iter().filter(|found| **found).count()
    }

    #[test]
    fn whoever_looks_up_reads_or_writes_into_the_trail_does_not_wait_for_an_import() {
        let store = store();
        let keys = store.insert_keys(keys(3), entry()).wait().unwrap();
        // An import that is under way has this, and nothing else for longer than a portion takes.
        let _import = store.locked.writer.lock();
        for key in &keys {
            assert_eq!(ways(&store, key), 6);
            assert!(store.note_use(&crate::store::Credential::of(key)));
        }
        store.append_events(vec![entry()]).wait().unwrap();
        assert_eq!(store.list_events(&AuditQuery::default()).wait().unwrap().items.len(), 3);
        assert_eq!(store.generation().wait().unwrap().number, 2);
    }

    #[test]
    fn what_is_not_shown_is_found_in_no_way_and_what_a_panic_left_of_it_makes_room() {
        let store = store();
        let all = keys(PORTION + 3);
        store.add_hidden(&mut store.locked.writer.lock(), &all).unwrap();
        for key in all.iter().take(3).chain(all.iter().rev().take(3)) {
            assert_eq!(ways(&store, key), 0);
        }
        // The same ones come again, and are not in their own way.
        assert_eq!(store.insert_keys(all.clone(), entry()).wait().unwrap().len(), all.len());
        let settled = |key: &ApiKey| store.lookups.keys.find(key.key_hash.as_bytes()).is_some_and(|it| !Flags::of(&it).is_new());
        assert!(all.iter().all(settled));
        assert!(all.iter().take(30).all(|key| ways(&store, key) >= 5));
    }

    #[test]
    fn keys_from_before_the_present_ones_take_their_place_in_the_list() {
        let store = store();
        for at in [5, 3, 4, 5, 1] {
            let id = || ApiKeyId::generate().unwrap();
            let part = keys(3).into_iter().enumerate().map(|(number, key)| {
                // The later ones first, so that they are out of order among themselves as well.
                let created_at = Timestamp::from_millis(at * 10 - u64::try_from(number).unwrap());
                ApiKey { id: id(), key_hash: KeyHash::of(&id().to_string()), created_at, ..key }
            });
            store.insert_keys(part.collect(), entry()).wait().unwrap();
        }
        let query = ApiKeyQuery::of("acme".parse().unwrap());
        let listed = store.list_keys(&query, NOW).wait().unwrap().items;
        assert_eq!(listed.len(), 15);
        assert!(listed.is_sorted_by_key(|key| std::cmp::Reverse((key.created_at, key.id.clone()))));
    }
}
