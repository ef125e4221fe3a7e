//! The audit trail: what was written, in its order, and found by institution, actor, action and time.

use std::time::Duration;

use serde_json::json;

use super::{
    case::{Case, Check, equal, some},
    stage::{Stage, answer, lists},
};
use crate::{
    error::Result,
    model::{
        audit::{Actor, AuditEntry, AuditEvent, AuditQuery, Origin, Outcome},
        id::InstitutionId,
        page::{Page, PageRequest},
        time::Timestamp,
    },
    reply::Reply,
};

pub(super) const CASES: &[Case] = &[
    Case::new("an entry is found in the trail as it was given", found_as_given),
    Case::new("entries that belong to no change raise no generation", no_generation),
    Case::new("the trail is in the order of writing, whatever the dates, in pages of any size", order_of_writing),
    Case::new("the trail is filtered by institution, actor, action and time", filtered),
    Case::new("a filtered trail pages as a whole one does", filtered_pages),
    Case::new("a change stands in the trail between what was written before and after it", changes_in_order),
];

fn list(stage: &Stage, query: &AuditQuery, page: PageRequest) -> Reply<Page<AuditEvent>> {
    stage.store.list_events(&AuditQuery { page, ..query.clone() })
}

fn id_of(event: &AuditEvent) -> String {
    event.entry.id.to_string()
}

fn append(stage: &Stage, entry: AuditEntry) -> Result<String> {
    let id = entry.id.to_string();
    answer(stage.store.append_events(vec![entry]))?;
    Ok(id)
}

fn found_as_given(stage: &Stage) -> Check {
    let key = stage.key(&stage.institution()?)?;
    let entry = AuditEntry {
        action: "authenticate".to_owned(),
        outcome: Outcome::Refused,
        institution_id: Some(key.institution_id.clone()),
        resource_type: Some("api_key".to_owned()),
        resource_id: Some(key.id.to_string()),
        origin: Origin {
            method: Some("POST".to_owned()),
            path: Some("/ü/'".to_owned()),
            request_id: Some("r-1".to_owned()),
            client_address: Some("2001:db8::1".parse().map_err(|_| super::Failure::new("an address is no address"))?),
        },
        status_code: Some(401),
        error: Some("revoked".to_owned()),
        payload: crate::model::api_key::metadata_from_json(&json!({"count": 3, "deep": {"a": [null, "✓"]}}).to_string())?,
        ..stage.entry_by(Actor::Key(key.id.clone()))?
    };
    let plain = stage.entry_by(Actor::Anonymous)?;
    answer(stage.store.append_events(vec![entry.clone(), plain.clone()]))?;
    let seen = some(stage.events_of(&entry)?.pop(), "the full entry in the trail")?;
    equal(&seen.entry, &entry, "the full entry")?;
    equal(seen.api_key_id, Some(key.id), "the actor's key")?;
    let seen = some(stage.events_of(&plain)?.pop(), "the plain entry in the trail")?;
    equal(seen.entry, plain, "the plain entry")?;
    equal(seen.api_key_id, None, "the key of an actor without one")
}

fn no_generation(stage: &Stage) -> Check {
    stage.institution()?;
    let before = answer(stage.store.generation())?;
    answer(stage.store.append_events(vec![stage.entry()?, stage.entry()?]))?;
    answer(stage.store.append_events(Vec::new()))?;
    equal(answer(stage.store.generation())?, before, "the generation (rule 5)")
}

fn order_of_writing(stage: &Stage) -> Check {
    let at = stage.tick();
    let mut ids = Vec::new();
    // Dates run forwards, backwards, and stand still.
    for seconds in [5, 3, 4, 4, 4, 1, 9] {
        let entry = AuditEntry { occurred_at: at.plus(Duration::from_secs(seconds)), ..stage.entry()? };
        ids.push(append(stage, entry)?);
    }
    lists(&ids, |page| list(stage, &AuditQuery::default(), page), id_of)?;
    let page = answer(list(stage, &AuditQuery::default(), PageRequest::default()))?;
    let sequences: Vec<_> = page.items.iter().map(|event| event.sequence).collect();
    equal(sequences.windows(2).all(|pair| pair.first() > pair.last()), true, "whether the sequence falls, newest first")
}

fn filtered(stage: &Stage) -> Check {
    let (acme, other) = (InstitutionId::from_stored("acme"), InstitutionId::from_stored("other"));
    let holder = Actor::Key(crate::model::id::ApiKeyId::from_stored("ak_holder"));
    let at = stage.tick();
    let mut ids = Vec::new();
    for (seconds, institution, actor, action) in [
        (0, Some(&acme), Actor::System, "create_key"),
        (1, Some(&acme), holder.clone(), "create_key"),
        (2, Some(&other), Actor::Root, "upsert_policy"),
        (3, None, Actor::Anonymous, "authenticate"),
        (4, Some(&acme), holder.clone(), "upsert_policy"),
    ] {
        let entry = AuditEntry {
            occurred_at: at.plus(Duration::from_secs(seconds)),
            institution_id: institution.cloned(),
            action: action.to_owned(),
            ..stage.entry_by(actor)?
        };
        ids.push(append(stage, entry)?);
    }
    let expect = |query: AuditQuery, expected: &[usize]| {
        let expected: Vec<_> = expected.iter().filter_map(|index| ids.get(*index).cloned()).collect();
        lists(&expected, |page| list(stage, &query, page), id_of)
    };
    let all = AuditQuery::default;
    let second = |n| Some::<Timestamp>(at.plus(Duration::from_secs(n)));
    expect(all(), &[0, 1, 2, 3, 4])?;
    expect(AuditQuery { institution_id: Some(acme.clone()), ..all() }, &[0, 1, 4])?;
    expect(AuditQuery { actor: Some(holder.clone()), ..all() }, &[1, 4])?;
    expect(AuditQuery { actor: Some(Actor::Anonymous), ..all() }, &[3])?;
    expect(AuditQuery { actor: Some(Actor::System), ..all() }, &[0])?;
    expect(AuditQuery { action: Some("create_key".to_owned()), ..all() }, &[0, 1])?;
    expect(AuditQuery { action: Some("create".to_owned()), ..all() }, &[])?;
    expect(AuditQuery { since: second(2), ..all() }, &[2, 3, 4])?;
    expect(AuditQuery { until: second(2), ..all() }, &[0, 1])?;
    expect(AuditQuery { since: second(1), until: second(4), ..all() }, &[1, 2, 3])?;
    let narrow = AuditQuery { institution_id: Some(acme), actor: Some(holder), since: second(2), ..all() };
    expect(narrow, &[4])
}

fn filtered_pages(stage: &Stage) -> Check {
    let mut mine = Vec::new();
    for n in 0..12 {
        let actor = if n % 4 == 0 { Actor::Root } else { Actor::System };
        let wanted = actor == Actor::Root;
        let id = append(stage, stage.entry_by(actor)?)?;
        mine.extend(Some(id).filter(|_| wanted));
    }
    let query = AuditQuery { actor: Some(Actor::Root), ..AuditQuery::default() };
    lists(&mine, |page| list(stage, &query, page), id_of)
}

fn changes_in_order(stage: &Stage) -> Check {
    let mut ids = vec![append(stage, stage.entry()?)?];
    let change = stage.entry()?;
    ids.push(change.id.to_string());
    answer(stage.store.insert_institution(stage.new_institution()?, change))?;
    ids.push(append(stage, stage.entry()?)?);
    lists(&ids, |page| list(stage, &AuditQuery::default(), page), id_of)
}
