//! Who may do what: the whole table, in one place.

use super::context::AuthContext;
use crate::{
    error::{Error, Reason, Result},
    model::{api_key::Role, id::InstitutionId},
};

/// What an operation needs permission for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    /// Create or change institutions; list all; read the trail of all.
    ManageInstitutions,
    /// Get the institution.
    ReadInstitution,
    /// Create, list, get, rotate, change and revoke keys.
    ManageKeys,
    /// Give keys limits of their own: those who are limited do not say how much.
    SetRateLimits,
    /// Get, list and check policies; read their history.
    ReadPolicies,
    /// Upsert, merge and delete policies.
    ManagePolicies,
    /// Read the audit trail of the institution.
    ReadAuditTrail,
}

impl Permission {
    /// Whether a caller of this role has it, within its own institution if the role is a key's.
    const fn is_given_to(self, role: Role) -> bool {
        use Permission::{
            ManageInstitutions, ManageKeys, ManagePolicies, ReadAuditTrail, ReadInstitution, ReadPolicies, SetRateLimits,
        };
        match role {
            Role::Root => true,
            Role::Admin => match self {
                ManageInstitutions | SetRateLimits => false,
                ReadInstitution | ManageKeys | ReadPolicies | ManagePolicies | ReadAuditTrail => true,
            },
            Role::ReadOnly => match self {
                ReadInstitution | ReadPolicies => true,
                ManageInstitutions | ManageKeys | SetRateLimits | ManagePolicies | ReadAuditTrail => false,
            },
        }
    }
}

/// Refuses a caller who may not do this to this institution. `None` stands for what belongs to no institution or to all.
///
/// # Errors
/// `Forbidden`: `other_institution`, whether or not that institution or the thing in it exists; `role_not_allowed`.
pub(super) fn check(context: &AuthContext, permission: Permission, institution: Option<&InstitutionId>) -> Result<()> {
    if context.role() != Role::Root && institution.is_some() && institution != context.institution_id() {
        return Err(Error::new(Reason::OtherInstitution, "the caller belongs to another institution"));
    }
    // Beyond one institution only root goes, whatever a role may do within its own.
    let beyond = institution.is_none() && context.role() != Role::Root;
    if beyond || !permission.is_given_to(context.role()) {
        let message = format!("the role {} does not allow this", context.role());
        return Err(Error::new(Reason::RoleNotAllowed, message));
    }
    Ok(())
}
