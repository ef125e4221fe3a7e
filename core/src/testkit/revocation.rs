//! Revocation: of one key, of all keys of an institution.

use super::{
    case::{Case, Check, ensure, equal},
    stage::{Stage, answer},
};
use crate::{
    error::Reason,
    model::{
        api_key::{ApiKey, ApiKeyQuery, KeyChange, KeyStatus},
        audit::Actor,
        time::Timestamp,
    },
};

pub(super) const CASES: &[Case] = &[
    Case::new("a revoked key has the date of its revocation", revoke),
    Case::new("a second revocation gives the same record back and raises nothing", revoke_twice),
    Case::new("all keys of an institution are revoked as one change, those of others stay", revoke_all),
    Case::new("revoking all where none is left counts none and raises nothing", revoke_all_again),
    Case::new("revoking all keys of an unknown institution is refused and leaves nothing", revoke_all_of_nobody),
    Case::new("who revokes all keys of the institution loses the own one too", revoke_all_by_a_key),
];

fn revoke(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let mut at = Timestamp::default();
    let revoked = stage.raises(1, |entry| {
        at = entry.occurred_at;
        stage.store.change_key(&key.institution_id, &key.id, KeyChange::Revoke, entry)
    })?;
    ensure(revoked.changed, "the answer says that something changed")?;
    let expected = ApiKey { revoked_at: Some(at), version: 2, ..key.clone() };
    equal(&revoked.key, &expected, "the answer of the revocation (rule 4)")?;
    equal(stage.found_key(&key)?, expected, "the revoked key as it is stored")
}

fn revoke_twice(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let first = stage.change_key(&key, KeyChange::Revoke)?.key;
    let second = stage.raises(0, |entry| stage.store.change_key(&key.institution_id, &key.id, KeyChange::Revoke, entry))?;
    equal(&second.key, &first, "the record after the second revocation")?;
    ensure(!second.changed, "the answer says that nothing changed")?;
    equal(stage.found_key(&key)?, first, "the record as it is stored")
}

fn revoke_all(stage: &Stage) -> Check {
    let (institution, other) = (stage.institution()?, stage.institution()?);
    let stranger = stage.key(&other)?;
    let active = stage.key(&institution)?;
    let disabled = stage.key(&institution)?;
    stage.change_key(&disabled, KeyChange::Disable)?;
    let past = stage.tick();
    let expired = stage.store_key(ApiKey { expires_at: Some(past), ..stage.new_key(&institution)? })?;
    let revoked = stage.key(&institution)?;
    let revoked = stage.change_key(&revoked, KeyChange::Revoke)?.key;

    let mut at = Timestamp::default();
    let count = stage.raises(1, |entry| {
        at = entry.occurred_at;
        stage.store.revoke_all_keys(&institution, entry)
    })?;
    equal(count, 3, "how many were revoked")?;
    for key in [&active, &disabled, &expired] {
        let found = stage.found_key(key)?;
        equal(found.revoked_at, Some(at), "the date of the revocation")?;
        ensure(found.version > key.version, "the version is raised")?;
        let credential = answer(stage.store.find_credential(&key.key_hash))?;
        equal(credential.map(|found| found.standing), Some(KeyStatus::Revoked), "the credential's standing")?;
    }
    equal(stage.found_key(&revoked)?, revoked, "a key that was revoked before")?;
    equal(stage.found_key(&stranger)?, stranger, "another institution's key")?;
    let left = answer(stage.store.list_keys(&ApiKeyQuery::of(institution), stage.tick()))?;
    ensure(left.items.is_empty(), "no key is listed any more")
}

fn revoke_all_again(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    equal(stage.raises(0, |entry| stage.store.revoke_all_keys(&institution, entry))?, 0, "how many of none were revoked")?;
    let key = stage.key(&institution)?;
    answer(stage.store.revoke_all_keys(&institution, stage.entry()?))?;
    let revoked = stage.found_key(&key)?;
    equal(stage.raises(0, |entry| stage.store.revoke_all_keys(&institution, entry))?, 0, "how many were revoked again")?;
    equal(stage.found_key(&key)?, revoked, "the revoked key afterwards")
}

fn revoke_all_of_nobody(stage: &Stage) -> Check {
    let nobody = stage.new_institution()?.id;
    stage.refuses(Reason::InstitutionNotFound, |entry| stage.store.revoke_all_keys(&nobody, entry))?;
    Ok(())
}

fn revoke_all_by_a_key(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let (actor, other) = (stage.key(&institution)?, stage.key(&institution)?);
    let entry = stage.entry_by(Actor::Key(actor.id.clone()))?;
    equal(answer(stage.store.revoke_all_keys(&institution, entry))?, 2, "how many were revoked")?;
    for key in [actor, other] {
        ensure(stage.found_key(&key)?.revoked_at.is_some(), "the key is revoked")?;
    }
    Ok(())
}
