//! Closing: what was begun is finished, and then there is nothing to be had.

use std::{fmt::Debug, time::Duration};

use super::{
    case::{Case, Check, refused},
    stage::{Stage, answer, region},
};
use crate::{
    error::Reason,
    model::{
        api_key::{ApiKeyQuery, KeyChange, KeyUse},
        audit::AuditQuery,
        decision::{DefaultDecision, Position},
        institution::{InstitutionPatch, InstitutionQuery},
        page::PageRequest,
        policy::{PolicyAction, PolicyHistoryQuery, PolicyQuery},
    },
    reply::Reply,
};

pub(super) const CASES: &[Case] = &[
    Case::new("after closing, every change answers that the store is closed", no_change_after_closing),
    Case::new("after closing, every question answers that the store is closed", no_question_after_closing),
    Case::new("what was on its way when the store was closed is answered", begun_is_answered),
];

const DEADLINE: Duration = Duration::from_secs(30);

fn closed<T: Debug>(reply: Reply<T>) -> Check {
    refused(answer(reply), Reason::HandleClosed).map(|_| ())
}

fn no_change_after_closing(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let key = stage.key(&institution)?;
    let change = stage.policy_change(&institution, PolicyAction::Delete)?;
    let store = &*stage.store;
    answer(store.close(DEADLINE))?;
    closed(store.insert_institution(stage.new_institution()?, stage.entry()?))?;
    closed(store.update_institution(&institution, InstitutionPatch::default(), stage.entry()?))?;
    closed(store.insert_keys(vec![stage.new_key(&institution)?], stage.entry()?))?;
    closed(store.change_key(&institution, &key.id, KeyChange::Revoke, stage.entry()?))?;
    closed(store.revoke_all_keys(&institution, stage.entry()?))?;
    closed(store.record_use(vec![KeyUse { id: key.id, at: stage.tick() }]))?;
    closed(store.change_policy(change, stage.entry()?))?;
    closed(store.append_events(vec![stage.entry()?]))
}

fn no_question_after_closing(stage: &Stage) -> Check {
    let institution_id = stage.institution()?;
    let key = stage.key(&institution_id)?;
    let store = &*stage.store;
    answer(store.close(DEADLINE))?;
    let (page, region, position) = (PageRequest::default(), region()?, Position::parse("1", "USD")?);
    closed(store.find_institution(&institution_id))?;
    closed(store.list_institutions(&InstitutionQuery::default()))?;
    closed(store.known_hashes(&[key.key_hash]))?;
    closed(store.find_credential(&key.key_hash))?;
    closed(store.find_by_hash(&key.key_hash))?;
    closed(store.find_key(&institution_id, &key.id))?;
    closed(store.list_keys(&ApiKeyQuery::of(institution_id.clone()), stage.tick()))?;
    closed(store.find_policy(&institution_id, region))?;
    closed(store.list_policies(&PolicyQuery { institution_id: institution_id.clone(), page: page.clone() }))?;
    closed(store.policy_history(&PolicyHistoryQuery { institution_id: institution_id.clone(), region, page }))?;
    closed(store.decide(&institution_id, region, &[position], DefaultDecision::Allow))?;
    closed(store.list_events(&AuditQuery::default()))?;
    closed(store.admit(&key.key_hash, region, &position, DefaultDecision::Allow))?;
    closed(store.generation())?;
    closed(store.status())
}

fn begun_is_answered(stage: &Stage) -> Check {
    let mut begun = Vec::new();
    for _ in 0..50 {
        begun.push(stage.store.insert_institution(stage.new_institution()?, stage.entry()?));
    }
    let closing = stage.store.close(DEADLINE);
    for reply in begun {
        answer(reply)?;
    }
    Ok(answer(closing)?)
}
