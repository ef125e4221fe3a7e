//! When keys were last accepted, to within a second.

use std::time::Duration;

use super::{
    case::{Case, Check, Failure, equal, some},
    stage::{Stage, answer},
};
use crate::model::{
    api_key::{ApiKey, ApiKeyQuery, KeyChange, KeyPatch, KeyUse},
    id::ApiKeyId,
    page::{Order, PageRequest},
    time::Timestamp,
};

pub(super) const CASES: &[Case] = &[
    Case::new("a use is shown by the record and raises no generation and no version", recorded),
    Case::new("a use never moves a date backwards", never_backwards),
    Case::new("uses of unknown keys are ignored, and the rest is written", unknown_ignored),
    Case::new("a use that a store notes by itself is shown at once", noted),
    Case::new("a change of a key keeps its last use", kept_by_changes),
];

const TEN_SECONDS: Duration = Duration::from_secs(10);

fn used(key: &ApiKey, at: Timestamp) -> KeyUse {
    KeyUse { id: key.id.clone(), at }
}

/// Expects that a key was last used at this time, or less than a second before or after it.
fn last_used(key: &ApiKey, at: Timestamp, what: &str) -> Check {
    match key.last_used_at {
        Some(seen) if seen.as_millis().abs_diff(at.as_millis()) < 1000 => Ok(()),
        seen => Err(Failure::new(format!("{what}: expected {at} to within a second, saw {seen:?}"))),
    }
}

fn recorded(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let (key, idle) = (stage.key(&institution)?, stage.key(&institution)?);
    let (before, at) = (answer(stage.store.generation())?, stage.tick());
    answer(stage.store.record_use(vec![used(&key, at)]))?;
    equal(answer(stage.store.generation())?, before, "the generation (rule 5)")?;
    let found = stage.found_key(&key)?;
    last_used(&found, at, "the record by its id")?;
    equal(ApiKey { last_used_at: None, ..found.clone() }, key.clone(), "the rest of the record")?;
    equal(answer(stage.store.find_by_hash(&key.key_hash))?, Some(found.clone()), "the record by its hash")?;
    let page = PageRequest { order: Order::OldestFirst, ..PageRequest::default() };
    let query = ApiKeyQuery { page, ..ApiKeyQuery::of(institution) };
    equal(answer(stage.store.list_keys(&query, stage.tick()))?.items, vec![found, idle], "the records in a list")
}

fn never_backwards(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let earlier = stage.tick();
    let at = earlier.plus(TEN_SECONDS);
    answer(stage.store.record_use(vec![used(&key, at)]))?;
    answer(stage.store.record_use(vec![used(&key, earlier)]))?;
    last_used(&stage.found_key(&key)?, at, "the last use after an earlier one came late")?;
    let later = at.plus(TEN_SECONDS);
    answer(stage.store.record_use(vec![used(&key, at), used(&key, later), used(&key, earlier)]))?;
    last_used(&stage.found_key(&key)?, later, "the last of three uses in one batch")
}

fn unknown_ignored(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let at = stage.tick();
    let unknown = KeyUse { id: ApiKeyId::generate()?, at };
    answer(stage.store.record_use(vec![unknown.clone(), used(&key, at), unknown]))?;
    last_used(&stage.found_key(&key)?, at, "the use of a known key among unknown ones")?;
    Ok(answer(stage.store.record_use(Vec::new()))?)
}

fn noted(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let credential = some(answer(stage.store.find_credential(&key.key_hash))?, "the credential")?;
    if stage.store.note_use(&credential) {
        return last_used(&stage.found_key(&key)?, Timestamp::now(), "the last use that the store noted");
    }
    equal(stage.found_key(&key)?.last_used_at, None, "the last use that the store left to the door")
}

fn kept_by_changes(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let at = stage.tick();
    answer(stage.store.record_use(vec![used(&key, at)]))?;
    let patch = KeyPatch { label: Some("new".to_owned()), ..KeyPatch::default() };
    last_used(&stage.change_key(&key, KeyChange::Update(patch))?.key, at, "the last use in the answer of a change")?;
    last_used(&stage.found_key(&key)?, at, "the last use as it is stored")?;
    stage.change_key(&key, KeyChange::Revoke)?;
    last_used(&stage.found_key(&key)?, at, "the last use of a revoked key")
}
