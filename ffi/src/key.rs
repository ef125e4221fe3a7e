//! API keys.

use std::{mem::MaybeUninit, time::Duration};

use doorward::{
    AddressList, ApiKey, ApiKeyId, CreatedKey, Error, ImportReport, ImportedKey, InstitutionId, KeyHash, KeyPatch, KeyStatus,
    MAX_TOKEN, NewKey, Reason, Result, Role, Timestamp, metadata_from_json,
};

use crate::{
    dw_error, dw_role, dw_session, dw_status,
    error::named,
    guard::{done, free, give, given, read},
    institution::institution_id,
    options::{self, versioned},
    rate_limit::dw_limit,
    record::{Record, Written},
    session::call,
    text::{dw_str, dw_strs, dw_text},
};

/// Whether a key is good, and if not, why.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dw_key_status {
    /// There is no key. As a filter: any.
    None = 0,
    /// Good.
    Active = 1,
    /// Switched off until it is enabled again.
    Disabled = 2,
    /// Past its expiry, for good.
    Expired = 3,
    /// Revoked, for good.
    Revoked = 4,
}

impl From<KeyStatus> for dw_key_status {
    fn from(status: KeyStatus) -> Self {
        match status {
            KeyStatus::Active => Self::Active,
            KeyStatus::Disabled => Self::Disabled,
            KeyStatus::Expired => Self::Expired,
            KeyStatus::Revoked => Self::Revoked,
        }
    }
}

/// The record of an API key: everything about a token but the token. Owned: `dw_key_free`. `const dw_key *` may be shared.
pub struct dw_key {
    pub(crate) record: Record<ApiKey>,
    id: Written,
    institution_id: Written,
    expires_at: Written,
}

impl dw_key {
    pub(crate) fn new(key: ApiKey) -> Self {
        let texts = Written::default;
        Self { record: Record::new(key), id: texts(), institution_id: texts(), expires_at: texts() }
    }
}

/// A key with its token, which is shown this once. Owned: `dw_created_key_free`, which wipes the token.
pub struct dw_created_key {
    token: doorward::Token,
    key: dw_key,
}

impl dw_created_key {
    fn new(created: CreatedKey) -> Self {
        Self { token: created.token, key: dw_key::new(created.record) }
    }
}

/// Keys that were created together. Owned: `dw_created_keys_free`.
pub struct dw_created_keys(Vec<dw_created_key>);

/// What an import did. Owned: `dw_import_report_free`.
pub struct dw_import_report(Record<ImportReport>);

/// A key to be created, or imported.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_new_key {
    /// `sizeof(dw_new_key)`.
    pub struct_size: usize,
    /// 1 to 255 characters for people.
    pub label: dw_str,
    /// `DW_ROLE_ADMIN` or `DW_ROLE_READ_ONLY`.
    pub role: i32,
    /// 0.
    pub reserved: i32,
    /// From when on it is no longer good, in RFC 3339; absent: never.
    pub expires_at: dw_str,
    /// From where it may be used: addresses and CIDR ranges; absent or empty: from anywhere.
    pub allowed_addresses: dw_strs,
    /// The host's own data, a JSON object of at most 64 KiB; absent: `{}`.
    pub metadata: dw_str,
    /// For `dw_import_keys` alone: the SHA-256 of the token, 64 hex digits (`dw_hash_token`).
    pub key_hash: dw_str,
    /// How often it is accepted; zero throughout: as often as the configuration says. Only root and the system may give one.
    pub rate_limit: dw_limit,
}

versioned!(dw_new_key = 96);

/// What is to change about a key; what is absent stays as it is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_key_patch {
    /// `sizeof(dw_key_patch)`.
    pub struct_size: usize,
    /// The new label.
    pub label: dw_str,
    /// The new expiry, in RFC 3339.
    pub expires_at: dw_str,
    /// The new list of addresses, whole.
    pub allowed_addresses: dw_strs,
    /// The new data, whole.
    pub metadata: dw_str,
    /// Change only if the record has this version; NULL: whichever it has.
    pub expected_version: *const u64,
    /// Not 0: the expiry is removed; `expires_at` must be absent then.
    pub removes_expiry: u64,
    /// The new limit.
    pub rate_limit: dw_limit,
    /// Not 0: the key's own limit is removed, and the configuration says how often it is accepted; `rate_limit` must be zero
    /// throughout then.
    pub removes_rate_limit: u64,
}

versioned!(dw_key_patch = 88);

/// The ids of an institution and of a key of its among the arguments.
fn ids(institution: &dw_str, key: &dw_str) -> Result<(InstitutionId, ApiKeyId)> {
    Ok((institution_id(institution)?, key.required("key_id")?.parse()?))
}

/// A version among the arguments.
pub(crate) fn version(pointer: *const u64) -> Result<Option<u64>> {
    if pointer.is_null() {
        return Ok(None);
    }
    if !pointer.is_aligned() {
        return Err(Error::new(Reason::InvalidFormat, "is not aligned as its type asks for").field("expected_version"));
    }
    // SAFETY: not null and aligned, and the caller promises that a number can be read there.
    Ok(Some(unsafe { pointer.read() }))
}

/// A time among the arguments.
pub(crate) fn time(text: &dw_str, field: &'static str) -> Result<Option<Timestamp>> {
    text.optional(field)?.map(|text| text.parse().map_err(|error: Error| error.field(field))).transpose()
}

/// What takes the place of something: a new value, nothing if it is removed, or what is there if neither is given.
fn replaced<T>(value: Option<T>, removed: u64, field: &'static str) -> Result<Option<Option<T>>> {
    match (value, removed != 0) {
        (Some(_), true) => Err(Error::new(Reason::InvalidFormat, "must be absent where it is removed").field(field)),
        (None, true) => Ok(Some(None)),
        (value, false) => Ok(value.map(Some)),
    }
}

fn addresses(texts: &dw_strs) -> Result<Option<AddressList>> {
    let named = |error: Error| {
        let entry = error.blamed_field().unwrap_or_default().to_owned();
        error.field(format!("allowed_addresses{entry}"))
    };
    texts.optional("allowed_addresses")?.map(|entries| AddressList::new(entries).map_err(named)).transpose()
}

/// A role by its number. What is none gets the error that a role by an unknown name has.
pub(crate) fn role(number: i32) -> Result<Role> {
    let roles = [Role::Admin, Role::ReadOnly];
    let known = roles.into_iter().find(|role| dw_role::from(*role) as i32 == number);
    known.ok_or_else(|| Error::new(Reason::UnknownRole, "must be DW_ROLE_ADMIN or DW_ROLE_READ_ONLY").field("role"))
}

impl dw_new_key {
    fn key(&self) -> Result<NewKey> {
        let mut key = NewKey::new(self.label.required("label")?, role(self.role)?);
        if self.reserved != 0 {
            return Err(Error::new(Reason::OutOfRange, "must be 0").field("reserved"));
        }
        if let Some(at) = time(&self.expires_at, "expires_at")? {
            key = key.expires_at(at);
        }
        if let Some(addresses) = addresses(&self.allowed_addresses)? {
            key = key.allowed_addresses(addresses);
        }
        if let Some(limit) = self.rate_limit.optional("rate_limit")? {
            key = key.rate_limit(limit);
        }
        if let Some(text) = self.metadata.optional("metadata")? {
            key = key.metadata(metadata_from_json(text)?);
        }
        Ok(key)
    }

    fn new_key(&self) -> Result<NewKey> {
        if self.key_hash.optional("key_hash")?.is_some() {
            return Err(Error::new(Reason::InvalidFormat, "is for imports alone").field("key_hash"));
        }
        self.key()
    }

    fn imported(&self) -> Result<ImportedKey> {
        Ok(ImportedKey { key_hash: self.key_hash.required("key_hash")?.parse()?, key: self.key()? })
    }
}

/// Reads each of a list of keys; errors name the place (`keys[3].label`).
fn each<T>(keys: *const dw_new_key, len: usize, read: impl Fn(&dw_new_key) -> Result<T>) -> Result<Vec<T>> {
    let keys = options::list(keys, len, "keys")?;
    let read = |(index, key)| read(key).map_err(|error| error.inside(&format!("keys[{index}]")));
    keys.iter().enumerate().map(read).collect()
}

/// Creates a key. Puts an owned created key, which holds the token, into `created`.
///
/// Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_create_key(
    session: Option<&dw_session>,
    institution_id: dw_str,
    new_key: *const dw_new_key,
    created: Option<&mut MaybeUninit<Option<Box<dw_created_key>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("created", created, error, || {
        let id = self::institution_id(&institution_id)?;
        let key = options::required(new_key, "new_key")?.new_key()?;
        call!(session, create_key(&id, key)).map(dw_created_key::new)
    })
}

/// Creates up to 10,000 keys, all or none. Puts owned created keys, in the order of `keys`, into `created`.
///
/// Errors: as `dw_create_key`; fields are named `keys[3].label`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_create_keys(
    session: Option<&dw_session>,
    institution_id: dw_str,
    keys: *const dw_new_key,
    keys_len: usize,
    created: Option<&mut MaybeUninit<Option<Box<dw_created_keys>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("created", created, error, || {
        let id = self::institution_id(&institution_id)?;
        let keys = each(keys, keys_len, dw_new_key::new_key)?;
        let created = call!(session, create_keys(&id, keys))?;
        Ok(dw_created_keys(created.into_iter().map(dw_created_key::new).collect()))
    })
}

/// Imports up to 1,000,000 keys that exist elsewhere by the SHA-256 of their tokens, all or none. With `dry_run` (not 0)
/// nothing is stored, and every conflict reported. Puts an owned report into `report`.
///
/// Errors: as `dw_create_keys`, and `CONFLICT` / `key_exists` naming the first one that is stored already.
#[unsafe(no_mangle)]
pub extern "C" fn dw_import_keys(
    session: Option<&dw_session>,
    institution_id: dw_str,
    keys: *const dw_new_key,
    keys_len: usize,
    dry_run: i32,
    report: Option<&mut MaybeUninit<Option<Box<dw_import_report>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("report", report, error, || {
        let id = self::institution_id(&institution_id)?;
        let keys = each(keys, keys_len, dw_new_key::imported)?;
        call!(session, import_keys(&id, keys, dry_run != 0)).map(|report| dw_import_report(Record::new(report)))
    })
}

/// The SHA-256 of a token that was made elsewhere, as `key_hash` of an import wants it. Puts an owned text of 64 hex digits into
/// `hash`. Needs no door, never waits; any thread.
///
/// Errors: `VALIDATION` for what can be no token: not UTF-8, or more than 512 bytes.
#[unsafe(no_mangle)]
pub extern "C" fn dw_hash_token(
    token: dw_str,
    hash: Option<&mut MaybeUninit<Option<Box<dw_text>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("hash", hash, error, || {
        let token = token.required("token")?;
        if token.len() > MAX_TOKEN {
            return Err(Error::new(Reason::TooLong, "must have at most 512 bytes").field("token"));
        }
        Ok(dw_text(KeyHash::of(token).to_string()))
    })
}

/// Gets a key. Puts an owned key into `key`.
///
/// Errors: `FORBIDDEN`; `NOT_FOUND`: `institution_not_found`, `key_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_get_key(
    session: Option<&dw_session>,
    institution_id: dw_str,
    key_id: dw_str,
    key: Option<&mut MaybeUninit<Option<Box<dw_key>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("key", key, error, || {
        let (institution, id) = ids(&institution_id, &key_id)?;
        call!(session, get_key(&institution, &id)).map(dw_key::new)
    })
}

/// Changes a key's label, expiry, addresses, rate limit or metadata. Puts an owned key, as it is then, into `key`.
///
/// Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND`; `CONFLICT`: `version_mismatch`, `key_revoked`, `key_expired`, `key_rotated`;
/// what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_update_key(
    session: Option<&dw_session>,
    institution_id: dw_str,
    key_id: dw_str,
    patch: *const dw_key_patch,
    key: Option<&mut MaybeUninit<Option<Box<dw_key>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("key", key, error, || {
        let (institution, id) = ids(&institution_id, &key_id)?;
        let given = options::required(patch, "patch")?;
        let patch = KeyPatch {
            label: given.label.optional("label")?.map(str::to_owned),
            expires_at: replaced(time(&given.expires_at, "expires_at")?, given.removes_expiry, "expires_at")?,
            allowed_addresses: addresses(&given.allowed_addresses)?,
            rate_limit: replaced(given.rate_limit.optional("rate_limit")?, given.removes_rate_limit, "rate_limit")?,
            metadata: given.metadata.optional("metadata")?.map(metadata_from_json).transpose()?,
            expected_version: version(given.expected_version)?,
        };
        call!(session, update_key(&institution, &id, patch)).map(dw_key::new)
    })
}

/// Gives a key a successor with a token of its own; the old token stays good for `grace_ms`, then dies by itself. Puts the
/// owned successor, which holds its token, into `created`.
///
/// Errors: `VALIDATION` (a grace over 90 days); `FORBIDDEN`; `NOT_FOUND`; `CONFLICT`: `key_revoked`, `key_expired`,
/// `key_disabled`, `key_rotated`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_rotate_key(
    session: Option<&dw_session>,
    institution_id: dw_str,
    key_id: dw_str,
    grace_ms: u64,
    created: Option<&mut MaybeUninit<Option<Box<dw_created_key>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("created", created, error, || {
        let (institution, id) = ids(&institution_id, &key_id)?;
        let rotated = call!(session, rotate_key(&institution, &id, Duration::from_millis(grace_ms)));
        rotated.map(dw_created_key::new).map_err(|error| named(error, "grace", "grace_ms"))
    })
}

/// Switches a key on again; enabling an enabled key changes nothing. Puts an owned key, as it is then, into `key`.
///
/// Errors: `FORBIDDEN`; `NOT_FOUND`; `CONFLICT`: `key_revoked`, `key_expired`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_enable_key(
    session: Option<&dw_session>,
    institution_id: dw_str,
    key_id: dw_str,
    key: Option<&mut MaybeUninit<Option<Box<dw_key>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("key", key, error, || {
        let (institution, id) = ids(&institution_id, &key_id)?;
        call!(session, enable_key(&institution, &id)).map(dw_key::new)
    })
}

/// Switches a key off until it is enabled; disabling a disabled key changes nothing. Puts an owned key, as it is then, into
/// `key`.
///
/// Errors: as `dw_enable_key`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_disable_key(
    session: Option<&dw_session>,
    institution_id: dw_str,
    key_id: dw_str,
    key: Option<&mut MaybeUninit<Option<Box<dw_key>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("key", key, error, || {
        let (institution, id) = ids(&institution_id, &key_id)?;
        call!(session, disable_key(&institution, &id)).map(dw_key::new)
    })
}

/// Revokes a key for good; revoking it again gives the same record and date back. Puts an owned key, as it is then, into `key`.
///
/// Errors: `FORBIDDEN`; `NOT_FOUND`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_revoke_key(
    session: Option<&dw_session>,
    institution_id: dw_str,
    key_id: dw_str,
    key: Option<&mut MaybeUninit<Option<Box<dw_key>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("key", key, error, || {
        let (institution, id) = ids(&institution_id, &key_id)?;
        call!(session, revoke_key(&institution, &id)).map(dw_key::new)
    })
}

/// Revokes all keys of an institution, the caller's own too. `count` says how many were not revoked before.
///
/// Errors: `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_revoke_all_keys(
    session: Option<&dw_session>,
    institution_id: dw_str,
    count: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    let count = count.map(|slot| slot.write(0));
    done(error, || {
        let count = given(count, "count")?;
        let id = self::institution_id(&institution_id)?;
        *count = call!(session, revoke_all_keys(&id))?;
        Ok(())
    })
}

/// Its id. Borrowed until the key is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_id(key: Option<&dw_key>) -> dw_str {
    read(key, dw_str::ABSENT, |key| key.id.text(|| Some(&key.record.value.id)))
}

/// The institution that owns it. Borrowed until the key is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_institution_id(key: Option<&dw_key>) -> dw_str {
    read(key, dw_str::ABSENT, |key| key.institution_id.text(|| Some(&key.record.value.institution_id)))
}

/// What may be shown of its token. Borrowed until the key is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_hint(key: Option<&dw_key>) -> dw_str {
    read(key, dw_str::ABSENT, |key| dw_str::of(&key.record.value.hint))
}

/// Its label. Borrowed until the key is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_label(key: Option<&dw_key>) -> dw_str {
    read(key, dw_str::ABSENT, |key| dw_str::of(&key.record.value.label))
}

/// Its role; `DW_ROLE_NONE` if `key` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_role(key: Option<&dw_key>) -> dw_role {
    read(key, dw_role::None, |key| key.record.value.role.into())
}

/// Whether it is good at this moment, as the record says; `DW_KEY_STATUS_NONE` if `key` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_status_now(key: Option<&dw_key>) -> dw_key_status {
    read(key, dw_key_status::None, |key| key.record.value.status(Timestamp::now()).into())
}

/// From when on it is no longer good; absent: never. Borrowed until the key is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_expires_at(key: Option<&dw_key>) -> dw_str {
    read(key, dw_str::ABSENT, |key| key.expires_at.text(|| key.record.value.expires_at))
}

/// How often it is accepted, if it has a limit of its own; else zero throughout.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_rate_limit(key: Option<&dw_key>) -> dw_limit {
    read(key, None.into(), |key| key.record.value.rate_limit.into())
}

/// Its version: 1 when created, raised by every change; 0 if `key` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_version(key: Option<&dw_key>) -> u64 {
    read(key, 0, |key| key.record.value.version)
}

/// The whole as JSON, with the status of the moment of the first call. Borrowed until the key is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_json(key: Option<&dw_key>) -> dw_str {
    read(key, dw_str::ABSENT, |key| key.record.json())
}

/// Frees the key. NULL is fine; never for one that is borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_key_free(key: Option<Box<dw_key>>) {
    free(key);
}

/// The token: secret, and not to be had again. Borrowed until the created key is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_created_key_token(created: Option<&dw_created_key>) -> dw_str {
    read(created, dw_str::ABSENT, |created| dw_str::of(created.token.reveal()))
}

/// The record. Borrowed until the created key is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_created_key_record(created: Option<&dw_created_key>) -> Option<&dw_key> {
    created.map(|created| &created.key)
}

/// Frees the created key, and wipes its token. NULL is fine; never for one that is borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_created_key_free(created: Option<Box<dw_created_key>>) {
    free(created);
}

/// How many there are.
#[unsafe(no_mangle)]
pub extern "C" fn dw_created_keys_count(created: Option<&dw_created_keys>) -> usize {
    read(created, 0, |created| created.0.len())
}

/// One of them, or NULL beyond the last. Borrowed until they are freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_created_keys_at(created: Option<&dw_created_keys>, index: usize) -> Option<&dw_created_key> {
    created.and_then(|created| created.0.get(index))
}

/// Frees the created keys, and wipes their tokens. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn dw_created_keys_free(created: Option<Box<dw_created_keys>>) {
    free(created);
}

/// How many keys were stored; in a dry run, how many would be.
#[unsafe(no_mangle)]
pub extern "C" fn dw_import_report_imported(report: Option<&dw_import_report>) -> usize {
    read(report, 0, |report| report.0.value.imported.len())
}

/// How many keys stand in the way; always 0 but for a dry run.
#[unsafe(no_mangle)]
pub extern "C" fn dw_import_report_conflicts(report: Option<&dw_import_report>) -> usize {
    read(report, 0, |report| report.0.value.conflicts.len())
}

/// The whole as JSON: `{"dryRun":…,"imported":[…],"conflicts":[{"index":…,"keyHash":…,"reason":…}]}`. Borrowed until the report
/// is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_import_report_json(report: Option<&dw_import_report>) -> dw_str {
    read(report, dw_str::ABSENT, |report| report.0.json())
}

/// Frees the report. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn dw_import_report_free(report: Option<Box<dw_import_report>>) {
    free(report);
}
