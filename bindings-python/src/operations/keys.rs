//! Operations on API keys.

use std::time::Duration;

use doorward::ApiKeyQuery;
use pyo3::prelude::*;

use crate::{
    arguments::{self, Preset, Replacement, imported_keys, institution, key, key_patch, new_key, new_keys, optional, page},
    faces::operations,
    time::duration,
};

operations! {
    /// Creates a key. The answer holds its token, which cannot be had again. Only root and the host's own code give a key a rate
    /// limit.
    ///
    /// Raises `ValidationError`; `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
    #[pyo3(signature = (
        institution_id, *, label, role, expires_at = None, allowed_addresses = None, rate_limit = None, metadata = None
    ))]
    slow fn create_key(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        label: &Bound<'_, PyAny>,
        role: &Bound<'_, PyAny>,
        expires_at: Option<&Bound<'_, PyAny>>,
        allowed_addresses: Option<&Bound<'_, PyAny>>,
        rate_limit: Option<&Bound<'_, PyAny>>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) {
        let institution = institution(institution_id)?;
        let key = new_key(label, role, expires_at, allowed_addresses, rate_limit, metadata)?;
    } => create_key(&institution, key);

    /// Creates up to 10,000 keys, all or none.
    ///
    /// Raises as `create_key`; fields are named `keys[3].label`.
    slow fn create_keys(&self, py, institution_id: &Bound<'_, PyAny>, keys: &Bound<'_, PyAny>) {
        let (institution, keys) = (institution(institution_id)?, new_keys(keys)?);
    } => create_keys(&institution, keys);

    /// Imports up to 1,000,000 keys that exist elsewhere by the SHA-256 of their tokens, all or none. A dry run stores nothing
    /// and reports every conflict.
    ///
    /// Raises as `create_keys`, and `ConflictError` / `key_exists` naming the first one that is stored already.
    #[pyo3(signature = (institution_id, keys, *, dry_run = false))]
    slow fn import_keys(&self, py, institution_id: &Bound<'_, PyAny>, keys: &Bound<'_, PyAny>, dry_run: bool) {
        let (institution, keys) = (institution(institution_id)?, imported_keys(keys)?);
    } => import_keys(&institution, keys, dry_run);

    /// Gets a key of an institution.
    ///
    /// Raises `ForbiddenError`; `NotFoundError`: `institution_not_found`, `key_not_found`; what a store can answer.
    quick fn get_key(&self, py, institution_id: &Bound<'_, PyAny>, key_id: &Bound<'_, PyAny>) {
        let (institution, key) = (institution(institution_id)?, key(key_id)?);
    } => get_key(&institution, &key);

    /// Lists an institution's keys by creation; revoked ones on request.
    ///
    /// Raises `ValidationError` (limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can
    /// answer.
    #[pyo3(
        signature = (
            institution_id, *, include_revoked = false, role = None, status = None, limit = Preset::Unless(50), cursor = None,
            order = Preset::Unless("newest_first")
        ),
        text_signature = "($self, institution_id, *, include_revoked=False, role=None, status=None, limit=50, cursor=None, \
            order='newest_first')"
    )]
    slow fn list_keys(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        include_revoked: bool,
        role: Option<&Bound<'_, PyAny>>,
        status: Option<&Bound<'_, PyAny>>,
        limit: Preset<'_, u64>,
        cursor: Option<&Bound<'_, PyAny>>,
        order: Preset<'_, &'static str>,
    ) {
        let query = ApiKeyQuery {
            institution_id: institution(institution_id)?,
            include_revoked,
            role: optional(role, arguments::role)?,
            status: optional(status, arguments::status)?,
            page: page(&limit, cursor, &order)?,
        };
    } => list_keys(&query);

    /// Changes a key's label, expiry, addresses, rate limit or metadata. What is not given stays as it is; `expires_at=None`
    /// removes the expiry, and `rate_limit=None` the key's own limit.
    ///
    /// Raises `ValidationError`; `ForbiddenError`; `NotFoundError`; `ConflictError`: `version_mismatch`, `key_revoked`,
    /// `key_expired`, `key_rotated` (expiry of a rotated key); what a store can answer.
    #[pyo3(signature = (
        institution_id, key_id, *, label = None, expires_at = Replacement::Kept, allowed_addresses = None,
        rate_limit = Replacement::Kept, metadata = None, expected_version = None
    ))]
    slow fn update_key(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        key_id: &Bound<'_, PyAny>,
        label: Option<&Bound<'_, PyAny>>,
        expires_at: Replacement<'_>,
        allowed_addresses: Option<&Bound<'_, PyAny>>,
        rate_limit: Replacement<'_>,
        metadata: Option<&Bound<'_, PyAny>>,
        expected_version: Option<&Bound<'_, PyAny>>,
    ) {
        let (institution, key) = (institution(institution_id)?, key(key_id)?);
        let patch = key_patch(label, &expires_at, allowed_addresses, &rate_limit, metadata, expected_version)?;
    } => update_key(&institution, &key, patch);

    /// Gives a key a successor with a token of its own. The old token stays good for `grace` (a timedelta, or seconds), then
    /// dies by itself; its expiry is never extended, and the successor's is what the key's was.
    ///
    /// Raises `ValidationError` (a grace over 90 days); `ForbiddenError`; `NotFoundError`; `ConflictError`: `key_revoked`,
    /// `key_expired`, `key_disabled`, `key_rotated`; what a store can answer.
    #[pyo3(
        signature = (institution_id, key_id, *, grace = None),
        text_signature = "($self, institution_id, key_id, *, grace=0)"
    )]
    slow fn rotate_key(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        key_id: &Bound<'_, PyAny>,
        grace: Option<&Bound<'_, PyAny>>,
    ) {
        let (institution, key) = (institution(institution_id)?, key(key_id)?);
        let grace = optional(grace, |grace| duration(grace, "grace"))?.unwrap_or(Duration::ZERO);
    } => rotate_key(&institution, &key, grace);

    /// Switches a key on again. Enabling an enabled key changes nothing.
    ///
    /// Raises `ForbiddenError`; `NotFoundError`; `ConflictError`: `key_revoked`, `key_expired`; what a store can answer.
    slow fn enable_key(&self, py, institution_id: &Bound<'_, PyAny>, key_id: &Bound<'_, PyAny>) {
        let (institution, key) = (institution(institution_id)?, key(key_id)?);
    } => enable_key(&institution, &key);

    /// Switches a key off until it is enabled. Disabling a disabled key changes nothing.
    ///
    /// Raises `ForbiddenError`; `NotFoundError`; `ConflictError`: `key_revoked`, `key_expired`; what a store can answer.
    slow fn disable_key(&self, py, institution_id: &Bound<'_, PyAny>, key_id: &Bound<'_, PyAny>) {
        let (institution, key) = (institution(institution_id)?, key(key_id)?);
    } => disable_key(&institution, &key);

    /// Revokes a key for good. Revoking it again gives the same record and date back.
    ///
    /// Raises `ForbiddenError`; `NotFoundError`; what a store can answer.
    slow fn revoke_key(&self, py, institution_id: &Bound<'_, PyAny>, key_id: &Bound<'_, PyAny>) {
        let (institution, key) = (institution(institution_id)?, key(key_id)?);
    } => revoke_key(&institution, &key);

    /// Revokes all keys of an institution, the caller's own too, and says how many were not revoked before.
    ///
    /// Raises `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
    slow fn revoke_all_keys(&self, py, institution_id: &Bound<'_, PyAny>) {
        let institution = institution(institution_id)?;
    } => revoke_all_keys(&institution);
}
