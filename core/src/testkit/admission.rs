//! Admission: a key's credential and the decision of its institution's policy, on one view of both.

use std::thread;

use super::{
    case::{Case, Check, Failure, ensure, equal, some},
    stage::{Stage, answer, region},
};
use crate::{
    error::Result,
    model::{
        api_key::{KeyChange, KeyStatus},
        decision::{Decision, DefaultDecision, Position},
    },
    store::Credential,
    token::KeyHash,
};

pub(super) const CASES: &[Case] = &[
    Case::new("admission gives the key's credential and the decision of its institution's policy", credential_and_decision),
    Case::new("admission of an unknown hash gives nothing", unknown_hash),
    Case::new("admission without a policy gives the configured default", by_default),
    Case::new("admission gives the standing of a key that is not good", standing),
    Case::new("admission sees key and policy as they were at one moment", one_view),
];

const ALLOW: DefaultDecision = DefaultDecision::Allow;

fn admit(stage: &Stage, hash: &KeyHash, amount: &str, default: DefaultDecision) -> Result<Option<(Credential, Decision)>> {
    let position = Position::parse(amount, "USD")?;
    answer(stage.store.admit(hash, region()?, &position, default))
}

fn credential_and_decision(stage: &Stage) -> Check {
    let (institution, other) = (stage.institution()?, stage.institution()?);
    let (key, stranger) = (stage.key(&institution)?, stage.key(&other)?);
    let policy = stage.upsert(&institution, r#"{"position":{"maxAmount":10}}"#)?;
    let strict = stage.upsert(&other, r#"{"position":{"maxAmount":1}}"#)?;
    for amount in ["10", "10.00000001"] {
        let position = Position::parse(amount, "USD")?;
        for (key, policy) in [(&key, &policy), (&stranger, &strict)] {
            let expected = (Credential::of(key), Decision::by_policy(policy, &position));
            equal(admit(stage, &key.key_hash, amount, ALLOW)?, Some(expected), "credential and decision")?;
        }
    }
    Ok(())
}

fn unknown_hash(stage: &Stage) -> Check {
    stage.key(&stage.institution()?)?;
    equal(admit(stage, &KeyHash::of("nobody"), "1", ALLOW)?, None, "admission by an unknown hash")
}

fn by_default(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    for default in [DefaultDecision::Allow, DefaultDecision::Deny] {
        let (_, decision) = some(admit(stage, &key.key_hash, "1", default)?, "the admission")?;
        equal(decision, Decision::by_default(default), "the decision without a policy")?;
    }
    Ok(())
}

fn standing(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    for (change, standing) in [(KeyChange::Disable, KeyStatus::Disabled), (KeyChange::Revoke, KeyStatus::Revoked)] {
        let key = stage.key(&institution)?;
        stage.change_key(&key, change)?;
        let (credential, _) = some(admit(stage, &key.key_hash, "1", ALLOW)?, "the admission (rule 7)")?;
        equal(credential.standing, standing, "the standing")?;
    }
    Ok(())
}

fn one_view(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let key = stage.key(&institution)?;
    stage.upsert(&institution, r#"{"position":{"maxAmount":1}}"#)?;
    // The key is disabled before the limit is lifted, and the limit is back before the key is enabled: whoever sees both
    // at one moment never sees an active key with a lifted limit.
    thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<(), Failure> {
            for _ in 0..20 {
                stage.change_key(&key, KeyChange::Disable)?;
                stage.upsert(&institution, r#"{"position":{}}"#)?;
                stage.upsert(&institution, r#"{"position":{"maxAmount":1}}"#)?;
                stage.change_key(&key, KeyChange::Enable)?;
            }
            Ok(())
        });
        while !writer.is_finished() {
            let (credential, decision) = some(admit(stage, &key.key_hash, "10", ALLOW)?, "the admission")?;
            ensure(
                !(credential.standing == KeyStatus::Active && decision.allowed),
                "no admission sees the key as it was and the policy as it is",
            )?;
        }
        writer.join().map_err(|_| Failure::new("the writer panicked"))?
    })
}
