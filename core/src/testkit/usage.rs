//! When keys were last accepted.

use std::time::Duration;

use super::{
    case::{Case, Check, equal, some},
    stage::{Stage, answer},
};
use crate::model::{
    api_key::{ApiKey, ApiKeyQuery, KeyChange, KeyPatch, KeyUse},
    id::ApiKeyId,
    time::Timestamp,
};

pub(super) const CASES: &[Case] = &[
    Case::new("a use is shown by the record and raises no generation and no version", recorded),
    Case::new("a use never moves a date backwards", never_backwards),
    Case::new("uses of unknown keys are ignored, and the rest is written", unknown_ignored),
    Case::new("a use that a store notes by itself is shown at once", noted),
    Case::new("a change of a key keeps its last use", kept_by_changes),
];

fn used(key: &ApiKey, at: Timestamp) -> KeyUse {
    KeyUse { id: key.id.clone(), at }
}

fn recorded(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let (key, idle) = (stage.key(&institution)?, stage.key(&institution)?);
    let (before, at) = (answer(stage.store.generation())?, stage.tick());
    answer(stage.store.record_use(vec![used(&key, at)]))?;
    equal(answer(stage.store.generation())?, before, "the generation (rule 5)")?;
    let expected = ApiKey { last_used_at: Some(at), ..key.clone() };
    equal(&stage.found_key(&key)?, &expected, "the record by its id")?;
    equal(answer(stage.store.find_by_hash(&key.key_hash))?.as_ref(), Some(&expected), "the record by its hash")?;
    let listed = answer(stage.store.list_keys(&ApiKeyQuery::of(institution), stage.tick()))?;
    equal(listed.items, vec![idle, expected], "the records in a list")
}

fn never_backwards(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let at = stage.tick().plus(Duration::from_secs(10));
    let earlier = Timestamp::from_millis(at.as_millis().saturating_sub(5));
    answer(stage.store.record_use(vec![used(&key, at)]))?;
    answer(stage.store.record_use(vec![used(&key, earlier)]))?;
    equal(stage.found_key(&key)?.last_used_at, Some(at), "the last use after an earlier one came late")?;
    let later = at.plus(Duration::from_secs(1));
    answer(stage.store.record_use(vec![used(&key, at), used(&key, later), used(&key, earlier)]))?;
    equal(stage.found_key(&key)?.last_used_at, Some(later), "the last of three uses in one batch")
}

fn unknown_ignored(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let at = stage.tick();
    let unknown = KeyUse { id: ApiKeyId::generate()?, at };
    answer(stage.store.record_use(vec![unknown.clone(), used(&key, at), unknown]))?;
    equal(stage.found_key(&key)?.last_used_at, Some(at), "the use of a known key among unknown ones")?;
    answer(stage.store.record_use(Vec::new()))?;
    Ok(())
}

fn noted(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let credential = some(answer(stage.store.find_credential(&key.key_hash))?, "the credential")?;
    let (first, at) = (stage.tick(), stage.tick());
    let notes = stage.store.note_use(&credential, at) && stage.store.note_use(&credential, first);
    let expected = Some(at).filter(|_| notes);
    equal(stage.found_key(&key)?.last_used_at, expected, "the last use, if the store notes it by itself")
}

fn kept_by_changes(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let at = stage.tick();
    answer(stage.store.record_use(vec![used(&key, at)]))?;
    let patch = KeyPatch { label: Some("new".to_owned()), ..KeyPatch::default() };
    equal(stage.change_key(&key, KeyChange::Update(patch))?.key.last_used_at, Some(at), "the last use in the answer")?;
    equal(stage.found_key(&key)?.last_used_at, Some(at), "the last use as it is stored")?;
    stage.change_key(&key, KeyChange::Revoke)?;
    equal(stage.found_key(&key)?.last_used_at, Some(at), "the last use of a revoked key")
}
