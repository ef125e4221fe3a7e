//! Records as tests want them.

use doorward::{
    ApiKeyQuery, ImportedKey, InstitutionId, InstitutionQuery, KeyHash, NewKey, Order, Page, PageRequest, PolicyConfig,
    PolicyQuery, Region, Role,
};

pub(crate) fn acme() -> InstitutionId {
    "acme".parse().unwrap()
}

pub(crate) fn us() -> Region {
    "US".parse().unwrap()
}

pub(crate) fn sg() -> Region {
    "SG".parse().unwrap()
}

/// A policy that allows up to an amount.
pub(crate) fn up_to(amount: u64) -> PolicyConfig {
    PolicyConfig::from_json(&format!(r#"{{"position":{{"maxAmount":{amount}}}}}"#)).unwrap()
}

/// A key that exists elsewhere.
pub(crate) fn imported(token: &str) -> ImportedKey {
    ImportedKey { key_hash: KeyHash::of(token), key: NewKey::new("imported", Role::ReadOnly) }
}

/// Everything in a list, asked for page by page.
pub(crate) fn pages<T>(limit: usize, order: Order, mut page: impl FnMut(PageRequest) -> Page<T>) -> Vec<T> {
    let mut items = Vec::new();
    let mut request = PageRequest { limit, order, cursor: None };
    loop {
        let mut next = page(request.clone());
        assert!(next.items.len() <= limit);
        items.append(&mut next.items);
        match next.next {
            // As a client gives it back.
            Some(cursor) => request.cursor = Some(cursor.to_string().parse().unwrap()),
            None => return items,
        }
    }
}

pub(crate) fn keys_of(institution_id: &InstitutionId, page: PageRequest) -> ApiKeyQuery {
    ApiKeyQuery { page, include_revoked: true, ..ApiKeyQuery::of(institution_id.clone()) }
}

pub(crate) fn institutions(page: PageRequest) -> InstitutionQuery {
    InstitutionQuery { page }
}

pub(crate) fn policies_of(institution_id: &InstitutionId, page: PageRequest) -> PolicyQuery {
    PolicyQuery { institution_id: institution_id.clone(), page }
}
