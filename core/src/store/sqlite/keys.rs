//! [`ApiKeyStore`] in SQLite.

use std::sync::Arc;

use rusqlite::Connection;

use super::{
    SqliteStore,
    change::{change, check_institution},
    statement::{all, execute, exists, find, find_by},
};
use crate::{
    error::Result,
    model::{
        api_key::{ApiKey, ApiKeyQuery, KeyChange, KeyChanged, KeyUse, key_not_found},
        audit::AuditEntry,
        id::{ApiKeyId, InstitutionId},
        page::{List, Page},
        time::Timestamp,
    },
    reply::Reply,
    store::{
        ApiKeyStore, Credential, key_exists,
        sql::{
            changes::{Change, MOST_NAMED},
            keys as sql,
        },
    },
    token::KeyHash,
};

impl ApiKeyStore for SqliteStore {
    fn insert_keys(&self, keys: Vec<ApiKey>, audit: AuditEntry) -> Reply<Vec<ApiKey>> {
        // A change may be made twice, and so keeps its keys. They are given back, not copied.
        let given = Arc::new(keys);
        let keys = Arc::clone(&given);
        let stored = self.write(move |commit| {
            change(commit, &audit, |connection| {
                if let Some(first) = keys.first() {
                    check_institution(connection, &first.institution_id)?;
                }
                for (index, key) in keys.iter().enumerate() {
                    if !insert(connection, key)? {
                        return Err(key_exists(index));
                    }
                }
                let touched = match keys.first() {
                    Some(first) if keys.len() > MOST_NAMED => vec![Change::keys_of(&first.institution_id)],
                    _ => keys.iter().map(Change::new_key).collect(),
                };
                Ok(((), touched))
            })
        });
        stored.map(move |()| Ok(Arc::unwrap_or_clone(given)))
    }

    fn known_hashes(&self, hashes: &[KeyHash]) -> Reply<Vec<KeyHash>> {
        let known = self.connections.read_on_one_view(|connection| {
            let mut known = Vec::new();
            for hash in hashes {
                if exists(connection, sql::KNOWS_HASH, &[hash.into()])? {
                    known.push(*hash);
                }
            }
            Ok(known)
        });
        known.into()
    }

    fn find_credential(&self, hash: &KeyHash) -> Reply<Option<Credential>> {
        self.read(|connection| hash.with_hex(|hash| find_by(connection, sql::FIND_CREDENTIAL, [hash], sql::read_credential)))
    }

    fn find_by_hash(&self, hash: &KeyHash) -> Reply<Option<ApiKey>> {
        self.read(|connection| find(connection, sql::FIND_BY_HASH, &[hash.into()], sql::read))
    }

    fn find_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<Option<ApiKey>> {
        self.read(|connection| find_key(connection, institution_id, id))
    }

    fn list_keys(&self, query: &ApiKeyQuery, at: Timestamp) -> Reply<Page<ApiKey>> {
        self.read(|connection| {
            let (statement, values) = sql::list(query, at);
            let items = all(connection, &statement, &values, sql::read)?;
            Ok(query.page.cut(List::Keys, items, |item| (item.created_at, item.id.to_string())))
        })
    }

    fn change_key(
        &self,
        institution_id: &InstitutionId,
        id: &ApiKeyId,
        key_change: KeyChange,
        audit: AuditEntry,
    ) -> Reply<KeyChanged> {
        let (institution_id, id) = (institution_id.clone(), id.clone());
        self.write(move |commit| {
            change(commit, &audit, |connection| {
                let Some(before) = find_key(connection, &institution_id, &id)? else {
                    check_institution(connection, &institution_id)?;
                    return Err(key_not_found(&id));
                };
                let made = key_change.apply(&before, audit.occurred_at)?;
                let mut touched = Vec::new();
                if made.changed {
                    execute(connection, sql::UPDATE, &sql::updated(&made.key))?;
                    touched.push(Change::key(&made.key));
                }
                if let Some(successor) = &made.successor {
                    if !insert(connection, successor)? {
                        return Err(key_exists(0));
                    }
                    touched.push(Change::new_key(successor));
                }
                Ok((made, touched))
            })
        })
    }

    fn revoke_all_keys(&self, institution_id: &InstitutionId, audit: AuditEntry) -> Reply<u64> {
        let institution_id = institution_id.clone();
        self.write(move |commit| {
            change(commit, &audit, |connection| {
                check_institution(connection, &institution_id)?;
                let values = [audit.occurred_at.into(), (&institution_id).into()];
                let revoked = execute(connection, sql::REVOKE_ALL, &values)?;
                let touched = if revoked > 0 { vec![Change::keys_of(&institution_id)] } else { Vec::new() };
                Ok((u64::try_from(revoked).unwrap_or(u64::MAX), touched))
            })
        })
    }

    fn record_use(&self, uses: Vec<KeyUse>) -> Reply<()> {
        self.write(move |commit| {
            for KeyUse { id, at } in &uses {
                execute(commit, sql::RECORD_USE, &[(*at).into(), id.into()])?;
            }
            Ok(())
        })
    }
}

fn find_key(connection: &Connection, institution_id: &InstitutionId, id: &ApiKeyId) -> Result<Option<ApiKey>> {
    find(connection, sql::FIND_IN_INSTITUTION, &[id.into(), institution_id.into()], sql::read)
}

/// `false` if the hash is stored already.
fn insert(connection: &Connection, key: &ApiKey) -> Result<bool> {
    execute(connection, sql::INSERT, &sql::inserted(key)).map(|rows| rows > 0)
}
