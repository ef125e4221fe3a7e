//! Many threads at once: no lost update, no double, no change out of order.

use std::thread;

use super::{
    case::{Case, Check, Failure, ensure, equal},
    stage::{Stage, answer, region},
};
use crate::{
    error::{Reason, Result},
    model::{
        api_key::{ApiKeyQuery, KeyChange, KeyPatch},
        audit::{Actor, AuditQuery},
        page::{Order, PageRequest},
        policy::{PolicyAction, PolicyChange, PolicyConfig, PolicyHistoryQuery, PolicyPatch},
    },
};

pub(super) const CASES: &[Case] = &[
    Case::new("writers that pass the expected version lose no update", no_lost_update),
    Case::new("writers that pass none corrupt nothing", nothing_corrupted),
    Case::new("of many keys with one hash exactly one is stored", one_hash_once),
    Case::new("of many institutions with one id exactly one is stored", one_id_once),
    Case::new("a key is rotated once, however many try", rotated_once),
    Case::new("no change by a key follows its revocation", nothing_after_revocation),
    Case::new("every change of many threads counts in the generation", generation_counts),
];

/// How many at once. Counts below are for eight.
const THREADS: u64 = 8;

/// Runs this on many threads at once and gives what each answered.
fn together<T: Send>(body: impl Fn(u64) -> Result<T, Failure> + Sync) -> Result<Vec<T>, Failure> {
    thread::scope(|scope| {
        let body = &body;
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || body(number))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| Failure::new("a thread panicked"))?).collect()
    })
}

fn no_lost_update(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    stage.upsert(&institution, r#"{"position":{},"count":0}"#)?;
    together(|_| {
        let mut done = 0;
        while done < 10 {
            let Some(policy) = answer(stage.store.find_policy(&institution, region()?))? else {
                return Err(Failure::new("the policy is gone"));
            };
            let count = policy.config.other.get("count").and_then(serde_json::Value::as_u64).unwrap_or_default();
            let config = format!(r#"{{"position":{{}},"count":{}}}"#, count.saturating_add(1));
            let change = stage.policy_change(&institution, PolicyAction::Upsert(PolicyConfig::from_json(&config)?))?;
            let change = PolicyChange { expected_version: Some(policy.version), ..change };
            match answer(stage.store.change_policy(change, stage.entry()?)) {
                Ok(_) => done = u64::saturating_add(done, 1),
                Err(error) if error.reason() == Reason::VersionMismatch => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    })?;
    let policy = answer(stage.store.find_policy(&institution, region()?))?;
    let seen = policy.map(|policy| (policy.version, policy.config.other.get("count").cloned()));
    equal(seen, Some((81, Some(80.into()))), "version and count after all updates")
}

fn nothing_corrupted(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    stage.upsert(&institution, r#"{"position":{}}"#)?;
    together(|thread| {
        for _ in 0..10 {
            let action = PolicyAction::Merge(PolicyPatch::from_json(&format!(r#"{{"by{thread}":true}}"#))?);
            let change = stage.policy_change(&institution, action)?;
            answer(stage.store.change_policy(change, stage.entry()?))?;
        }
        Ok(())
    })?;
    let policy = answer(stage.store.find_policy(&institution, region()?))?;
    let seen = policy.map(|policy| (policy.version, policy.config.other.len()));
    equal(seen, Some((81, 8)), "version and members after all merges")?;
    let page = PageRequest { limit: 1000, cursor: None, order: Order::OldestFirst };
    let query = PolicyHistoryQuery { institution_id: institution, region: region()?, page };
    let versions: Vec<_> = answer(stage.store.policy_history(&query))?.items.iter().map(|item| item.version).collect();
    equal(versions, (1..=81).collect(), "the versions in the history")
}

fn one_hash_once(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let hash = stage.new_key(&institution)?.key_hash;
    let won = together(|_| {
        let mut key = stage.new_key(&institution)?;
        key.key_hash = hash;
        match answer(stage.store.insert_keys(vec![key.clone()], stage.entry()?)) {
            Ok(_) => Ok(Some(key)),
            Err(error) if error.reason() == Reason::KeyExists => Ok(None),
            Err(error) => Err(error.into()),
        }
    })?;
    let winners: Vec<_> = won.into_iter().flatten().collect();
    equal(winners.len(), 1, "how many keys with one hash were stored")?;
    equal(answer(stage.store.find_by_hash(&hash))?, winners.first().cloned(), "the key with the hash")?;
    let listed = answer(stage.store.list_keys(&ApiKeyQuery::of(institution), stage.tick()))?;
    equal(listed.items, winners, "the institution's keys")
}

fn one_id_once(stage: &Stage) -> Check {
    let id = stage.new_institution()?.id;
    let won = together(|_| {
        let institution = crate::model::institution::Institution { id: id.clone(), ..stage.new_institution()? };
        match answer(stage.store.insert_institution(institution.clone(), stage.entry()?)) {
            Ok(_) => Ok(Some(institution)),
            Err(error) if error.reason() == Reason::InstitutionExists => Ok(None),
            Err(error) => Err(error.into()),
        }
    })?;
    let winners: Vec<_> = won.into_iter().flatten().collect();
    equal(winners.len(), 1, "how many institutions with one id were stored")?;
    equal(answer(stage.store.find_institution(&id))?, winners.first().cloned(), "the institution with the id")
}

fn rotated_once(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let won = together(|_| {
        let successor = stage.new_key(&key.institution_id)?;
        let change = KeyChange::Rotate {
            id: successor.id,
            key_hash: successor.key_hash,
            hint: successor.hint,
            grace: std::time::Duration::from_secs(3600),
        };
        match stage.change_key(&key, change) {
            Ok(changed) => Ok(changed.successor),
            Err(error) if error.reason() == Reason::KeyRotated => Ok(None),
            Err(error) => Err(error.into()),
        }
    })?;
    let successors: Vec<_> = won.into_iter().flatten().collect();
    equal(successors.len(), 1, "how many rotations succeeded")?;
    let to = stage.found_key(&key)?.rotated_to;
    equal(to, successors.first().map(|successor| successor.id.clone()), "the key's successor")?;
    let listed = answer(stage.store.list_keys(&ApiKeyQuery::of(key.institution_id), stage.tick()))?;
    equal(listed.items.len(), 2, "how many keys there are")
}

fn nothing_after_revocation(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let (actor, victim) = (stage.key(&institution)?, stage.key(&institution)?);
    let revocation = stage.entry()?;
    let made = together(|thread| {
        if thread == 0 {
            thread::sleep(std::time::Duration::from_millis(3));
            answer(stage.store.change_key(&institution, &actor.id, KeyChange::Revoke, revocation.clone()))?;
            return Ok(0);
        }
        let mut made = 0_u64;
        for n in 0..2000 {
            let patch = KeyPatch { label: Some(format!("{thread} {n}")), ..KeyPatch::default() };
            let entry = stage.entry_by(Actor::Key(actor.id.clone()))?;
            match answer(stage.store.change_key(&institution, &victim.id, KeyChange::Update(patch), entry)) {
                Ok(_) => made = made.saturating_add(1),
                Err(error) if error.reason() == Reason::ActorNotActive => return Ok(made),
                Err(error) => return Err(error.into()),
            }
            if made >= 30 {
                thread::yield_now();
            }
        }
        Ok(made)
    })?;
    let by_actor = AuditQuery { actor: Some(Actor::Key(actor.id.clone())), ..AuditQuery::default() };
    let last = answer(stage.store.list_events(&AuditQuery { page: PageRequest::first(1), ..by_actor }))?;
    let revoked = stage.events_of(&revocation)?;
    if let (Some(last), Some(revoked)) = (last.items.first(), revoked.first()) {
        ensure(last.sequence < revoked.sequence, "the last change by the key comes before its revocation")?;
    }
    equal(revoked.len(), 1, "the revocation in the trail")?;
    let made: u64 = made.iter().sum();
    equal(stage.found_key(&victim)?.version, made.saturating_add(1), "the version after the acknowledged changes")
}

fn generation_counts(stage: &Stage) -> Check {
    let before = answer(stage.store.generation())?.number;
    together(|_| {
        let institution = stage.institution()?;
        let key = stage.key(&institution)?;
        stage.upsert(&institution, r#"{"position":{}}"#)?;
        stage.change_key(&key, KeyChange::Revoke)?;
        stage.change_key(&key, KeyChange::Revoke)?;
        Ok(())
    })?;
    equal(answer(stage.store.generation())?.number, before.saturating_add(32), "the generation (rule 5)")
}
