//! Institutions: stored, found, listed, changed.

use super::{
    case::{Case, Check, ensure, equal},
    stage::{Stage, answer, lists, walk},
};
use crate::{
    error::Reason,
    model::{
        institution::{Institution, InstitutionPatch, InstitutionQuery},
        page::{Order, Page, PageRequest},
    },
    reply::Reply,
};

pub(super) const CASES: &[Case] = &[
    Case::new("a stored institution is found as it was given", found_as_given),
    Case::new("an institution's id is taken once, and a second one leaves nothing", id_taken_once),
    Case::new("ids that differ in case are two institutions", ids_differ_by_case),
    Case::new("a change of an institution changes what it names and the date", update),
    Case::new("a change of an unknown institution is refused and leaves nothing", update_unknown),
    Case::new("institutions are listed by creation from either end, in pages of any size", listed),
    Case::new("an institution created between two pages disturbs neither", listed_while_growing),
    Case::new("institutions of the same millisecond are all listed", listed_ties),
];

fn list(stage: &Stage, page: PageRequest) -> Reply<Page<Institution>> {
    stage.store.list_institutions(&InstitutionQuery { page })
}

fn id_of(institution: &Institution) -> String {
    institution.id.to_string()
}

fn found_as_given(stage: &Stage) -> Check {
    let mut given = stage.new_institution()?;
    "Zürich ✓ \"Bank\" '; --".clone_into(&mut given.name);
    given.regions = ["SG", "EU_UK", "US"].into_iter().map(str::parse).collect::<Result<_, _>>()?;
    given.updated_at = stage.tick();
    let stored = stage.raises(1, |entry| stage.store.insert_institution(given.clone(), entry))?;
    equal(&stored, &given, "the answer of the insertion")?;
    equal(answer(stage.store.find_institution(&given.id))?, Some(given), "what is found by the id")?;
    equal(answer(stage.store.find_institution(&stage.new_institution()?.id))?, None, "what is found by an unknown id")
}

fn id_taken_once(stage: &Stage) -> Check {
    let first = stage.new_institution()?;
    answer(stage.store.insert_institution(first.clone(), stage.entry()?))?;
    let second = Institution { name: "another".to_owned(), ..first.clone() };
    stage.refuses(Reason::InstitutionExists, |entry| stage.store.insert_institution(second, entry))?;
    equal(answer(stage.store.find_institution(&first.id))?, Some(first), "the first institution")
}

fn ids_differ_by_case(stage: &Stage) -> Check {
    for id in ["Acme.A:1-_", "acme.a:1-_", &"x".repeat(128)] {
        let institution = Institution { id: id.parse()?, name: id.to_owned(), ..stage.new_institution()? };
        answer(stage.store.insert_institution(institution.clone(), stage.entry()?))?;
        equal(answer(stage.store.find_institution(&institution.id))?, Some(institution), "the institution of this id")?;
    }
    Ok(())
}

fn update(stage: &Stage) -> Check {
    let before = answer(stage.store.insert_institution(stage.new_institution()?, stage.entry()?))?;
    let patch = InstitutionPatch { name: Some("New".to_owned()), regions: None };
    let (mut at, id) = (before.updated_at, before.id.clone());
    let after = stage.raises(1, |entry| {
        at = entry.occurred_at;
        stage.store.update_institution(&id, patch, entry)
    })?;
    let expected = Institution { name: "New".to_owned(), updated_at: at, ..before.clone() };
    equal(&after, &expected, "the answer of the change (rule 4)")?;
    equal(answer(stage.store.find_institution(&before.id))?, Some(expected), "what is stored afterwards")?;
    let patch = InstitutionPatch { name: None, regions: Some(Vec::new()) };
    let after = answer(stage.store.update_institution(&before.id, patch, stage.entry()?))?;
    ensure(after.regions.is_empty() && after.name == "New", "a patch of the regions leaves the name")
}

fn update_unknown(stage: &Stage) -> Check {
    let id = stage.new_institution()?.id;
    stage
        .refuses(Reason::InstitutionNotFound, |entry| stage.store.update_institution(&id, InstitutionPatch::default(), entry))?;
    equal(answer(stage.store.find_institution(&id))?, None, "an institution that was never created")
}

fn listed(stage: &Stage) -> Check {
    lists(&[], |page| list(stage, page), id_of)?;
    let ids = (0..7).map(|_| stage.institution().map(|id| id.to_string())).collect::<Result<Vec<_>, _>>()?;
    lists(&ids, |page| list(stage, page), id_of)
}

fn listed_while_growing(stage: &Stage) -> Check {
    let ids = (0..4).map(|_| stage.institution().map(|id| id.to_string())).collect::<Result<Vec<_>, _>>()?;
    let page = PageRequest { limit: 2, ..PageRequest::default() };
    let first = answer(list(stage, page.clone()))?;
    let newcomer = stage.institution()?.to_string();
    let second = answer(list(stage, PageRequest { cursor: first.next, ..page.clone() }))?;
    let seen: Vec<_> = first.items.iter().chain(&second.items).map(id_of).collect();
    equal(seen, ids.iter().rev().cloned().collect(), "two pages, newest first, with a newcomer between")?;
    let oldest = walk(2, Order::OldestFirst, |page| list(stage, page))?;
    equal(oldest.last().map(id_of), Some(newcomer), "the newcomer, at the end of the list from the oldest")
}

fn listed_ties(stage: &Stage) -> Check {
    let at = stage.tick();
    let mut ids = Vec::new();
    for _ in 0..5 {
        let institution = Institution { created_at: at, updated_at: at, ..stage.new_institution()? };
        ids.push(answer(stage.store.insert_institution(institution, stage.entry()?))?.id.to_string());
    }
    lists(&ids, |page| list(stage, page), id_of)
}
