//! Lists, which come in pages.

use std::{convert::Infallible, mem::MaybeUninit};

use doorward::{
    Actor, ApiKeyQuery, AuditEvent, AuditQuery, Error, InstitutionQuery, KeyStatus, Order, Page, PageRequest, PolicyHistoryQuery,
    PolicyQuery, PolicyVersion, Reason, Result,
};

use crate::{
    dw_error, dw_institution, dw_key, dw_key_status, dw_policy, dw_role, dw_session, dw_status,
    guard::{free, give, read},
    institution::institution_id,
    key::{role, time},
    options::{self, versioned},
    policy::place,
    record::Record,
    session::call,
    text::dw_str,
};

/// In which order a list comes.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dw_order {
    /// By creation, newest first.
    NewestFirst = 0,
    /// By creation, oldest first.
    OldestFirst = 1,
}

/// Which page of a list is asked for. Borrowed for the call; NULL asks for the first 50, newest first.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_page_request {
    /// `sizeof(dw_page_request)`.
    pub struct_size: usize,
    /// `dw_page_next` of the page before; absent: the first page.
    pub cursor: dw_str,
    /// How many items, 1 to 1000; NULL: 50.
    pub limit: *const u64,
    /// A `dw_order`; the same for all pages of a list.
    pub order: i32,
    /// 0.
    pub reserved: i32,
}

versioned!(dw_page_request = 40);

/// Which keys to list. Borrowed for the call; NULL asks for all that are not revoked.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_key_query {
    /// `sizeof(dw_key_query)`.
    pub struct_size: usize,
    /// Only keys of this `dw_role`; `DW_ROLE_NONE`: any.
    pub role: i32,
    /// Only keys of this `dw_key_status`; `DW_KEY_STATUS_NONE`: any.
    pub status: i32,
    /// Not 0: revoked keys as well.
    pub include_revoked: u64,
}

versioned!(dw_key_query = 24);

/// Which audit events to list. Borrowed for the call; NULL asks for all.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_audit_query {
    /// `sizeof(dw_audit_query)`.
    pub struct_size: usize,
    /// Only events of this institution; absent: of all, which only root and the system may see.
    pub institution_id: dw_str,
    /// Only those of this actor: a key's id, `root`, `system` or `anonymous`.
    pub actor: dw_str,
    /// Only those of this action, such as `create_key`.
    pub action: dw_str,
    /// Only those that occurred at this time or later, in RFC 3339.
    pub since: dw_str,
    /// Only those that occurred before this time.
    pub until: dw_str,
}

versioned!(dw_audit_query = 88);

/// A page of a list. Owned: `dw_page_free`. `const dw_page *` may be shared.
pub struct dw_page {
    items: Items,
    next: Option<String>,
}

enum Items {
    Institutions(Vec<dw_institution>),
    Keys(Vec<dw_key>),
    Policies(Vec<dw_policy>),
    PolicyVersions(Vec<Record<PolicyVersion>>),
    AuditEvents(Vec<Record<AuditEvent>>),
}

impl dw_page {
    fn new<T, C>(page: Page<T>, items: fn(Vec<C>) -> Items, item: impl Fn(T) -> C) -> Self {
        let next = page.next.map(|cursor| cursor.to_string());
        Self { items: items(page.items.into_iter().map(item).collect()), next }
    }
}

fn page_request(pointer: *const dw_page_request) -> Result<PageRequest> {
    let mut page = PageRequest::default();
    let Some(given) = options::optional(pointer, "page_request")? else { return Ok(page) };
    if let Some(limit) = crate::key::version(given.limit).map_err(|error| error.field("limit"))? {
        page.limit = usize::try_from(limit).unwrap_or(usize::MAX);
    }
    page.cursor = given.cursor.optional("cursor")?.map(str::parse).transpose()?;
    page.order = match given.order {
        order if order == dw_order::NewestFirst as i32 => Order::NewestFirst,
        order if order == dw_order::OldestFirst as i32 => Order::OldestFirst,
        _ => return Err(Error::new(Reason::InvalidFormat, "must be a dw_order").field("order")),
    };
    if given.reserved != 0 {
        return Err(Error::new(Reason::OutOfRange, "must be 0").field("reserved"));
    }
    Ok(page)
}

fn status(number: i32) -> Result<Option<KeyStatus>> {
    if number == dw_key_status::None as i32 {
        return Ok(None);
    }
    let all = [KeyStatus::Active, KeyStatus::Disabled, KeyStatus::Expired, KeyStatus::Revoked];
    let known = all.into_iter().find(|status| dw_key_status::from(*status) as i32 == number);
    known.map(Some).ok_or_else(|| Error::new(Reason::InvalidFormat, "must be a dw_key_status").field("status"))
}

/// Lists institutions; only root and the system may. `page_request` may be NULL. Puts an owned page into `page`.
///
/// Errors: `VALIDATION` (limit, cursor, order); `FORBIDDEN`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_list_institutions(
    session: Option<&dw_session>,
    page_request: *const dw_page_request,
    page: Option<&mut MaybeUninit<Option<Box<dw_page>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("page", page, error, || {
        let query = InstitutionQuery { page: self::page_request(page_request)? };
        let found = call!(session, list_institutions(&query))?;
        Ok(dw_page::new(found, Items::Institutions, dw_institution::new))
    })
}

/// Lists an institution's keys. `query` and `page_request` may be NULL. Puts an owned page into `page`.
///
/// Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_list_keys(
    session: Option<&dw_session>,
    institution_id: dw_str,
    query: *const dw_key_query,
    page_request: *const dw_page_request,
    page: Option<&mut MaybeUninit<Option<Box<dw_page>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("page", page, error, || {
        let mut wanted = ApiKeyQuery::of(self::institution_id(&institution_id)?);
        if let Some(query) = options::optional(query, "query")? {
            wanted.role = if query.role == dw_role::None as i32 { None } else { Some(role(query.role)?) };
            wanted.status = status(query.status)?;
            wanted.include_revoked = query.include_revoked != 0;
        }
        wanted.page = self::page_request(page_request)?;
        let found = call!(session, list_keys(&wanted))?;
        Ok(dw_page::new(found, Items::Keys, dw_key::new))
    })
}

/// Lists an institution's policies. `page_request` may be NULL. Puts an owned page into `page`.
///
/// Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_list_policies(
    session: Option<&dw_session>,
    institution_id: dw_str,
    page_request: *const dw_page_request,
    page: Option<&mut MaybeUninit<Option<Box<dw_page>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("page", page, error, || {
        let institution_id = self::institution_id(&institution_id)?;
        let query = PolicyQuery { institution_id, page: self::page_request(page_request)? };
        let found = call!(session, list_policies(&query))?;
        Ok(dw_page::new(found, Items::Policies, dw_policy::new))
    })
}

/// Lists the versions of an institution's policy in a region. `page_request` may be NULL. Puts an owned page into `page`.
///
/// Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_policy_history(
    session: Option<&dw_session>,
    institution_id: dw_str,
    region: dw_str,
    page_request: *const dw_page_request,
    page: Option<&mut MaybeUninit<Option<Box<dw_page>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("page", page, error, || {
        let (institution_id, region) = place(&institution_id, &region)?;
        let query = PolicyHistoryQuery { institution_id, region, page: self::page_request(page_request)? };
        let found = call!(session, policy_history(&query))?;
        Ok(dw_page::new(found, Items::PolicyVersions, Record::new))
    })
}

/// Lists audit events in the order of writing. `query` and `page_request` may be NULL. Puts an owned page into `page`.
///
/// Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_list_audit_events(
    session: Option<&dw_session>,
    query: *const dw_audit_query,
    page_request: *const dw_page_request,
    page: Option<&mut MaybeUninit<Option<Box<dw_page>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("page", page, error, || {
        let mut wanted = AuditQuery::default();
        if let Some(query) = options::optional(query, "query")? {
            wanted.institution_id = query.institution_id.optional("institution_id")?.map(str::parse).transpose()?;
            let actor = query.actor.optional("actor")?.map(str::parse::<Actor>).transpose();
            wanted.actor = actor.unwrap_or_else(|never: Infallible| match never {});
            wanted.action = query.action.optional("action")?.map(str::to_owned);
            wanted.since = time(&query.since, "since")?;
            wanted.until = time(&query.until, "until")?;
        }
        wanted.page = self::page_request(page_request)?;
        let found = call!(session, list_audit_events(&wanted))?;
        Ok(dw_page::new(found, Items::AuditEvents, Record::new))
    })
}

/// How many items the page has.
#[unsafe(no_mangle)]
pub extern "C" fn dw_page_count(page: Option<&dw_page>) -> usize {
    read(page, 0, |page| match &page.items {
        Items::Institutions(items) => items.len(),
        Items::Keys(items) => items.len(),
        Items::Policies(items) => items.len(),
        Items::PolicyVersions(items) => items.len(),
        Items::AuditEvents(items) => items.len(),
    })
}

/// The cursor of the next page; absent after the last. Borrowed until the page is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_page_next(page: Option<&dw_page>) -> dw_str {
    read(page, dw_str::ABSENT, |page| dw_str::of_optional(page.next.as_deref()))
}

/// An item of any page as JSON, and the only way to see versions of policies and audit events; absent beyond the last. Borrowed
/// until the page is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_page_json_at(page: Option<&dw_page>, index: usize) -> dw_str {
    let json = |page: &dw_page| match &page.items {
        Items::Institutions(items) => items.get(index).map(|item| item.record.json()),
        Items::Keys(items) => items.get(index).map(|item| item.record.json()),
        Items::Policies(items) => items.get(index).map(|item| item.record.json()),
        Items::PolicyVersions(items) => items.get(index).map(|item| item.json()),
        Items::AuditEvents(items) => items.get(index).map(|item| item.json()),
    };
    read(page, dw_str::ABSENT, |page| json(page).unwrap_or(dw_str::ABSENT))
}

/// An institution of a page of institutions; NULL beyond the last, and for other pages. Borrowed until the page is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_page_institution_at(page: Option<&dw_page>, index: usize) -> Option<&dw_institution> {
    match &page?.items {
        Items::Institutions(items) => items.get(index),
        _ => None,
    }
}

/// A key of a page of keys; NULL beyond the last, and for other pages. Borrowed until the page is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_page_key_at(page: Option<&dw_page>, index: usize) -> Option<&dw_key> {
    match &page?.items {
        Items::Keys(items) => items.get(index),
        _ => None,
    }
}

/// A policy of a page of policies; NULL beyond the last, and for other pages. Borrowed until the page is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_page_policy_at(page: Option<&dw_page>, index: usize) -> Option<&dw_policy> {
    match &page?.items {
        Items::Policies(items) => items.get(index),
        _ => None,
    }
}

/// Frees the page. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn dw_page_free(page: Option<Box<dw_page>>) {
    free(page);
}
