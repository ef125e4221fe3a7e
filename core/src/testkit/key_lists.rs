//! Lists of keys: pages, filters, and what they show while keys come and go.

use std::time::Duration;

use super::{
    case::{Case, Check, equal},
    stage::{Stage, answer, lists, walk},
};
use crate::{
    error::Result,
    model::{
        api_key::{ApiKey, ApiKeyQuery, KeyChange, KeyStatus, Role},
        id::InstitutionId,
        page::{Order, Page, PageRequest},
        time::Timestamp,
    },
    reply::Reply,
};

pub(super) const CASES: &[Case] = &[
    Case::new("an institution's keys are listed by creation from either end, in pages of any size", listed),
    Case::new("keys of the same millisecond are all listed", listed_ties),
    Case::new("keys are filtered by role and status, and revoked ones come only on request", filtered),
    Case::new("a key counts as expired from the very millisecond of its expiry", expiry_by_the_given_time),
    Case::new("a filtered list pages as a whole one does", filtered_pages),
    Case::new("keys created between two pages disturb neither", growing),
    Case::new("a key that is revoked between two pages shifts nothing", shrinking),
];

fn id_of(key: &ApiKey) -> String {
    key.id.to_string()
}

fn list(stage: &Stage, query: &ApiKeyQuery, page: PageRequest, at: Timestamp) -> Reply<Page<ApiKey>> {
    stage.store.list_keys(&ApiKeyQuery { page, ..query.clone() }, at)
}

fn ids(stage: &Stage, institution: &InstitutionId, count: usize) -> Result<Vec<String>> {
    (0..count).map(|_| stage.key(institution).map(|key| id_of(&key))).collect()
}

fn listed(stage: &Stage) -> Check {
    let (institution, other) = (stage.institution()?, stage.institution()?);
    let query = ApiKeyQuery::of(institution.clone());
    lists(&[], |page| list(stage, &query, page, stage.tick()), id_of)?;
    let mut mine = ids(stage, &institution, 3)?;
    ids(stage, &other, 3)?;
    mine.extend(ids(stage, &institution, 4)?);
    lists(&mine, |page| list(stage, &query, page, stage.tick()), id_of)
}

fn listed_ties(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let at = stage.tick();
    let mut batch = (0..9).map(|_| stage.new_key(&institution)).collect::<Result<Vec<_>>>()?;
    batch.iter_mut().for_each(|key| key.created_at = at);
    let ids: Vec<_> = batch.iter().map(id_of).collect();
    // Stored in another order than that of their ids.
    batch.rotate_left(4);
    answer(stage.store.insert_keys(batch, stage.entry()?))?;
    lists(&ids, |page| list(stage, &ApiKeyQuery::of(institution.clone()), page, stage.tick()), id_of)
}

fn filtered(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let reader = |key: ApiKey| stage.store_key(ApiKey { role: Role::ReadOnly, ..key });
    let active = stage.key(&institution)?;
    let active_reader = reader(stage.new_key(&institution)?)?;
    let disabled = stage.key(&institution)?;
    stage.change_key(&disabled, KeyChange::Disable)?;
    let expired = reader(ApiKey { expires_at: Some(stage.tick()), ..stage.new_key(&institution)? })?;
    let revoked = stage.key(&institution)?;
    stage.change_key(&revoked, KeyChange::Revoke)?;
    let revoked_reader = reader(stage.new_key(&institution)?)?;
    stage.change_key(&revoked_reader, KeyChange::Revoke)?;

    let now = stage.tick();
    let expect = |include_revoked, role, status, expected: &[&ApiKey]| {
        let query = ApiKeyQuery { include_revoked, role, status, ..ApiKeyQuery::of(institution.clone()) };
        let expected: Vec<_> = expected.iter().copied().map(id_of).collect();
        lists(&expected, |page| list(stage, &query, page, now), id_of)
    };
    expect(false, None, None, &[&active, &active_reader, &disabled, &expired])?;
    expect(true, None, None, &[&active, &active_reader, &disabled, &expired, &revoked, &revoked_reader])?;
    expect(false, Some(Role::ReadOnly), None, &[&active_reader, &expired])?;
    expect(true, Some(Role::Admin), None, &[&active, &disabled, &revoked])?;
    expect(false, None, Some(KeyStatus::Active), &[&active, &active_reader])?;
    expect(true, None, Some(KeyStatus::Disabled), &[&disabled])?;
    expect(false, None, Some(KeyStatus::Expired), &[&expired])?;
    expect(false, None, Some(KeyStatus::Revoked), &[&revoked, &revoked_reader])?;
    expect(false, Some(Role::ReadOnly), Some(KeyStatus::Revoked), &[&revoked_reader])?;
    expect(false, Some(Role::ReadOnly), Some(KeyStatus::Disabled), &[])
}

fn expiry_by_the_given_time(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let expiry = stage.tick().plus(Duration::from_secs(3600));
    stage.store_key(ApiKey { expires_at: Some(expiry), ..stage.new_key(&institution)? })?;
    let before = Timestamp::from_millis(expiry.as_millis().saturating_sub(1));
    for (at, status) in [(before, KeyStatus::Active), (expiry, KeyStatus::Expired)] {
        let query = ApiKeyQuery { status: Some(status), ..ApiKeyQuery::of(institution.clone()) };
        equal(answer(stage.store.list_keys(&query, at))?.items.len(), 1, "keys of the status at this time")?;
    }
    Ok(())
}

fn filtered_pages(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let mut readers = Vec::new();
    for n in 0..12 {
        let role = if n % 3 == 0 { Role::ReadOnly } else { Role::Admin };
        let key = stage.store_key(ApiKey { role, ..stage.new_key(&institution)? })?;
        readers.extend(Some(id_of(&key)).filter(|_| role == Role::ReadOnly));
    }
    let query = ApiKeyQuery { role: Some(Role::ReadOnly), ..ApiKeyQuery::of(institution) };
    lists(&readers, |page| list(stage, &query, page, stage.tick()), id_of)
}

fn growing(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let query = ApiKeyQuery::of(institution.clone());
    let before = ids(stage, &institution, 4)?;
    let page = PageRequest::first(2);
    let first = answer(list(stage, &query, page.clone(), stage.tick()))?;
    let newcomers = ids(stage, &institution, 2)?;
    let second = answer(list(stage, &query, PageRequest { cursor: first.next, ..page }, stage.tick()))?;
    let seen: Vec<_> = first.items.iter().chain(&second.items).map(id_of).collect();
    equal(seen, before.iter().rev().cloned().collect(), "two pages, newest first, with newcomers between")?;
    equal(second.next.is_none(), true, "whether the second page is the last")?;
    let all: Vec<_> = walk(2, Order::OldestFirst, |page| list(stage, &query, page, stage.tick()))?.iter().map(id_of).collect();
    equal(all, before.into_iter().chain(newcomers).collect(), "the whole list, oldest first")
}

fn shrinking(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let query = ApiKeyQuery::of(institution.clone());
    let keys = (0..6).map(|_| stage.key(&institution)).collect::<Result<Vec<_>>>()?;
    let page = PageRequest { limit: 2, cursor: None, order: Order::OldestFirst };
    let first = answer(list(stage, &query, page.clone(), stage.tick()))?;
    // The key on which the cursor stands, and one before it.
    for key in keys.iter().take(2) {
        stage.change_key(key, KeyChange::Revoke)?;
    }
    let second = answer(list(stage, &query, PageRequest { cursor: first.next, ..page }, stage.tick()))?;
    equal(second.items.iter().map(id_of).collect(), keys.iter().skip(2).take(2).map(id_of).collect::<Vec<_>>(), "the second page")
}
