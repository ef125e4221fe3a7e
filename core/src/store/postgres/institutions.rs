//! [`InstitutionStore`] in PostgreSQL.

use std::error::Error as _;

use super::{PostgresStore, errors::Fault};
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

impl InstitutionStore for PostgresStore {
    fn insert_institution(&self, institution: Institution, audit: AuditEntry) -> Reply<Institution> {
        self.change(Some(institution.id.clone()), audit, async move |link| {
            if link.execute(sql::INSERT, &sql::inserted(&institution)).await.map_err(refused)? == 0 {
                let message = format!("an institution {} exists", institution.id);
                return Err(Error::new(Reason::InstitutionExists, message).field("institution_id").into());
            }
            Ok((institution.clone(), vec![Change::institution(&institution.id)]))
        })
    }

    fn find_institution(&self, id: &InstitutionId) -> Reply<Option<Institution>> {
        let id = id.clone();
        self.ask(async move |link| link.find(sql::FIND, &[(&id).into()], sql::read).await)
    }

    fn list_institutions(&self, query: &InstitutionQuery) -> Reply<Page<Institution>> {
        let query = query.clone();
        self.ask(async move |link| {
            let (statement, values) = sql::list(&query);
            let items = link.all(&statement, &values, sql::read).await?;
            Ok(query.page.cut(List::Institutions, items, |item| (item.created_at, item.id.to_string())))
        })
    }

    fn update_institution(&self, id: &InstitutionId, patch: InstitutionPatch, audit: AuditEntry) -> Reply<Institution> {
        let id = id.clone();
        self.change(Some(id.clone()), audit.clone(), async move |link| {
            let before = link.find(sql::FIND_TO_CHANGE, &[(&id).into()], sql::read).await?;
            let after = patch.apply(&before.ok_or_else(|| institution_not_found(&id))?, audit.occurred_at);
            link.execute(sql::UPDATE, &sql::updated(&after)).await?;
            Ok((after, vec![Change::institution(&id)]))
        })
    }
}

/// What the table has against a new row, in the words of the server: another application's may have columns of which doorward
/// knows nothing, and that must be given.
fn refused(fault: Fault) -> Fault {
    match fault {
        Fault::Final(error) if error.reason() == Reason::DatabaseError => {
            let said = error.source().map(ToString::to_string).unwrap_or_default();
            let message = format!("the table institutions refuses a row with what doorward knows of an institution: {said}");
            Fault::Final(Error::new(Reason::DatabaseError, message).because(error))
        }
        fault => fault,
    }
}
