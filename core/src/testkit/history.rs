//! The history of a policy: every version, who made it and when.

use super::{
    case::{Case, Check, ensure, equal},
    stage::{Stage, answer, lists, region},
};
use crate::{
    error::Reason,
    model::{
        audit::Actor,
        id::InstitutionId,
        page::{Page, PageRequest},
        policy::{HistoryAction, PolicyAction, PolicyChange, PolicyConfig, PolicyHistoryQuery, PolicyPatch, PolicyVersion},
    },
    reply::Reply,
};

pub(super) const CASES: &[Case] = &[
    Case::new("the history has every version with its config, its author and its date", every_version),
    Case::new("a history is listed from either end, in pages of any size", listed),
    Case::new("a refused change leaves no version", refused_change),
    Case::new("the history of one policy has no version of another", boundary),
];

fn list(stage: &Stage, institution: &InstitutionId, page: PageRequest) -> Reply<Page<PolicyVersion>> {
    match region() {
        Ok(region) => stage.store.policy_history(&PolicyHistoryQuery { institution_id: institution.clone(), region, page }),
        Err(error) => Reply::from(error),
    }
}

fn every_version(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let author = stage.key(&institution)?;
    let config = PolicyConfig::from_json(r#"{"position":{"minAmount":1},"x":[1]}"#)?;
    let mut expected = Vec::new();
    for (action, by, what) in [
        (PolicyAction::Upsert(config.clone()), Actor::System, HistoryAction::Upserted),
        (PolicyAction::Merge(PolicyPatch::from_json(r#"{"x":null}"#)?), Actor::Root, HistoryAction::Merged),
        (PolicyAction::Delete, Actor::Key(author.id), HistoryAction::Deleted),
        (PolicyAction::Upsert(config), Actor::System, HistoryAction::Upserted),
    ] {
        let (change, entry) = (stage.policy_change(&institution, action)?, stage.entry_by(by.clone())?);
        let policy = answer(stage.store.change_policy(change, entry.clone()))?;
        let deleted = what == HistoryAction::Deleted;
        expected.push(PolicyVersion {
            policy_id: policy.id,
            institution_id: institution.clone(),
            region: region()?,
            version: policy.version.saturating_add(u64::from(deleted)),
            action: what,
            config: Some(policy.config).filter(|_| !deleted),
            changed_by: by,
            changed_at: entry.occurred_at,
        });
    }
    expected.reverse();
    let page = answer(list(stage, &institution, PageRequest::default()))?;
    equal(page.items.iter().map(|item| item.version).collect::<Vec<_>>(), vec![4, 3, 2, 1], "the versions, newest first")?;
    page.items.iter().zip(&expected).try_for_each(|(seen, expected)| equal(seen, expected, "a version"))
}

fn listed(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    // More than nine: versions are ordered as numbers, not as texts.
    let mut versions = Vec::new();
    for n in 0..12 {
        let config = format!(r#"{{"position":{{"minAmount":{n}}}}}"#);
        versions.push(stage.upsert(&institution, &config)?.version.to_string());
    }
    lists(&versions, |page| list(stage, &institution, page), |item| item.version.to_string())
}

fn refused_change(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    stage.upsert(&institution, r#"{"position":{"maxAmount":1}}"#)?;
    let merge = PolicyAction::Merge(PolicyPatch::from_json(r#"{"position":{"minAmount":2}}"#)?);
    let change = stage.policy_change(&institution, merge)?;
    stage.refuses(Reason::MinAboveMax, |entry| stage.store.change_policy(change, entry))?;
    let change = PolicyChange { expected_version: Some(7), ..stage.policy_change(&institution, PolicyAction::Delete)? };
    stage.refuses(Reason::VersionMismatch, |entry| stage.store.change_policy(change, entry))?;
    equal(answer(list(stage, &institution, PageRequest::default()))?.items.len(), 1, "versions after two refusals")
}

fn boundary(stage: &Stage) -> Check {
    let (institution, other) = (stage.institution()?, stage.institution()?);
    stage.upsert(&other, r#"{"position":{}}"#)?;
    let elsewhere = PolicyAction::Upsert(PolicyConfig::from_json(r#"{"position":{}}"#)?);
    let change = PolicyChange { region: "SG".parse()?, ..stage.policy_change(&institution, elsewhere)? };
    answer(stage.store.change_policy(change, stage.entry()?))?;
    ensure(
        answer(list(stage, &institution, PageRequest::default()))?.items.is_empty(),
        "an institution without a policy in the region has no history there",
    )
}
