//! Operations on API keys.

use std::{collections::HashSet, time::Duration};

use serde_json::Value;

use super::{Act, Operation, Operations, Permission};
use crate::{
    error::{Error, Reason, Result},
    model::{
        api_key::{
            ApiKey, ApiKeyQuery, CreatedKey, ImportConflict, ImportReport, ImportedKey, KeyChange, KeyPatch, NewKey, Role,
            key_not_found,
        },
        id::{ApiKeyId, InstitutionId},
        page::{List, Page},
        time::Timestamp,
    },
    reply::Reply,
    token::KeyHash,
};

/// The most keys that are created at once: each needs randomness and is given back with its token.
const MOST_CREATED: usize = 10_000;
/// The most keys that are imported at once: they are one transaction.
const MOST_IMPORTED: usize = 1_000_000;
/// The longest time for which a rotated token stays good: 90 days.
const LONGEST_GRACE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

impl Operations<'_> {
    pub(in crate::door) fn create_key(&self, institution_id: &InstitutionId, key: NewKey) -> Reply<CreatedKey> {
        let checked = key.check(Timestamp::now());
        self.create(Operation::create_key, institution_id, vec![key], checked)
            .map(|mut created| created.pop().ok_or_else(|| Error::new(Reason::Bug, "the store answered without the key")))
    }

    pub(in crate::door) fn create_keys(&self, institution_id: &InstitutionId, keys: Vec<NewKey>) -> Reply<Vec<CreatedKey>> {
        let checked = check_batch(&keys, MOST_CREATED, |key| key);
        self.create(Operation::create_keys, institution_id, keys, checked)
    }

    fn create(
        &self,
        operation: Operation,
        institution_id: &InstitutionId,
        keys: Vec<NewKey>,
        checked: Result<()>,
    ) -> Reply<Vec<CreatedKey>> {
        let id = match ApiKeyId::generate() {
            Ok(id) => id,
            Err(error) => return Reply::from(error),
        };
        let limited = keys.iter().any(|key| key.rate_limit.is_some());
        let act = Act::new(operation, to_manage(limited), Some(institution_id));
        let act = if operation == Operation::create_key { act.making("api_key", &id) } else { act };
        self.change(act, checked, |mut audit| {
            self.take_creations(institution_id, keys.len())?;
            if operation == Operation::create_keys {
                audit.payload.insert("count".to_owned(), Value::from(keys.len()));
            }
            let (mut tokens, mut records) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
            let mut first = Some(id.clone());
            for key in keys {
                let token = self.engine.config.token_format.generate()?;
                let id = first.take().map_or_else(ApiKeyId::generate, Ok)?;
                records.push(key.into_record(id, institution_id.clone(), token.hash(), token.hint().into(), audit.occurred_at));
                tokens.push(token);
            }
            let created = |(token, record)| CreatedKey { token, record };
            Ok(self
                .backend
                .insert_keys(records, audit)
                .map(move |records| Ok(tokens.into_iter().zip(records).map(created).collect())))
        })
    }

    pub(in crate::door) fn import_keys(
        &self,
        institution_id: &InstitutionId,
        keys: Vec<ImportedKey>,
        dry_run: bool,
    ) -> Reply<ImportReport> {
        let checked = check_batch(&keys, MOST_IMPORTED, |imported| &imported.key);
        let limited = keys.iter().any(|imported| imported.key.rate_limit.is_some());
        let act = Act::new(Operation::import_keys, to_manage(limited), Some(institution_id));
        let record = |ImportedKey { key_hash, key }, at| {
            Ok(key.into_record(ApiKeyId::generate()?, institution_id.clone(), key_hash, key_hash.hint(), at))
        };
        if !dry_run {
            return self.change(act, checked, |mut audit| {
                self.take_creations(institution_id, keys.len())?;
                audit.payload.insert("count".to_owned(), Value::from(keys.len()));
                let records: Vec<ApiKey> = keys.into_iter().map(|key| record(key, audit.occurred_at)).collect::<Result<_>>()?;
                let report = |imported| Ok(ImportReport { dry_run: false, imported, conflicts: Vec::new() });
                Ok(self.backend.insert_keys(records, audit).map(report))
            });
        }
        self.read(act, checked, || {
            let records: Result<Vec<ApiKey>> = keys.into_iter().map(|key| record(key, Timestamp::now())).collect();
            let records = match records {
                Ok(records) => records,
                Err(error) => return Reply::from(error),
            };
            let hashes: Vec<_> = records.iter().map(|record| record.key_hash).collect();
            let known = self.backend.known_hashes(&hashes);
            self.existing(institution_id).and_then(move |existing| match existing {
                Ok(()) => known.map(|known| Ok(rehearse(records, &known.into_iter().collect()))),
                Err(error) => Reply::from(error),
            })
        })
    }

    pub(in crate::door) fn get_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<ApiKey> {
        let act = Act::new(Operation::get_key, Permission::ManageKeys, Some(institution_id));
        self.read(act, Ok(()), || {
            let found = self.backend.find_key(institution_id, id);
            self.found_in(institution_id, found, key_not_found(id))
        })
    }

    pub(in crate::door) fn list_keys(&self, query: &ApiKeyQuery) -> Reply<Page<ApiKey>> {
        let act = Act::new(Operation::list_keys, Permission::ManageKeys, Some(&query.institution_id));
        let role = query.role.map_or(Ok(()), |role| role.as_str().parse::<Role>().map(|_| ()));
        self.read(act, query.page.check(List::Keys).and(role), || {
            self.page_of(&query.institution_id, self.backend.list_keys(query, Timestamp::now()))
        })
    }

    pub(in crate::door) fn update_key(&self, institution_id: &InstitutionId, id: &ApiKeyId, patch: KeyPatch) -> Reply<ApiKey> {
        let checked = patch.check(Timestamp::now());
        let act = Act::new(Operation::update_key, to_manage(patch.rate_limit.is_some()), Some(institution_id));
        self.change_key(act, institution_id, id, KeyChange::Update(patch), checked)
    }

    pub(in crate::door) fn rotate_key(
        &self,
        institution_id: &InstitutionId,
        id: &ApiKeyId,
        grace: Duration,
    ) -> Reply<CreatedKey> {
        let checked = if grace <= LONGEST_GRACE {
            Ok(())
        } else {
            Err(Error::new(Reason::OutOfRange, "must be at most 90 days").field("grace"))
        };
        let act = Act::new(Operation::rotate_key, Permission::ManageKeys, Some(institution_id)).on("api_key", id);
        self.change(act, checked, |mut audit| {
            let token = self.engine.config.token_format.generate()?;
            let successor = ApiKeyId::generate()?;
            audit.payload.insert("successor".to_owned(), Value::from(successor.to_string()));
            let change = KeyChange::Rotate { id: successor, key_hash: token.hash(), hint: token.hint().into(), grace };
            Ok(self.backend.change_key(institution_id, id, change, audit).map(move |changed| {
                let record =
                    changed.successor.ok_or_else(|| Error::new(Reason::Bug, "the store answered without the successor"))?;
                Ok(CreatedKey { token, record })
            }))
        })
    }

    pub(in crate::door) fn enable_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<ApiKey> {
        let act = Act::new(Operation::enable_key, Permission::ManageKeys, Some(institution_id));
        self.change_key(act, institution_id, id, KeyChange::Enable, Ok(()))
    }

    pub(in crate::door) fn disable_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<ApiKey> {
        let act = Act::new(Operation::disable_key, Permission::ManageKeys, Some(institution_id));
        self.change_key(act, institution_id, id, KeyChange::Disable, Ok(()))
    }

    pub(in crate::door) fn revoke_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<ApiKey> {
        let act = Act::new(Operation::revoke_key, Permission::ManageKeys, Some(institution_id));
        self.change_key(act, institution_id, id, KeyChange::Revoke, Ok(()))
    }

    pub(in crate::door) fn revoke_all_keys(&self, institution_id: &InstitutionId) -> Reply<u64> {
        let act = Act::new(Operation::revoke_all_keys, Permission::ManageKeys, Some(institution_id));
        self.change(act, Ok(()), |audit| Ok(self.backend.revoke_all_keys(institution_id, audit)))
    }

    /// Counts keys that a caller creates, of whom root is none.
    fn take_creations(&self, institution_id: &InstitutionId, count: usize) -> Result<()> {
        if !self.caller.is_some_and(|(context, _)| context.role() != Role::Root) {
            return Ok(());
        }
        self.engine.limits.take_creations(institution_id, count).map_err(|wait| {
            Error::new(Reason::TooManyRequests, "the institution has created too many keys; wait, and try again").after(wait)
        })
    }

    fn change_key(
        &self,
        act: Act<'_>,
        institution_id: &InstitutionId,
        id: &ApiKeyId,
        change: KeyChange,
        checked: Result<()>,
    ) -> Reply<ApiKey> {
        self.change(act.on("api_key", id), checked, |audit| {
            Ok(self.backend.change_key(institution_id, id, change, audit).map(|changed| Ok(changed.key)))
        })
    }
}

/// The permission to create or change keys, with limits of their own or without.
fn to_manage(limited: bool) -> Permission {
    if limited { Permission::SetRateLimits } else { Permission::ManageKeys }
}

fn check_batch<T>(keys: &[T], most: usize, key: impl Fn(&T) -> &NewKey) -> Result<()> {
    if keys.is_empty() {
        return Err(Error::new(Reason::Empty, "must not be empty").field("keys"));
    }
    if keys.len() > most {
        return Err(Error::new(Reason::TooLong, format!("must have at most {most} keys")).field("keys"));
    }
    let now = Timestamp::now();
    let check = |(index, item)| key(item).check(now).map_err(|error: Error| error.inside(&format!("keys[{index}]")));
    keys.iter().enumerate().try_for_each(check)
}

/// What an import of these records would do.
fn rehearse(records: Vec<ApiKey>, known: &HashSet<KeyHash>) -> ImportReport {
    let mut report = ImportReport { dry_run: true, ..ImportReport::default() };
    let mut seen = HashSet::with_capacity(records.len());
    for (index, record) in records.into_iter().enumerate() {
        let key_hash = record.key_hash;
        if known.contains(&key_hash) {
            report.conflicts.push(ImportConflict { index, key_hash, reason: Reason::KeyExists });
        } else if !seen.insert(key_hash) {
            report.conflicts.push(ImportConflict { index, key_hash, reason: Reason::Duplicate });
        } else {
            report.imported.push(record);
        }
    }
    report
}
