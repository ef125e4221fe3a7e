//! [`InstitutionStore`] in SQLite.

use super::{
    SqliteStore,
    change::change,
    statement::{all, execute, find},
};
use crate::{
    error::{Error, Reason},
    model::{
        audit::AuditEntry,
        id::InstitutionId,
        institution::{Institution, InstitutionPatch, InstitutionQuery, institution_not_found},
        page::{List, Page},
    },
    reply::Reply,
    store::{
        InstitutionStore,
        sql::{changes::Change, institutions as sql},
    },
};

impl InstitutionStore for SqliteStore {
    fn insert_institution(&self, institution: Institution, audit: AuditEntry) -> Reply<Institution> {
        self.write(move |commit| {
            change(commit, &audit, |connection| {
                if execute(connection, sql::INSERT, &sql::inserted(&institution))? == 0 {
                    let message = format!("an institution {} exists", institution.id);
                    return Err(Error::new(Reason::InstitutionExists, message).field("institution_id"));
                }
                let touched = vec![Change::institution(&institution.id)];
                Ok((institution.clone(), touched))
            })
        })
    }

    fn find_institution(&self, id: &InstitutionId) -> Reply<Option<Institution>> {
        self.read(|connection| find(connection, sql::FIND, &[id.into()], sql::read))
    }

    fn list_institutions(&self, query: &InstitutionQuery) -> Reply<Page<Institution>> {
        self.read(|connection| {
            let (statement, values) = sql::list(query);
            let items = all(connection, &statement, &values, sql::read)?;
            Ok(query.page.cut(List::Institutions, items, |item| (item.created_at, item.id.to_string())))
        })
    }

    fn update_institution(&self, id: &InstitutionId, patch: InstitutionPatch, audit: AuditEntry) -> Reply<Institution> {
        let id = id.clone();
        self.write(move |commit| {
            change(commit, &audit, |connection| {
                let before =
                    find(connection, sql::FIND, &[(&id).into()], sql::read)?.ok_or_else(|| institution_not_found(&id))?;
                let after = patch.apply(&before, audit.occurred_at);
                execute(connection, sql::UPDATE, &sql::updated(&after))?;
                Ok((after, vec![Change::institution(&id)]))
            })
        })
    }
}
