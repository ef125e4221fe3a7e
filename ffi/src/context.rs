//! Who the caller is: the auth context, and how it is come by.

use std::mem::MaybeUninit;

use doorward::{AuthContext, Result, Role};

use crate::{
    dw_credentials, dw_door, dw_error, dw_key, dw_request, dw_status,
    guard::{Out, done, free, give, given, read},
    record::{Record, Written},
    request,
    text::dw_str,
};

/// What a caller may do.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dw_role {
    /// Nothing: nobody was let in. As a filter: any.
    None = 0,
    /// Everything; no key has this role.
    Root = 1,
    /// Everything within the key's institution, but to change the institution itself.
    Admin = 2,
    /// Reading and checking policies of the key's institution.
    ReadOnly = 3,
}

impl From<Role> for dw_role {
    fn from(role: Role) -> Self {
        match role {
            Role::Root => Self::Root,
            Role::Admin => Self::Admin,
            Role::ReadOnly => Self::ReadOnly,
        }
    }
}

/// Who the caller is. Only authentication makes one. Owned: `dw_context_free`. `const dw_context *` may be shared.
pub struct dw_context {
    record: Record<AuthContext>,
    institution_id: Written,
    key_id: Written,
}

impl dw_context {
    pub(crate) fn new(context: AuthContext) -> Self {
        Self { record: Record::new(context), institution_id: Written::default(), key_id: Written::default() }
    }

    pub(crate) fn value(&self) -> &AuthContext {
        &self.record.value
    }
}

/// Authenticates a caller. Puts an owned context into `context`. May wait for the store; any thread.
///
/// Errors: `UNAUTHENTICATED` with the reasons `missing`, `malformed`, `unknown`, `revoked`, `disabled`, `expired`,
/// `address_not_allowed`; `RATE_LIMITED`, which says when to come again; and what a store can answer. The reason is for the host;
/// a remote caller should hear no more than "missing" or "invalid API key".
#[unsafe(no_mangle)]
pub extern "C" fn dw_authenticate(
    door: Option<&dw_door>,
    credentials: *const dw_credentials,
    request: *const dw_request,
    context: Option<&mut MaybeUninit<Option<Box<dw_context>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("context", context, error, || {
        let door = given(door, "door")?;
        let (credentials, request) = (request::credentials(credentials)?, request::request(request)?);
        door.0.authenticate(credentials, &request).map(dw_context::new)
    })
}

/// The record of the live key that has this token: puts an owned key into `key`, or NULL if there is none. May wait for the
/// store; any thread.
///
/// Errors: `VALIDATION` for a token that is absent or not UTF-8; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_find_by_token(
    door: Option<&dw_door>,
    token: dw_str,
    key: Option<&mut MaybeUninit<Option<Box<dw_key>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    let key: Option<&mut Option<Box<dw_key>>> = key.map(|slot| slot.write(None));
    done(error, || {
        let (door, key) = (given(door, "door")?, given(key, "key")?);
        *key = find(door, token)?;
        Ok(())
    })
}

fn find(door: &dw_door, token: dw_str) -> Result<Option<Box<dw_key>>> {
    let found = door.0.find_by_token(token.required("token")?)?;
    Ok(found.map(|key| Box::new(dw_key::new(key))))
}

/// What the caller may do; `DW_ROLE_NONE` if `context` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_context_role(context: Option<&dw_context>) -> dw_role {
    read(context, dw_role::None, |context| context.value().role().into())
}

/// The institution to which the caller belongs; absent for root. Borrowed until `dw_context_free`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_context_institution_id(context: Option<&dw_context>) -> dw_str {
    read(context, dw_str::ABSENT, |context| context.institution_id.text(|| context.value().institution_id()))
}

/// The caller's key; absent for root. Borrowed until `dw_context_free`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_context_key_id(context: Option<&dw_context>) -> dw_str {
    read(context, dw_str::ABSENT, |context| context.key_id.text(|| context.value().api_key_id()))
}

/// The whole as JSON: `{"role":…,"institutionId":…,"apiKeyId":…}`. Borrowed until `dw_context_free`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_context_json(context: Option<&dw_context>) -> dw_str {
    read(context, dw_str::ABSENT, |context| context.record.json())
}

/// Frees the context. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn dw_context_free(context: Option<Box<dw_context>>) {
    free(context);
}

/// Puts a context into a place where its caller may have wanted none.
pub(crate) fn keep(place: Option<&mut Option<Box<dw_context>>>, context: &AuthContext) {
    if let Some(place) = place {
        *place = Some(Box::new(dw_context::new(context.clone())));
    }
}

/// Empties a place for a context.
pub(crate) fn clear(place: Out<'_, dw_context>) -> Option<&mut Option<Box<dw_context>>> {
    place.map(|slot| slot.write(None))
}
