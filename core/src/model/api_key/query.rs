//! The question for a list of an institution's keys.

use super::{KeyStatus, Role};
use crate::model::{id::InstitutionId, page::PageRequest};

/// Which keys of an institution to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyQuery {
    /// The owner.
    pub institution_id: InstitutionId,
    /// Whether revoked keys are listed as well. A filter by `Revoked` lists them in any case.
    pub include_revoked: bool,
    /// Only keys of this role.
    pub role: Option<Role>,
    /// Only keys of this status.
    pub status: Option<KeyStatus>,
    /// The page, ordered by creation.
    pub page: PageRequest,
}

impl ApiKeyQuery {
    /// The first page of an institution's keys, without revoked ones.
    #[must_use]
    pub fn of(institution_id: InstitutionId) -> Self {
        Self { institution_id, include_revoked: false, role: None, status: None, page: PageRequest::default() }
    }

    /// Whether a key of the institution belongs to the list, `at` being the present.
    #[must_use]
    pub fn selects(&self, role: Role, status: KeyStatus) -> bool {
        self.role.is_none_or(|wanted| wanted == role)
            && match self.status {
                Some(wanted) => wanted == status,
                None => self.include_revoked || status != KeyStatus::Revoked,
            }
    }
}
