//! Decisions on positions.

use std::{sync::Arc, thread};

use super::{
    case::{Case, Check, Failure, equal, refused, some},
    stage::{Stage, answer, region},
};
use crate::{
    error::{Reason, Result},
    model::{
        decision::{Decision, DefaultDecision, PolicySource, Position},
        id::InstitutionId,
        policy::{PolicyAction, PolicyConfig},
    },
};

pub(super) const CASES: &[Case] = &[
    Case::new("a decision is that of the stored policy, with its id and version", by_policy),
    Case::new("positions are decided in their order, none if none is asked", in_order),
    Case::new("without a policy the configured default decides", by_default),
    Case::new("an unknown institution has no decision", unknown_institution),
    Case::new("a decision follows the policy at once", follows_changes),
    Case::new("all positions of one call are decided on one view of the policy", one_view),
];

const ALLOW: DefaultDecision = DefaultDecision::Allow;

fn positions() -> Result<Vec<Position>> {
    [("50", "USD"), ("99.99999999", "EUR"), ("100", "USD"), ("5000", "USD"), ("5000.00000001", "CHF")]
        .into_iter()
        .map(|(amount, currency)| Position::parse(amount, currency))
        .collect()
}

fn decide(stage: &Stage, institution: &InstitutionId, positions: &[Position]) -> Result<Vec<Decision>> {
    answer(stage.store.decide(institution, region()?, positions, ALLOW))
}

fn by_policy(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let json = r#"{"position":{"minAmount":100,"maxAmount":5000,"allowedCurrencies":["USD","EUR"]}}"#;
    stage.upsert(&institution, json)?;
    let policy = stage.upsert(&institution, json)?;
    for position in positions()? {
        let expected = Decision::by_policy(&policy, &position);
        equal(decide(stage, &institution, &[position])?, vec![expected], "the decision (rule 6)")?;
    }
    Ok(())
}

fn in_order(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let policy = stage.upsert(&institution, r#"{"position":{"minAmount":100,"allowedCurrencies":["USD"]}}"#)?;
    let expected: Vec<_> = positions()?.iter().map(|position| Decision::by_policy(&policy, position)).collect();
    equal(decide(stage, &institution, &positions()?)?, expected, "the decisions, in the order of the positions")?;
    equal(decide(stage, &institution, &[])?, Vec::new(), "the decisions on no positions")
}

fn by_default(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    for default in [DefaultDecision::Allow, DefaultDecision::Deny] {
        let decisions = answer(stage.store.decide(&institution, region()?, &positions()?, default))?;
        equal(decisions, vec![Decision::by_default(default); 5], "the decisions without a policy")?;
    }
    stage.upsert(&institution, r#"{"position":{}}"#)?;
    let change = stage.policy_change(&institution, PolicyAction::Delete)?;
    answer(stage.store.change_policy(change, stage.entry()?))?;
    let decisions = answer(stage.store.decide(&institution, region()?, &positions()?, DefaultDecision::Deny))?;
    equal(decisions, vec![Decision::by_default(DefaultDecision::Deny); 5], "the decisions after the policy was deleted")
}

fn unknown_institution(stage: &Stage) -> Check {
    let nobody = InstitutionId::generate()?;
    for asked in [positions()?, Vec::new()] {
        refused(decide(stage, &nobody, &asked), Reason::InstitutionNotFound)?;
    }
    Ok(())
}

fn follows_changes(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let position = Position::parse("10", "USD")?;
    for (limit, allowed) in [(5, false), (10, true), (9, false)] {
        stage.upsert(&institution, &format!(r#"{{"position":{{"maxAmount":{limit}}}}}"#))?;
        let decision = decide(stage, &institution, &[position])?.pop();
        equal(decision.map(|decision| decision.allowed), Some(allowed), "whether 10 is allowed under the new limit")?;
    }
    Ok(())
}

fn one_view(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    stage.upsert(&institution, r#"{"position":{"maxAmount":0}}"#)?;
    let asked = vec![Position::parse("10", "USD")?; 100];
    let store = Arc::clone(&stage.store);
    thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<(), Failure> {
            for n in 1..=60_u64 {
                let limit = if n % 2 == 0 { 0 } else { 20 };
                let config = PolicyConfig::from_json(&format!(r#"{{"position":{{"maxAmount":{limit}}}}}"#))?;
                let change = stage.policy_change(&institution, PolicyAction::Upsert(config))?;
                answer(store.change_policy(change, stage.entry()?))?;
            }
            Ok(())
        });
        let mut last = 0;
        while last < 61 && !writer.is_finished() {
            let decisions = decide(stage, &institution, &asked)?;
            let first = some(decisions.first(), "the first decision")?;
            equal(first.policy, PolicySource::Found, "where the rules came from")?;
            let version = some(first.policy_version, "the version decided on")?;
            // Versions with an even number allow.
            equal(first.allowed, version % 2 == 0, "the decision of this version")?;
            equal(decisions.iter().all(|decision| decision == first), true, "whether all decisions of one call are equal")?;
            equal(version >= last, true, "whether versions never run backwards")?;
            last = version;
        }
        writer.join().map_err(|_| Failure::new("the writer panicked"))?
    })
}
