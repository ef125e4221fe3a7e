//! Rotation: a successor, a grace period, a lineage.

use std::time::Duration;

use super::{
    case::{Case, Check, equal, some},
    stage::{Stage, answer},
};
use crate::{
    error::{Reason, Result},
    model::{
        address::AddressList,
        api_key::{ApiKey, KeyChange, KeyPatch, KeyStatus, metadata_from_json},
        id::ApiKeyId,
        time::Timestamp,
    },
    token::KeyHash,
};

pub(super) const CASES: &[Case] = &[
    Case::new("a rotation stores the successor and ends the old key after its grace", rotate),
    Case::new("a rotation never extends an expiry", expiry_not_extended),
    Case::new("a key is rotated once; then its successor is the one to rotate", rotated_once),
    Case::new("the end of a rotated key cannot be moved", end_is_fixed),
    Case::new("a disabled key cannot be rotated", disabled),
    Case::new("a rotation to a hash that is stored is refused and leaves nothing", hash_taken),
];

const HOUR: Duration = Duration::from_secs(3600);

fn rotation(grace: Duration) -> Result<KeyChange> {
    let id = ApiKeyId::generate()?;
    let key_hash = KeyHash::of(&format!("successor {id}"));
    Ok(KeyChange::Rotate { id, key_hash, hint: key_hash.hint(), grace })
}

fn rotate(stage: &Stage) -> Check {
    let key = stage.store_key(ApiKey {
        allowed_addresses: AddressList::new(["10.0.0.0/8"])?,
        metadata: metadata_from_json(r#"{"a":1}"#)?,
        ..stage.new_key(&stage.institution()?)?
    })?;
    let mut at = Timestamp::default();
    let change = rotation(HOUR)?;
    let done = stage.raises(1, |entry| {
        at = entry.occurred_at;
        stage.store.change_key(&key.institution_id, &key.id, change.clone(), entry)
    })?;
    let expected = change.apply(&key, at)?;
    equal(&done, &expected, "the answer of the rotation (rule 6)")?;
    let successor = some(expected.successor, "the successor in the answer")?;
    equal(stage.found_key(&successor)?, successor.clone(), "the successor by its id")?;
    equal(answer(stage.store.find_by_hash(&successor.key_hash))?, Some(successor.clone()), "the successor by its hash")?;
    let old = some(answer(stage.store.find_by_hash(&key.key_hash))?, "the old key by its hash")?;
    equal(&old, &expected.key, "the old key as it is stored")?;
    equal(old.rotated_to, Some(successor.id), "the old key's successor")?;
    equal(successor.rotated_from, Some(key.id), "the successor's predecessor")?;
    equal(old.expires_at, Some(at.plus(HOUR)), "the old key's end")?;
    let credential = some(answer(stage.store.find_credential(&key.key_hash))?, "the old key's credential")?;
    equal(credential.expires_at, Some(at.plus(HOUR)), "the end in the old key's credential")
}

fn expiry_not_extended(stage: &Stage) -> Check {
    let expiry = stage.tick().plus(Duration::from_secs(60));
    let key = stage.store_key(ApiKey { expires_at: Some(expiry), ..stage.new_key(&stage.institution()?)? })?;
    let done = stage.change_key(&key, rotation(HOUR)?)?;
    equal(stage.found_key(&key)?.expires_at, Some(expiry), "the old key's expiry")?;
    equal(some(done.successor, "the successor")?.expires_at, Some(expiry), "the successor's expiry")
}

fn rotated_once(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let successor = some(stage.change_key(&key, rotation(HOUR)?)?.successor, "the successor")?;
    let before = stage.found_key(&key)?;
    let again = rotation(HOUR)?;
    stage.refuses(Reason::KeyRotated, |entry| stage.store.change_key(&key.institution_id, &key.id, again, entry))?;
    equal(stage.found_key(&key)?, before, "the old key after a second rotation was refused")?;
    let third = some(stage.change_key(&successor, rotation(Duration::ZERO)?)?.successor, "the successor's successor")?;
    equal(stage.found_key(&third)?.rotated_from, Some(successor.id.clone()), "the lineage")?;
    equal(stage.found_key(&successor)?.status(stage.tick()), KeyStatus::Expired, "a key rotated without grace")
}

fn end_is_fixed(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    stage.change_key(&key, rotation(HOUR)?)?;
    let before = stage.found_key(&key)?;
    for expires_at in [None, Some(Timestamp::MAX)] {
        let change = KeyChange::Update(KeyPatch { expires_at: Some(expires_at), ..KeyPatch::default() });
        stage.refuses(Reason::KeyRotated, |entry| stage.store.change_key(&key.institution_id, &key.id, change, entry))?;
    }
    equal(stage.found_key(&key)?, before, "the old key afterwards")
}

fn disabled(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    stage.change_key(&key, KeyChange::Disable)?;
    let change = rotation(HOUR)?;
    stage.refuses(Reason::KeyDisabled, |entry| stage.store.change_key(&key.institution_id, &key.id, change, entry)).map(|_| ())
}

fn hash_taken(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let (key, other) = (stage.key(&institution)?, stage.key(&institution)?);
    let id = ApiKeyId::generate()?;
    let change = KeyChange::Rotate { id: id.clone(), key_hash: other.key_hash, hint: other.hint.clone(), grace: HOUR };
    stage.refuses(Reason::KeyExists, |entry| stage.store.change_key(&institution, &key.id, change, entry))?;
    equal(answer(stage.store.find_key(&institution, &id))?, None, "the successor of a refused rotation")?;
    equal(stage.found_key(&key)?, key, "the key that was to be rotated")?;
    equal(answer(stage.store.find_by_hash(&other.key_hash))?, Some(other), "the owner of the hash")
}
