//! Keys: stored one by one and in batches, found by hash and by id, within the institution's boundary.

use serde_json::json;

use super::{
    case::{Case, Check, ensure, equal, some},
    stage::{Stage, answer},
};
use crate::{
    error::Reason,
    model::{
        address::AddressList,
        api_key::{ApiKey, KeyChange, KeyStatus, Role},
    },
    store::Credential,
    token::KeyHash,
};

pub(super) const CASES: &[Case] = &[
    Case::new("a stored key is found by its hash and by its id as it was given", found_as_given),
    Case::new("what authentication needs of a key is what its record says", credential),
    Case::new("a batch of keys is one change", batch),
    Case::new("a batch with a hash that is stored leaves no key and names the first such one", batch_with_stored_hash),
    Case::new("a batch with the same hash twice leaves no key and names the second", batch_with_twin),
    Case::new("a key for an unknown institution is refused and leaves nothing", unknown_institution),
    Case::new("a key is not found through another institution", boundary),
    Case::new("revoked, disabled and expired keys are found like others", found_in_every_state),
    Case::new("of many hashes the stored ones are told", known_hashes),
];

fn found_as_given(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let other = stage.key(&institution)?;
    let given = ApiKey {
        label: "Schlüssel ✓ \"x\" '; --".to_owned(),
        role: Role::ReadOnly,
        expires_at: Some("2999-12-31T23:59:59.999Z".parse()?),
        allowed_addresses: AddressList::new(["10.0.0.0/8", "2001:db8::/32", "::1"])?,
        metadata: crate::model::api_key::metadata_from_json(
            &json!({"team": "ü", "deep": {"list": [1, 2.5, null, true, -7, "x"]}, "": 9_007_199_254_740_992_u64}).to_string(),
        )?,
        rotated_from: Some(other.id),
        ..stage.new_key(&institution)?
    };
    let stored = stage.raises(1, |entry| stage.store.insert_keys(vec![given.clone()], entry))?;
    equal(stored.as_slice(), std::slice::from_ref(&given), "the answer of the insertion")?;
    equal(answer(stage.store.find_by_hash(&given.key_hash))?.as_ref(), Some(&given), "the key by its hash")?;
    equal(stage.found_key(&given)?, given, "the key by its id")?;
    equal(answer(stage.store.find_by_hash(&KeyHash::of("nobody")))?, None, "a key by an unknown hash")
}

fn credential(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let plain = stage.key(&institution)?;
    let bound = stage.store_key(ApiKey {
        role: Role::ReadOnly,
        expires_at: Some(stage.tick().plus(std::time::Duration::from_secs(60))),
        allowed_addresses: AddressList::new(["192.168.1.7"])?,
        ..stage.new_key(&institution)?
    })?;
    for key in [plain, bound] {
        let found = some(answer(stage.store.find_credential(&key.key_hash))?, "the credential by its hash")?;
        equal(found, Credential::of(&key), "the credential")?;
    }
    equal(answer(stage.store.find_credential(&KeyHash::of("nobody")))?, None, "a credential by an unknown hash")
}

fn batch(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let keys = (0..20).map(|_| stage.new_key(&institution)).collect::<Result<Vec<_>, _>>()?;
    let stored = stage.raises(1, |entry| stage.store.insert_keys(keys.clone(), entry))?;
    equal(&stored, &keys, "the answer of the batch, in its order")?;
    keys.iter().try_for_each(|key| equal(&stage.found_key(key)?, key, "a key of the batch"))
}

fn nothing_of(stage: &Stage, keys: &[ApiKey]) -> Check {
    for key in keys {
        equal(answer(stage.store.find_key(&key.institution_id, &key.id))?, None, "a key of a refused batch, by its id")?;
    }
    Ok(())
}

fn batch_with_stored_hash(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let stored = stage.key(&institution)?;
    let mut keys = (0..5).map(|_| stage.new_key(&institution)).collect::<Result<Vec<_>, _>>()?;
    keys.iter_mut().skip(3).for_each(|key| key.key_hash = stored.key_hash);
    let error = stage.refuses(Reason::KeyExists, |entry| stage.store.insert_keys(keys.clone(), entry))?;
    equal(error.blamed_field(), Some("keys[3].key_hash"), "the field that the error names")?;
    nothing_of(stage, &keys)?;
    let hash = some(keys.first(), "the first key")?.key_hash;
    equal(answer(stage.store.find_by_hash(&hash))?, None, "the first key of a refused batch, by its hash")?;
    equal(answer(stage.store.find_by_hash(&stored.key_hash))?, Some(stored), "the key that was there before")
}

fn batch_with_twin(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let mut keys = (0..4).map(|_| stage.new_key(&institution)).collect::<Result<Vec<_>, _>>()?;
    let twin = some(keys.get(1), "the second key")?.key_hash;
    keys.iter_mut().skip(2).take(1).for_each(|key| key.key_hash = twin);
    let error = stage.refuses(Reason::KeyExists, |entry| stage.store.insert_keys(keys.clone(), entry))?;
    equal(error.blamed_field(), Some("keys[2].key_hash"), "the field that the error names")?;
    nothing_of(stage, &keys)?;
    equal(answer(stage.store.find_by_hash(&twin))?, None, "the twin, by its hash")
}

fn unknown_institution(stage: &Stage) -> Check {
    let key = stage.new_key(&stage.new_institution()?.id)?;
    stage.refuses(Reason::InstitutionNotFound, |entry| stage.store.insert_keys(vec![key.clone()], entry))?;
    nothing_of(stage, std::slice::from_ref(&key))?;
    equal(answer(stage.store.find_by_hash(&key.key_hash))?, None, "the key by its hash")
}

fn boundary(stage: &Stage) -> Check {
    let (owner, other) = (stage.institution()?, stage.institution()?);
    let key = stage.key(&owner)?;
    equal(answer(stage.store.find_key(&other, &key.id))?, None, "another institution's key")?;
    for change in [KeyChange::Revoke, KeyChange::Disable, KeyChange::Enable] {
        stage.refuses(Reason::KeyNotFound, |entry| stage.store.change_key(&other, &key.id, change, entry))?;
    }
    equal(stage.found_key(&key)?, key, "the key after another institution tried to change it")
}

fn found_in_every_state(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let past = stage.tick();
    let expired = stage.store_key(ApiKey { expires_at: Some(past), ..stage.new_key(&institution)? })?;
    let revoked = stage.key(&institution)?;
    stage.change_key(&revoked, KeyChange::Revoke)?;
    let disabled = stage.key(&institution)?;
    stage.change_key(&disabled, KeyChange::Disable)?;
    for (key, status, standing) in [
        (expired, KeyStatus::Expired, KeyStatus::Active),
        (revoked, KeyStatus::Revoked, KeyStatus::Revoked),
        (disabled, KeyStatus::Disabled, KeyStatus::Disabled),
    ] {
        let found = some(answer(stage.store.find_by_hash(&key.key_hash))?, "the key by its hash (rule 7)")?;
        equal(found.status(stage.tick()), status, "its status")?;
        let credential = some(answer(stage.store.find_credential(&key.key_hash))?, "its credential (rule 7)")?;
        equal(credential.standing, standing, "the credential's standing")?;
    }
    Ok(())
}

fn known_hashes(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let keys = (0..3).map(|_| stage.key(&institution)).collect::<Result<Vec<_>, _>>()?;
    let mut asked: Vec<_> = (0..1500).map(|n| KeyHash::of(&format!("stranger {n}"))).collect();
    asked.extend(keys.iter().map(|key| key.key_hash));
    let mut known = answer(stage.store.known_hashes(&asked))?;
    known.sort();
    let mut expected: Vec<_> = keys.iter().map(|key| key.key_hash).collect();
    expected.sort();
    equal(known, expected, "the stored ones of 1503 hashes")?;
    ensure(answer(stage.store.known_hashes(&[]))?.is_empty(), "of no hashes none is known")
}
