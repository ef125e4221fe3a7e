//! The tables `api_keys` and `doorward_key_usage`: records, credentials, listings.

use std::{sync::Arc, time::Duration};

use smol_str::SmolStr;

use super::{
    listing::Listing,
    value::{Row, SqlValue, damaged, json_text},
};
use crate::{
    error::Result,
    model::{
        address::AddressList,
        api_key::{ApiKey, ApiKeyQuery, KeyStatus, metadata_from_json},
        id::{ApiKeyId, InstitutionId},
        rate_limit::RateLimit,
        time::Timestamp,
    },
    store::Credential,
    token::KeyHash,
};

/// The columns of [`read`], and with `$suffix` a whole statement.
macro_rules! record {
    ($suffix:literal) => {
        concat!(
            "SELECT k.id, k.institution_id, k.key_hash, k.hint, k.label, k.role, k.created_at, k.revoked_at, k.disabled_at, ",
            "k.expires_at, k.allowed_addresses, k.metadata, k.rotated_from, k.rotated_to, k.version, k.rate_limit_requests, ",
            "k.rate_limit_window_ms, u.last_used_at ",
            "FROM api_keys k LEFT JOIN doorward_key_usage u ON u.api_key_id = k.id",
            $suffix
        )
    };
}

/// The columns of [`read_credential`].
macro_rules! credential {
    () => {
        "k.id, k.institution_id, k.role, k.revoked_at, k.disabled_at, k.expires_at, k.allowed_addresses, k.rate_limit_requests, \
         k.rate_limit_window_ms"
    };
}

macro_rules! insert_into {
    () => {
        concat!(
            "INSERT INTO api_keys (id, institution_id, key_hash, hint, label, role, created_at, revoked_at, disabled_at, ",
            "expires_at, allowed_addresses, metadata, rotated_from, rotated_to, version, rate_limit_requests, rate_limit_window_ms)"
        )
    };
}

/// How many columns a credential has: what a statement selects besides begins after them.
pub(crate) const CREDENTIAL_COLUMNS: usize = 9;

pub(crate) const FIND_CREDENTIAL: &str = concat!("SELECT ", credential!(), " FROM api_keys k WHERE k.key_hash = $1");
/// A credential and the policy of its institution in a region, on one view of both: hash, region.
pub(crate) const FIND_WITH_POLICY: &str = concat!(
    "SELECT ",
    credential!(),
    ", p.id, p.version, p.config FROM api_keys k ",
    "LEFT JOIN institution_policies p ON p.institution_id = k.institution_id AND p.region = $1 WHERE k.key_hash = $2"
);
/// Many credentials by an array of hashes; the hash comes after them.
#[cfg(feature = "postgres")]
pub(crate) const FIND_CREDENTIALS: &str =
    concat!("SELECT ", credential!(), ", k.key_hash FROM api_keys k WHERE k.key_hash = ANY ($1)");
/// Many of [`FIND_WITH_POLICY`] by arrays of hashes and of regions; the place in them, from 1 on, comes last.
#[cfg(feature = "postgres")]
pub(crate) const FIND_WITH_POLICIES: &str = concat!(
    "SELECT ",
    credential!(),
    ", p.id, p.version, p.config, a.place FROM unnest($1, $2) WITH ORDINALITY AS a (key_hash, region, place) ",
    "JOIN api_keys k ON k.key_hash = a.key_hash ",
    "LEFT JOIN institution_policies p ON p.institution_id = k.institution_id AND p.region = a.region"
);
/// The column of [`FIND_WITH_POLICIES`] that holds the place.
#[cfg(feature = "postgres")]
pub(crate) const PLACE_COLUMN: usize = CREDENTIAL_COLUMNS + 3;
/// The column of a record that holds the hash.
#[cfg(feature = "postgres")]
pub(crate) const HASH_COLUMN: usize = 2;
/// Many records by an array of hashes.
#[cfg(feature = "postgres")]
pub(crate) const FIND_BY_HASHES: &str = record!(" WHERE k.key_hash = ANY ($1)");
/// Which of an array of hashes are stored.
#[cfg(feature = "postgres")]
pub(crate) const KNOWN_HASHES: &str = "SELECT key_hash FROM api_keys WHERE key_hash = ANY ($1)";
/// As [`FIND_IN_INSTITUTION`], locked against other changes until the end of the transaction; fails at once where another one
/// has it. References to the key (an application's log of its uses, say) are not in its way.
#[cfg(feature = "postgres")]
pub(crate) const FIND_TO_CHANGE: &str = record!(" WHERE k.id = $1 AND k.institution_id = $2 FOR NO KEY UPDATE OF k NOWAIT");
/// As [`REVOKE_ALL`], so many at a time; fails at once where another transaction has one of the keys. It changes what it locked,
/// and nothing that came later, which might have to be waited for.
#[cfg(feature = "postgres")]
pub(crate) const LOCK_AND_REVOKE_SOME: &str = "WITH held AS (SELECT id FROM api_keys \
     WHERE institution_id = $2 AND revoked_at IS NULL ORDER BY id LIMIT $3 FOR NO KEY UPDATE NOWAIT) \
     UPDATE api_keys SET revoked_at = $1, version = version + 1 FROM held WHERE api_keys.id = held.id";
/// How many keys of an institution could be revoked.
#[cfg(feature = "postgres")]
pub(crate) const COUNT_UNREVOKED: &str = "SELECT count(*) FROM api_keys WHERE institution_id = $1 AND revoked_at IS NULL";
pub(crate) const FIND_BY_HASH: &str = record!(" WHERE k.key_hash = $1");
pub(crate) const FIND_BY_ID: &str = record!(" WHERE k.id = $1");
pub(crate) const FIND_IN_INSTITUTION: &str = record!(" WHERE k.id = $1 AND k.institution_id = $2");
#[cfg(feature = "sqlite")]
pub(crate) const KNOWS_HASH: &str = "SELECT 1 FROM api_keys WHERE key_hash = $1";
/// Where a key is stored, in the order of [`inserted`].
#[cfg(feature = "postgres")]
pub(crate) const INSERT_INTO: &str = insert_into!();
/// Changes no row if the hash, or the id, is stored already.
#[cfg(feature = "sqlite")]
pub(crate) const INSERT: &str = concat!(
    insert_into!(),
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING"
);
pub(crate) const UPDATE: &str = "UPDATE api_keys SET label = $1, revoked_at = $2, disabled_at = $3, expires_at = $4, \
     allowed_addresses = $5, metadata = $6, rotated_to = $7, version = $8, rate_limit_requests = $9, rate_limit_window_ms = $10 \
     WHERE id = $11";
/// What `KeyChange::Revoke` does to one, done to all of an institution: time, institution.
#[cfg(feature = "sqlite")]
pub(crate) const REVOKE_ALL: &str =
    "UPDATE api_keys SET revoked_at = $1, version = version + 1 WHERE institution_id = $2 AND revoked_at IS NULL";
/// Notes a use, later than what is noted, of a key that exists: time, key.
#[cfg(feature = "sqlite")]
pub(crate) const RECORD_USE: &str = "INSERT INTO doorward_key_usage (last_used_at, api_key_id) \
     SELECT $1, id FROM api_keys WHERE id = $2 ON CONFLICT (api_key_id) DO UPDATE SET last_used_at = excluded.last_used_at \
     WHERE excluded.last_used_at > doorward_key_usage.last_used_at";

/// The values of [`INSERT`].
pub(crate) fn inserted(key: &ApiKey) -> [SqlValue; 17] {
    [
        (&key.id).into(),
        (&key.institution_id).into(),
        (&key.key_hash).into(),
        key.hint.as_str().into(),
        key.label.as_str().into(),
        key.role.as_str().into(),
        key.created_at.into(),
        key.revoked_at.into(),
        key.disabled_at.into(),
        key.expires_at.into(),
        addresses(&key.allowed_addresses),
        SqlValue::object(&key.metadata),
        key.rotated_from.as_ref().into(),
        key.rotated_to.as_ref().into(),
        key.version.into(),
        key.rate_limit.map(RateLimit::max_requests).into(),
        key.rate_limit.map(RateLimit::window_ms).into(),
    ]
}

/// The values of [`UPDATE`].
pub(crate) fn updated(key: &ApiKey) -> [SqlValue; 11] {
    [
        key.label.as_str().into(),
        key.revoked_at.into(),
        key.disabled_at.into(),
        key.expires_at.into(),
        addresses(&key.allowed_addresses),
        SqlValue::object(&key.metadata),
        key.rotated_to.as_ref().into(),
        key.version.into(),
        key.rate_limit.map(RateLimit::max_requests).into(),
        key.rate_limit.map(RateLimit::window_ms).into(),
        (&key.id).into(),
    ]
}

/// An empty list is null, as in a column that an adopted table was given.
fn addresses(list: &AddressList) -> SqlValue {
    SqlValue::Json((!list.is_empty()).then(|| json_text(list)))
}

fn read_addresses(row: &dyn Row, at: usize) -> Result<Option<AddressList>> {
    let Some(text) = row.json(at)? else { return Ok(None) };
    let list: AddressList =
        serde_json::from_str(&text).map_err(|error| damaged("its addresses are no list of ranges").because(error))?;
    // An empty list means "from anywhere", as null does.
    Ok(Some(list).filter(|list| !list.is_empty()))
}

/// A limit is two columns, and null in both where there is none. Half of one, or one that makes no sense, is an error: it would
/// be no limit otherwise.
fn read_limit(row: &dyn Row, at: usize) -> Result<Option<RateLimit>> {
    let damaged = || damaged("its rate limit is none");
    let number = |at| row.integer(at)?.map(|number| u32::try_from(number).map_err(|_| damaged())).transpose();
    match (number(at)?, number(at.saturating_add(1))?) {
        (None, None) => Ok(None),
        (Some(requests), Some(window)) => {
            RateLimit::new(requests, Duration::from_millis(window.into())).map(Some).map_err(|error| damaged().because(error))
        }
        _ => Err(damaged()),
    }
}

/// Reads a record, in the order of the columns above.
pub(crate) fn read(row: &dyn Row) -> Result<ApiKey> {
    let key_hash: KeyHash = row.parsed(2)?;
    Ok(ApiKey {
        id: ApiKeyId::from_stored(row.required_text(0)?),
        institution_id: InstitutionId::from_stored(row.required_text(1)?),
        key_hash,
        hint: row.text(3)?.map_or_else(|| key_hash.hint(), SmolStr::new),
        // An application's column may be nullable.
        label: row.text(4)?.unwrap_or_default().to_owned(),
        role: row.parsed(5)?,
        created_at: row.required_time(6)?,
        revoked_at: row.time(7)?,
        disabled_at: row.time(8)?,
        expires_at: row.time(9)?,
        allowed_addresses: read_addresses(row, 10)?.unwrap_or_default(),
        metadata: match row.json(11)? {
            Some(text) => metadata_from_json(&text).map_err(|error| damaged("its metadata is no JSON object").because(error))?,
            None => serde_json::Map::new(),
        },
        rotated_from: row.text(12)?.map(ApiKeyId::from_stored),
        rotated_to: row.text(13)?.map(ApiKeyId::from_stored),
        // A version that makes no sense is no reason not to revoke.
        version: row.integer(14)?.and_then(|version| u64::try_from(version).ok()).unwrap_or_default(),
        rate_limit: read_limit(row, 15)?,
        last_used_at: row.time(17)?,
    })
}

/// Reads a credential. A row that cannot be understood is an error: it lets nobody in.
pub(crate) fn read_credential(row: &dyn Row) -> Result<Credential> {
    Ok(Credential {
        id: ApiKeyId::from_stored(row.required_text(0)?),
        institution_id: InstitutionId::from_stored(row.required_text(1)?),
        role: row.parsed(2)?,
        standing: match (row.time(3)?, row.time(4)?) {
            (Some(_), _) => KeyStatus::Revoked,
            (None, Some(_)) => KeyStatus::Disabled,
            (None, None) => KeyStatus::Active,
        },
        expires_at: row.time(5)?,
        allowed_addresses: read_addresses(row, 6)?.map(Arc::new),
        rate_limit: read_limit(row, 7)?,
    })
}

/// The statement of a page, `at` being the present.
pub(crate) fn list(query: &ApiKeyQuery, at: Timestamp) -> (String, Vec<SqlValue>) {
    let mut listing = Listing::of(record!(""));
    listing.filter("k.institution_id = ?", [(&query.institution_id).into()]);
    if let Some(role) = query.role {
        listing.filter("k.role = ?", [role.as_str().into()]);
    }
    // What ApiKey::status says, and ApiKeyQuery::selects.
    match query.status {
        Some(KeyStatus::Revoked) => listing.filter("k.revoked_at IS NOT NULL", []),
        Some(KeyStatus::Disabled) => listing.filter("k.revoked_at IS NULL AND k.disabled_at IS NOT NULL", []),
        Some(KeyStatus::Expired) => {
            listing.filter("k.revoked_at IS NULL AND k.disabled_at IS NULL AND k.expires_at <= ?", [at.into()]);
        }
        Some(KeyStatus::Active) => {
            let condition = "k.revoked_at IS NULL AND k.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?)";
            listing.filter(condition, [at.into()]);
        }
        None if query.include_revoked => {}
        None => listing.filter("k.revoked_at IS NULL", []),
    }
    listing.page_by_creation(&query.page, "api_keys", ["k.created_at", "k.id"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{api_key::Role, page::PageRequest};

    #[test]
    fn a_listing_names_every_filter_once() {
        let mut query = ApiKeyQuery::of("acme".parse().unwrap());
        query.role = Some(Role::Admin);
        query.status = Some(KeyStatus::Active);
        query.page = PageRequest::first(2);
        let (sql, values) = list(&query, Timestamp::from_millis(9));
        assert!(sql.ends_with(
            "WHERE k.institution_id = $1 AND k.role = $2 AND k.revoked_at IS NULL AND k.disabled_at IS NULL \
             AND (k.expires_at IS NULL OR k.expires_at > $3) ORDER BY k.created_at DESC, k.id DESC LIMIT $4"
        ));
        assert_eq!(values.len(), 4);
    }
}
