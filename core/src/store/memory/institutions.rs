//! Institutions in memory.

use super::{MemoryStore, books::from_cursor};
use crate::{
    error::{Error, Reason},
    model::{
        audit::AuditEntry,
        id::InstitutionId,
        institution::{Institution, InstitutionPatch, InstitutionQuery},
        page::{List, Page},
        time::Timestamp,
    },
    reply::Reply,
    store::InstitutionStore,
};

impl InstitutionStore for MemoryStore {
    fn insert_institution(&self, institution: Institution, audit: AuditEntry) -> Reply<Institution> {
        self.change(audit, |books, _| {
            if self.lookups.tenants.find(&institution.id).is_some() {
                return Err(Error::new(Reason::InstitutionExists, format!("institution {} exists", institution.id))
                    .field("institution_id"));
            }
            books.add_account(institution.clone())?;
            Ok((institution, true))
        })
    }

    fn find_institution(&self, id: &InstitutionId) -> Reply<Option<Institution>> {
        let find = || {
            let books = self.read()?;
            self.lookups
                .tenants
                .find(id)
                .map(|(number, _)| books.account(number).map(|account| account.institution.clone()))
                .transpose()
        };
        Reply::from(find())
    }

    fn list_institutions(&self, query: &InstitutionQuery) -> Reply<Page<Institution>> {
        let list = || {
            let books = self.read()?;
            let position = |number: &u32| {
                let institution = books.account(*number).ok().map(|account| &account.institution);
                institution.map_or_else(
                    || (Timestamp::default(), None),
                    |institution| (institution.created_at, Some(institution.id.clone())),
                )
            };
            let numbers = from_cursor(&books.by_creation, &query.page, |id| Some(InstitutionId::from_stored(id)), position);
            let page = numbers
                .take(query.page.limit.saturating_add(1))
                .map(|number| books.account(*number).map(|account| account.institution.clone()));
            let institutions = page.collect::<Result<_, _>>()?;
            Ok(query
                .page
                .cut(List::Institutions, institutions, |institution| (institution.created_at, institution.id.to_string())))
        };
        Reply::from(list())
    }

    fn update_institution(&self, id: &InstitutionId, patch: InstitutionPatch, audit: AuditEntry) -> Reply<Institution> {
        self.change(audit, |books, audit| {
            let number = books.number_of(id)?;
            let account = books.account_mut(number)?;
            account.institution = patch.apply(&account.institution, audit.occurred_at);
            Ok((account.institution.clone(), true))
        })
    }
}
