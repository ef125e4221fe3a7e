//! Policies: created, replaced, merged, deleted; versions; lists.

use super::{
    case::{Case, Check, equal},
    stage::{Stage, answer, lists, region},
};
use crate::{
    error::{Reason, Result},
    model::{
        code::Region,
        id::{InstitutionId, PolicyId},
        page::PageRequest,
        policy::{Policy, PolicyAction, PolicyChange, PolicyConfig, PolicyPatch, PolicyQuery},
        time::Timestamp,
    },
};

pub(super) const CASES: &[Case] = &[
    Case::new("a policy is created with version 1 and found as it was given", created),
    Case::new("replacing a policy keeps its id and creation and raises its version", replaced),
    Case::new("a merge changes the members that it names", merged),
    Case::new("a merge that breaks a rule is refused and leaves nothing", bad_merge),
    Case::new("a deleted policy is given back as it was, and is gone", deleted),
    Case::new("a policy created anew goes on with the version numbers", recreated),
    Case::new("a change of a policy that expects another version is refused and leaves nothing", version_mismatch),
    Case::new("expecting version 0 creates a policy only where there is none", only_if_none),
    Case::new("what is not there is neither merged nor deleted", not_there),
    Case::new("a policy of one institution and region is not another's", boundary),
    Case::new("an institution's policies are listed by creation from either end, in pages of any size", listed),
];

const CONFIG: &str = r#"{"region":"US","position":{"minAmount":"0.00000001","maxAmount":"9999999999999999999999999999",
    "allowedCurrencies":["USD","KWD"],"tier":{"a":[1,2.5]}},"note":"ü ✓ '","empty":{},"nothing":null}"#;

fn upsert(config: &str) -> Result<PolicyAction> {
    Ok(PolicyAction::Upsert(PolicyConfig::from_json(config)?))
}

fn merge(patch: &str) -> Result<PolicyAction> {
    Ok(PolicyAction::Merge(PolicyPatch::from_json(patch)?))
}

fn found(stage: &Stage, institution: &InstitutionId) -> Result<Option<Policy>> {
    answer(stage.store.find_policy(institution, region()?))
}

fn created(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let change = stage.policy_change(&institution, upsert(CONFIG)?)?;
    let mut at = Timestamp::default();
    let policy = stage.raises(1, |entry| {
        at = entry.occurred_at;
        stage.store.change_policy(change.clone(), entry)
    })?;
    let expected = Policy {
        id: change.new_id,
        institution_id: institution.clone(),
        region: region()?,
        config: PolicyConfig::from_json(CONFIG)?,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    equal(&policy, &expected, "the answer of the creation (rule 4)")?;
    equal(found(stage, &institution)?, Some(expected), "the policy as it is stored")
}

fn replaced(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let before = stage.upsert(&institution, CONFIG)?;
    let change = stage.policy_change(&institution, upsert(r#"{"position":{}}"#)?)?;
    let mut at = Timestamp::default();
    let after = stage.raises(1, |entry| {
        at = entry.occurred_at;
        stage.store.change_policy(change, entry)
    })?;
    let config = PolicyConfig::from_json(r#"{"position":{}}"#)?;
    let expected = Policy { config, version: 2, updated_at: at, ..before };
    equal(&after, &expected, "the answer of the replacement")?;
    equal(found(stage, &institution)?, Some(expected), "the policy as it is stored")
}

fn merged(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let before = stage.upsert(&institution, CONFIG)?;
    let patch = r#"{"position":{"minAmount":null,"maxAmount":"123456789012345678.91"},"note":null,"new":{"a":{"b":null}}}"#;
    let change = stage.policy_change(&institution, merge(patch)?)?;
    let after = stage.raises(1, |entry| stage.store.change_policy(change, entry))?;
    let config = PolicyConfig::from_json(
        r#"{"region":"US","position":{"maxAmount":"123456789012345678.91","allowedCurrencies":["USD","KWD"],
            "tier":{"a":[1,2.5]}},"empty":{},"nothing":null,"new":{"a":{}}}"#,
    )?;
    equal(&after, &Policy { config, version: 2, updated_at: after.updated_at, ..before }, "the answer of the merge")?;
    equal(found(stage, &institution)?, Some(after), "the policy as it is stored")
}

fn bad_merge(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let before = stage.upsert(&institution, r#"{"position":{"minAmount":1,"maxAmount":5}}"#)?;
    for (patch, reason) in [
        (r#"{"position":{"minAmount":6}}"#, Reason::MinAboveMax),
        (r#"{"position":null}"#, Reason::Required),
        (r#"{"region":"SG"}"#, Reason::RegionMismatch),
    ] {
        let change = stage.policy_change(&institution, merge(patch)?)?;
        stage.refuses(reason, |entry| stage.store.change_policy(change, entry))?;
    }
    equal(found(stage, &institution)?, Some(before), "the policy afterwards")
}

fn deleted(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let before = stage.upsert(&institution, CONFIG)?;
    let change = stage.policy_change(&institution, PolicyAction::Delete)?;
    let given = stage.raises(1, |entry| stage.store.change_policy(change, entry))?;
    equal(given, before, "the answer of the deletion")?;
    equal(found(stage, &institution)?, None, "the policy afterwards")
}

fn recreated(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let first = stage.upsert(&institution, CONFIG)?;
    let change = stage.policy_change(&institution, PolicyAction::Delete)?;
    answer(stage.store.change_policy(change, stage.entry()?))?;
    // The deletion was version 2: no number ever means two configs.
    let second = stage.upsert(&institution, CONFIG)?;
    equal(second.version, 3, "the version after creation, deletion, creation")?;
    equal(second.id != first.id, true, "whether the new policy has an id of its own")?;
    equal(second.created_at > first.created_at, true, "whether the new policy was created later")
}

fn version_mismatch(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    stage.upsert(&institution, CONFIG)?;
    let before = stage.upsert(&institution, CONFIG)?;
    for expected in [0, 1, 3, u64::MAX] {
        for action in [upsert(r#"{"position":{}}"#)?, merge("{}")?, PolicyAction::Delete] {
            let change = PolicyChange { expected_version: Some(expected), ..stage.policy_change(&institution, action)? };
            stage.refuses(Reason::VersionMismatch, |entry| stage.store.change_policy(change, entry))?;
        }
    }
    equal(found(stage, &institution)?, Some(before), "the policy afterwards")?;
    for (version, action) in [(2, merge(r#"{"x":1}"#)?), (3, upsert(CONFIG)?), (4, PolicyAction::Delete)] {
        let change = PolicyChange { expected_version: Some(version), ..stage.policy_change(&institution, action)? };
        stage.raises(1, |entry| stage.store.change_policy(change, entry))?;
    }
    Ok(())
}

fn only_if_none(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let change = PolicyChange { expected_version: Some(0), ..stage.policy_change(&institution, upsert(CONFIG)?)? };
    let first = answer(stage.store.change_policy(change.clone(), stage.entry()?))?;
    stage.refuses(Reason::VersionMismatch, |entry| stage.store.change_policy(change.clone(), entry))?;
    equal(found(stage, &institution)?, Some(first), "the first policy")?;
    let deletion = stage.policy_change(&institution, PolicyAction::Delete)?;
    answer(stage.store.change_policy(deletion, stage.entry()?))?;
    let anew = PolicyChange { new_id: PolicyId::generate()?, ..change };
    equal(answer(stage.store.change_policy(anew, stage.entry()?))?.version, 3, "the version, created anew after a deletion")
}

fn not_there(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    for action in [merge("{}")?, PolicyAction::Delete] {
        let change = stage.policy_change(&institution, action)?;
        stage.refuses(Reason::PolicyNotFound, |entry| stage.store.change_policy(change, entry))?;
    }
    let nobody = InstitutionId::generate()?;
    for action in [upsert(CONFIG)?, merge("{}")?, PolicyAction::Delete] {
        let change = stage.policy_change(&nobody, action)?;
        stage.refuses(Reason::InstitutionNotFound, |entry| stage.store.change_policy(change, entry))?;
    }
    equal(found(stage, &institution)?, None, "the policy of an institution without one")
}

fn boundary(stage: &Stage) -> Check {
    let (owner, other) = (stage.institution()?, stage.institution()?);
    let policy = stage.upsert(&owner, CONFIG)?;
    equal(found(stage, &other)?, None, "another institution's policy")?;
    let singapore: Region = "SG".parse()?;
    equal(answer(stage.store.find_policy(&owner, singapore))?, None, "the policy in another region")?;
    let change = PolicyChange { region: singapore, ..stage.policy_change(&owner, upsert(r#"{"position":{}}"#)?)? };
    equal(answer(stage.store.change_policy(change, stage.entry()?))?.version, 1, "the version in another region")?;
    equal(found(stage, &owner)?, Some(policy), "the policy in the first region")
}

fn listed(stage: &Stage) -> Check {
    let (institution, other) = (stage.institution()?, stage.institution()?);
    stage.upsert(&other, CONFIG)?;
    let list = |page: PageRequest| stage.store.list_policies(&PolicyQuery { institution_id: institution.clone(), page });
    let id_of = |policy: &Policy| policy.id.to_string();
    lists(&[], list, id_of)?;
    let mut ids = Vec::new();
    for code in ["SG", "US", "UAE", "EU_UK", "BR"] {
        let change = PolicyChange { region: code.parse()?, ..stage.policy_change(&institution, upsert(r#"{"position":{}}"#)?)? };
        ids.push(id_of(&answer(stage.store.change_policy(change, stage.entry()?))?));
    }
    // A change leaves the place in the list.
    stage.upsert(&institution, CONFIG)?;
    lists(&ids, list, id_of)
}
