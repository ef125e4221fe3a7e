//! Operations on institutions.

use super::{Act, Operation, Operations, Permission};
use crate::{
    error::Result,
    model::{
        id::InstitutionId,
        institution::{Institution, InstitutionPatch, InstitutionQuery, NewInstitution, institution_not_found},
        page::{List, Page},
    },
    reply::Reply,
};

impl Operations<'_> {
    pub(in crate::door) fn create_institution(&self, new: NewInstitution) -> Reply<Institution> {
        let checked = new.check(&self.engine.config.vocabulary);
        let NewInstitution { id, name, regions } = new;
        let is_given = id.is_some();
        let id = match id.map_or_else(InstitutionId::generate, Ok) {
            Ok(id) => id,
            Err(error) => return Reply::from(error),
        };
        let act = Act::new(Operation::create_institution, Permission::ManageInstitutions, Some(&id));
        let act = if is_given { act.on("institution", &id) } else { act.making("institution", &id) };
        self.change(act, checked, |audit| {
            let at = audit.occurred_at;
            let institution = Institution { id: id.clone(), name, regions, created_at: at, updated_at: at };
            Ok(self.backend.insert_institution(institution, audit))
        })
    }

    pub(in crate::door) fn get_institution(&self, id: &InstitutionId) -> Reply<Institution> {
        let act = Act::new(Operation::get_institution, Permission::ReadInstitution, Some(id));
        self.read(act, Ok(()), || {
            let missing = institution_not_found(id);
            self.backend.find_institution(id).map(move |found| found.ok_or(missing))
        })
    }

    pub(in crate::door) fn list_institutions(&self, query: &InstitutionQuery) -> Reply<Page<Institution>> {
        let act = Act::new(Operation::list_institutions, Permission::ManageInstitutions, None);
        self.read(act, query.page.check(List::Institutions), || self.backend.list_institutions(query))
    }

    pub(in crate::door) fn update_institution(&self, id: &InstitutionId, patch: InstitutionPatch) -> Reply<Institution> {
        let act = Act::new(Operation::update_institution, Permission::ManageInstitutions, Some(id)).on("institution", id);
        let checked: Result<()> = patch.check(&self.engine.config.vocabulary);
        self.change(act, checked, |audit| Ok(self.backend.update_institution(id, patch, audit)))
    }
}
