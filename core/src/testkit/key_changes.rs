//! What changes about a key: label, expiry, addresses, data; switched off and on.

use std::time::Duration;

use super::{
    case::{Case, Check, ensure, equal},
    stage::{Stage, answer},
};
use crate::{
    error::Reason,
    model::{
        address::AddressList,
        api_key::{ApiKey, KeyChange, KeyPatch, metadata_from_json},
        id::ApiKeyId,
        rate_limit::RateLimit,
        time::Timestamp,
    },
};

pub(super) const CASES: &[Case] = &[
    Case::new("a change of a key changes what it names and raises the version", update),
    Case::new("an expiry is removed on request and kept otherwise", expiry_removed),
    Case::new("a change of a key that expects another version is refused and leaves nothing", version_mismatch),
    Case::new("a key has any rate limit of its own, or none", rate_limits),
    Case::new("a key is switched off and on again", disable_and_enable),
    Case::new("switching off twice keeps the first date and raises nothing", disable_twice),
    Case::new("an unknown key is not found for any change", unknown_key),
    Case::new("a key of an unknown institution is not found by its institution", unknown_institution),
    Case::new("a revoked key is changed no more", revoked),
    Case::new("an expired key is changed no more, and can still be revoked", expired),
];

fn update(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let patch = KeyPatch {
        label: Some("new".to_owned()),
        expires_at: Some(Some("2999-01-01T00:00:00Z".parse()?)),
        allowed_addresses: Some(AddressList::new(["10.0.0.0/8"])?),
        rate_limit: Some(Some(RateLimit::new(10, Duration::from_secs(1))?)),
        metadata: Some(metadata_from_json(r#"{"a":{"b":[1]}}"#)?),
        expected_version: Some(1),
    };
    let expected = ApiKey {
        label: "new".to_owned(),
        expires_at: Some("2999-01-01T00:00:00Z".parse()?),
        allowed_addresses: AddressList::new(["10.0.0.0/8"])?,
        rate_limit: Some(RateLimit::new(10, Duration::from_secs(1))?),
        metadata: metadata_from_json(r#"{"a":{"b":[1]}}"#)?,
        version: 2,
        ..key.clone()
    };
    let change = KeyChange::Update(patch);
    let changed = stage.raises(1, |entry| stage.store.change_key(&key.institution_id, &key.id, change, entry))?;
    equal(&changed.key, &expected, "the answer of the change")?;
    ensure(changed.changed && changed.successor.is_none(), "the answer says that something changed")?;
    equal(stage.found_key(&key)?, expected.clone(), "what is found by the id")?;
    equal(answer(stage.store.find_by_hash(&key.key_hash))?, Some(expected.clone()), "what is found by the hash")?;
    let credential = answer(stage.store.find_credential(&key.key_hash))?;
    ensure(
        credential.is_some_and(|found| {
            found.expires_at == expected.expires_at
                && found.allowed_addresses.is_some()
                && found.rate_limit == expected.rate_limit
        }),
        "the credential has the new expiry, addresses and rate limit",
    )
}

/// More limits than the few bits that a store may have for each key.
fn rate_limits(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    for requests in 1..=70 {
        let rate_limit = Some(RateLimit::new(requests, Duration::from_millis(u64::from(requests)))?);
        let key = stage.store_key(ApiKey { rate_limit, ..stage.new_key(&institution)? })?;
        equal(stage.found_key(&key)?.rate_limit, rate_limit, "the record's rate limit")?;
        let credential = answer(stage.store.find_credential(&key.key_hash))?;
        equal(credential.and_then(|found| found.rate_limit), rate_limit, "the credential's rate limit")?;
        let without = KeyPatch { rate_limit: Some(None), ..KeyPatch::default() };
        stage.change_key(&key, KeyChange::Update(without))?;
        let credential = answer(stage.store.find_credential(&key.key_hash))?;
        equal(credential.map(|found| found.rate_limit), Some(None), "the credential's rate limit after it was removed")?;
    }
    Ok(())
}

fn expiry_removed(stage: &Stage) -> Check {
    let expires_at = Some(Timestamp::MAX);
    let key = stage.store_key(ApiKey { expires_at, ..stage.new_key(&stage.institution()?)? })?;
    let label = KeyPatch { label: Some("x".to_owned()), ..KeyPatch::default() };
    equal(stage.change_key(&key, KeyChange::Update(label))?.key.expires_at, expires_at, "the expiry after another change")?;
    let without = KeyPatch { expires_at: Some(None), ..KeyPatch::default() };
    stage.change_key(&key, KeyChange::Update(without))?;
    equal(stage.found_key(&key)?.expires_at, None, "the expiry after it was removed")
}

fn version_mismatch(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    for expected in [0, 2, u64::MAX] {
        let patch = KeyPatch { label: Some("lost".to_owned()), expected_version: Some(expected), ..KeyPatch::default() };
        let change = KeyChange::Update(patch);
        stage.refuses(Reason::VersionMismatch, |entry| stage.store.change_key(&key.institution_id, &key.id, change, entry))?;
    }
    equal(stage.found_key(&key)?, key, "the key afterwards")
}

fn disable_and_enable(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let mut at = Timestamp::default();
    let disabled = stage.raises(1, |entry| {
        at = entry.occurred_at;
        stage.store.change_key(&key.institution_id, &key.id, KeyChange::Disable, entry)
    })?;
    equal(disabled.key.disabled_at, Some(at), "since when it is disabled (rule 4)")?;
    equal(stage.found_key(&key)?, disabled.key, "the disabled key as it is stored")?;
    stage.raises(1, |entry| stage.store.change_key(&key.institution_id, &key.id, KeyChange::Enable, entry))?;
    equal(stage.found_key(&key)?, ApiKey { version: 3, ..key }, "the key, switched on again")
}

fn disable_twice(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let first = stage.change_key(&key, KeyChange::Disable)?.key;
    let second = stage.raises(0, |entry| stage.store.change_key(&key.institution_id, &key.id, KeyChange::Disable, entry))?;
    ensure(!second.changed, "the answer says that nothing changed")?;
    equal(second.key, first, "the key after the second time")?;
    stage.change_key(&key, KeyChange::Enable)?;
    let again = stage.raises(0, |entry| stage.store.change_key(&key.institution_id, &key.id, KeyChange::Enable, entry))?;
    ensure(!again.changed, "switching on what is on changes nothing")
}

fn every_change() -> [KeyChange; 5] {
    let rotation = KeyChange::Rotate {
        id: ApiKeyId::from_stored("ak_successor"),
        key_hash: crate::token::KeyHash::of("successor"),
        hint: "successor".into(),
        grace: Duration::ZERO,
    };
    [KeyChange::Update(KeyPatch::default()), rotation, KeyChange::Enable, KeyChange::Disable, KeyChange::Revoke]
}

fn unknown_key(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let nobody = ApiKeyId::generate()?;
    for change in every_change() {
        stage.refuses(Reason::KeyNotFound, |entry| stage.store.change_key(&institution, &nobody, change, entry))?;
    }
    Ok(())
}

fn unknown_institution(stage: &Stage) -> Check {
    let nobody = stage.new_institution()?.id;
    let key = stage.key(&stage.institution()?)?;
    for change in every_change() {
        stage.refuses(Reason::InstitutionNotFound, |entry| stage.store.change_key(&nobody, &key.id, change, entry))?;
    }
    equal(stage.found_key(&key)?, key, "the key of this id in its own institution")
}

fn refuses_all_but_revocation(stage: &Stage, key: &ApiKey, reason: Reason) -> Check {
    let before = stage.found_key(key)?;
    for change in every_change().into_iter().filter(|change| *change != KeyChange::Revoke) {
        stage.refuses(reason, |entry| stage.store.change_key(&key.institution_id, &key.id, change, entry))?;
    }
    equal(stage.found_key(key)?, before, "the key after all refusals")?;
    let successor = crate::token::KeyHash::of("successor");
    equal(answer(stage.store.find_by_hash(&successor))?, None, "the successor of a refused rotation")
}

fn revoked(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    stage.change_key(&key, KeyChange::Revoke)?;
    refuses_all_but_revocation(stage, &key, Reason::KeyRevoked)
}

fn expired(stage: &Stage) -> Check {
    let past = stage.tick();
    let key = stage.store_key(ApiKey { expires_at: Some(past), ..stage.new_key(&stage.institution()?)? })?;
    refuses_all_but_revocation(stage, &key, Reason::KeyExpired)?;
    ensure(stage.change_key(&key, KeyChange::Revoke)?.key.revoked_at.is_some(), "an expired key can be revoked")
}
