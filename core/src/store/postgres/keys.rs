//! [`ApiKeyStore`] in PostgreSQL.

use std::{collections::HashSet, sync::Arc};

use super::{
    Inner, PostgresStore,
    change::{check_institution, hold_institution},
    errors::Fault,
    lookups::{ForCredential, ForRecord},
    statement::Link,
    values::columns,
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
            value::{Row, SqlValue},
        },
    },
    token::KeyHash,
};

/// How many keys one statement stores, or revokes: so that however many there are none takes too long.
const KEYS_AT_ONCE: usize = 10_000;

/// Uses of known keys, later than what is noted. In the order of the ids, so that two writers do not lock each other out.
const RECORD_USES: &str = "AS u (id, used_at) JOIN api_keys k ON k.id = u.id GROUP BY u.id ORDER BY u.id \
     ON CONFLICT (api_key_id) DO UPDATE SET last_used_at = excluded.last_used_at \
     WHERE excluded.last_used_at > doorward_key_usage.last_used_at";

impl ApiKeyStore for PostgresStore {
    fn insert_keys(&self, keys: Vec<ApiKey>, audit: AuditEntry) -> Reply<Vec<ApiKey>> {
        let institution_id = keys.first().map(|key| key.institution_id.clone());
        let limit = self.options.operation_limit_of(keys.len().div_ceil(KEYS_AT_ONCE));
        self.change_within(limit, institution_id.clone(), audit, async move |link| {
            if let Some(id) = &institution_id {
                hold_institution(link, id).await?;
            }
            insert(link, &keys).await?;
            let touched = match &institution_id {
                Some(id) if keys.len() > MOST_NAMED => vec![Change::keys_of(id)],
                _ => keys.iter().map(Change::new_key).collect(),
            };
            Ok((keys.clone(), touched))
        })
    }

    fn known_hashes(&self, hashes: &[KeyHash]) -> Reply<Vec<KeyHash>> {
        let hashes = hashes.to_vec();
        self.ask(async move |link| {
            let texts = SqlValue::Texts(hashes.iter().map(ToString::to_string).collect());
            let known = link.all(sql::KNOWN_HASHES, &[texts], |row| row.parsed::<KeyHash>(0)).await?;
            let known: HashSet<_> = known.into_iter().collect();
            Ok(hashes.iter().filter(|hash| known.contains(*hash)).copied().collect())
        })
    }

    fn find_credential(&self, hash: &KeyHash) -> Reply<Option<Credential>> {
        self.live().map_or_else(Reply::from, |live| live.lookups.credentials.ask(live, ForCredential(*hash)))
    }

    fn find_by_hash(&self, hash: &KeyHash) -> Reply<Option<ApiKey>> {
        self.live().map_or_else(Reply::from, |live| live.lookups.records.ask(live, ForRecord(*hash)))
    }

    fn find_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<Option<ApiKey>> {
        let place = [id.into(), institution_id.into()];
        self.ask(async move |link| link.find(sql::FIND_IN_INSTITUTION, &place, sql::read).await)
    }

    fn list_keys(&self, query: &ApiKeyQuery, at: Timestamp) -> Reply<Page<ApiKey>> {
        let query = query.clone();
        self.ask(async move |link| {
            let (statement, values) = sql::list(&query, at);
            let items = link.all(&statement, &values, sql::read).await?;
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
        let place = [(&id).into(), (&institution_id).into()];
        self.change(Some(institution_id.clone()), audit.clone(), async move |link| {
            // Before the key's row, as the head of `change` says.
            if matches!(key_change, KeyChange::Rotate { .. }) {
                hold_institution(link, &institution_id).await?;
            }
            let Some(before) = link.find(sql::FIND_TO_CHANGE, &place, sql::read).await? else {
                check_institution(link, &institution_id).await?;
                return Err(key_not_found(&id).into());
            };
            let made = key_change.apply(&before, audit.occurred_at)?;
            let mut touched = Vec::new();
            if made.changed {
                link.execute(sql::UPDATE, &sql::updated(&made.key)).await?;
                touched.push(Change::key(&made.key));
            }
            if let Some(successor) = &made.successor {
                insert(link, std::slice::from_ref(successor)).await?;
                touched.push(Change::new_key(successor));
            }
            Ok((made, touched))
        })
    }

    fn revoke_all_keys(&self, institution_id: &InstitutionId, audit: AuditEntry) -> Reply<u64> {
        let institution_id = institution_id.clone();
        let revoke = move |inner: Arc<Inner>| async move {
            let place = [(&institution_id).into()];
            let count = async |link: &mut Link<'_>| link.find(sql::COUNT_UNREVOKED, &place, |row| row.count(0)).await;
            let count = inner.ask(&count).await?.and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
            let limit = inner.options.operation_limit_of(count.div_ceil(KEYS_AT_ONCE));
            let revoke = async |link: &mut Link<'_>| {
                check_institution(link, &institution_id).await?;
                let at_once = u64::try_from(KEYS_AT_ONCE).unwrap_or(u64::MAX);
                let values = [audit.occurred_at.into(), (&institution_id).into(), at_once.into()];
                let mut revoked = 0_u64;
                loop {
                    let part = link.execute(sql::LOCK_AND_REVOKE_SOME, &values).await?;
                    revoked = revoked.saturating_add(part);
                    if part < at_once {
                        break;
                    }
                }
                let touched = if revoked > 0 { vec![Change::keys_of(&institution_id)] } else { Vec::new() };
                Ok((revoked, touched))
            };
            inner.change(limit, Some(&institution_id), &audit, revoke).await
        };
        self.run(revoke).unwrap_or_else(Reply::from)
    }

    fn record_use(&self, uses: Vec<KeyUse>) -> Reply<()> {
        self.ask(async move |link| {
            if uses.is_empty() {
                return Ok(());
            }
            let rows: Vec<[SqlValue; 2]> = uses.iter().map(|used| [(&used.id).into(), used.at.into()]).collect();
            let (arguments, unnest) = columns(&rows)?;
            let head = "INSERT INTO doorward_key_usage (api_key_id, last_used_at) SELECT u.id, max(u.used_at) FROM";
            link.rows(&format!("{head} {unnest} {RECORD_USES}"), arguments).await.map(drop)
        })
    }
}

/// Stores keys, or says which of them is stored already.
async fn insert(link: &mut Link<'_>, keys: &[ApiKey]) -> Result<(), Fault> {
    let mut seen = HashSet::with_capacity(keys.len());
    if let Some(twice) = keys.iter().position(|key| !seen.insert(key.key_hash)) {
        // The first of the two may be stored already, which is to be said before.
        let texts = SqlValue::Texts(keys.iter().map(|key| key.key_hash.to_string()).collect());
        let known = link.all(sql::KNOWN_HASHES, &[texts], |row| row.parsed::<KeyHash>(0)).await?;
        let first = keys.iter().position(|key| known.contains(&key.key_hash)).map_or(twice, |first| first.min(twice));
        return Err(key_exists(first).into());
    }
    let mut before = 0_usize;
    for part in keys.chunks(KEYS_AT_ONCE) {
        let rows: Vec<_> = part.iter().map(sql::inserted).collect();
        let (arguments, unnest) = columns(&rows)?;
        let sql = format!("{} SELECT * FROM {unnest} ON CONFLICT DO NOTHING RETURNING key_hash", sql::INSERT_INTO);
        let stored = link.rows(&sql, arguments).await?;
        if stored.len() < part.len() {
            let stored: HashSet<KeyHash> = stored.iter().map(|row| (row as &dyn Row).parsed(0)).collect::<Result<_>>()?;
            let first = part.iter().position(|key| !stored.contains(&key.key_hash)).unwrap_or_default();
            return Err(key_exists(before.saturating_add(first)).into());
        }
        before = before.saturating_add(part.len());
    }
    Ok(())
}
