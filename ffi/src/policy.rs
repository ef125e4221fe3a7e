//! Policies.

use std::mem::MaybeUninit;

use doorward::{InstitutionId, Policy, PolicyConfig, PolicyPatch, Region, Result};

use crate::{
    dw_error, dw_session, dw_status,
    guard::{free, give, read},
    institution::institution_id,
    key::version,
    record::{Record, Written},
    session::call,
    text::dw_str,
};

/// A policy: the rules of one institution in one region. Owned: `dw_policy_free`. `const dw_policy *` may be shared.
pub struct dw_policy {
    pub(crate) record: Record<Policy>,
    id: Written,
    config: Written,
}

impl dw_policy {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { record: Record::new(policy), id: Written::default(), config: Written::default() }
    }
}

/// A region among the arguments.
pub(crate) fn region(text: &dw_str) -> Result<Region> {
    text.required("region")?.parse()
}

/// Where a policy is: the ids of an institution and of a region among the arguments.
pub(crate) fn place(institution: &dw_str, region: &dw_str) -> Result<(InstitutionId, Region)> {
    Ok((institution_id(institution)?, self::region(region)?))
}

/// A config among the arguments.
pub(crate) fn config(text: &dw_str) -> Result<PolicyConfig> {
    PolicyConfig::from_json(text.required("config")?)
}

/// Creates an institution's policy in a region, or replaces its config. `config` is JSON:
/// `{"position":{"minAmount":100,"maxAmount":"5000.00","allowedCurrencies":["USD"]}}`; amounts are numbers or decimal texts, and
/// read exactly. `expected_version` may be NULL; else it is done only if the stored version is that one; 0: only if there is
/// none. Puts an owned policy, as it is then, into `policy`.
///
/// Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; `CONFLICT` / `version_mismatch`; what a store can
/// answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_upsert_policy(
    session: Option<&dw_session>,
    institution_id: dw_str,
    region: dw_str,
    config: dw_str,
    expected_version: *const u64,
    policy: Option<&mut MaybeUninit<Option<Box<dw_policy>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("policy", policy, error, || {
        let (id, region) = place(&institution_id, &region)?;
        let (config, expected) = (self::config(&config)?, version(expected_version)?);
        call!(session, upsert_policy(&id, region, config, expected)).map(dw_policy::new)
    })
}

/// Merges a patch (JSON, RFC 7396) into a policy's config. Puts an owned policy, as it is then, into `policy`.
///
/// Errors: as `dw_upsert_policy`, and `NOT_FOUND` / `policy_not_found`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_merge_policy(
    session: Option<&dw_session>,
    institution_id: dw_str,
    region: dw_str,
    patch: dw_str,
    expected_version: *const u64,
    policy: Option<&mut MaybeUninit<Option<Box<dw_policy>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("policy", policy, error, || {
        let (id, region) = place(&institution_id, &region)?;
        let patch = PolicyPatch::from_json(patch.required("patch")?)?;
        call!(session, merge_policy(&id, region, patch, version(expected_version)?)).map(dw_policy::new)
    })
}

/// Gets an institution's policy in a region. Puts an owned policy into `policy`.
///
/// Errors: `VALIDATION` / `unknown_region`; `FORBIDDEN`; `NOT_FOUND`: `institution_not_found`, `policy_not_found`; what a store
/// can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_get_policy(
    session: Option<&dw_session>,
    institution_id: dw_str,
    region: dw_str,
    policy: Option<&mut MaybeUninit<Option<Box<dw_policy>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("policy", policy, error, || {
        let (id, region) = place(&institution_id, &region)?;
        call!(session, get_policy(&id, region)).map(dw_policy::new)
    })
}

/// Deletes a policy. Puts an owned policy, as it was, into `policy`.
///
/// Errors: as `dw_merge_policy`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_delete_policy(
    session: Option<&dw_session>,
    institution_id: dw_str,
    region: dw_str,
    expected_version: *const u64,
    policy: Option<&mut MaybeUninit<Option<Box<dw_policy>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("policy", policy, error, || {
        let (id, region) = place(&institution_id, &region)?;
        call!(session, delete_policy(&id, region, version(expected_version)?)).map(dw_policy::new)
    })
}

/// Its id. Borrowed until the policy is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_policy_id(policy: Option<&dw_policy>) -> dw_str {
    read(policy, dw_str::ABSENT, |policy| policy.id.text(|| Some(&policy.record.value.id)))
}

/// Its region. Borrowed until the policy is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_policy_region(policy: Option<&dw_policy>) -> dw_str {
    read(policy, dw_str::ABSENT, |policy| dw_str::of(policy.record.value.region.as_str()))
}

/// Its config as JSON. Borrowed until the policy is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_policy_config(policy: Option<&dw_policy>) -> dw_str {
    read(policy, dw_str::ABSENT, |policy| policy.config.text(|| Some(policy.record.value.config.to_json())))
}

/// Its version; 0 if `policy` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_policy_version(policy: Option<&dw_policy>) -> u64 {
    read(policy, 0, |policy| policy.record.value.version)
}

/// The whole as JSON. Borrowed until the policy is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_policy_json(policy: Option<&dw_policy>) -> dw_str {
    read(policy, dw_str::ABSENT, |policy| policy.record.json())
}

/// Frees the policy. NULL is fine; never for one that is borrowed from a page.
#[unsafe(no_mangle)]
pub extern "C" fn dw_policy_free(policy: Option<Box<dw_policy>>) {
    free(policy);
}
