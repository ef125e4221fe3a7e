//! What each operation does: check the arguments, check permission, ask the store, and say in the audit trail who did it.
//!
//! Written once for all faces: each operation answers with a [`Reply`], which a blocking face waits for and an asynchronous
//! one awaits. The order of checks is the same everywhere: arguments (`Validation`), permission (`Forbidden`), existence
//! (`NotFound`).

mod institutions;
mod keys;
mod policies;
mod trail;

use std::{fmt, sync::Arc};

use serde_json::Map;
use smol_str::{SmolStr, ToSmolStr};

use super::{
    context::AuthContext,
    engine::Engine,
    faces::Operation,
    permission::{self, Permission},
    request::Request,
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{
        audit::{Actor, AuditEntry, Origin, Outcome},
        id::{EventId, InstitutionId},
        institution::institution_not_found,
        page::Page,
        time::Timestamp,
    },
    reply::Reply,
    store::Backend,
};

/// The operations for one call: on which store, on whose behalf.
pub(super) struct Operations<'a> {
    engine: &'a Arc<Engine>,
    backend: &'a Arc<dyn Backend>,
    caller: Option<(&'a AuthContext, &'a Request)>,
}

impl<'a> Operations<'a> {
    /// On behalf of the host's own code.
    #[inline]
    pub(super) fn system(engine: &'a Arc<Engine>, backend: &'a Arc<dyn Backend>) -> Self {
        Self { engine, backend, caller: None }
    }

    /// On behalf of an authenticated caller.
    #[inline]
    pub(super) fn caller(
        engine: &'a Arc<Engine>,
        backend: &'a Arc<dyn Backend>,
        context: &'a AuthContext,
        request: &'a Request,
    ) -> Self {
        Self { engine, backend, caller: Some((context, request)) }
    }

    /// Makes a change, once arguments and permission are checked, and hands it the entry for the trail.
    fn change<T: Send + 'static>(
        &self,
        act: Act<'_>,
        checked: Result<()>,
        call: impl FnOnce(AuditEntry) -> Result<Reply<T>>,
    ) -> Reply<T> {
        let permitted = checked.map(|()| self.permit(act.permission, act.within()));
        match permitted {
            Err(error) => Reply::from(error),
            Ok(Err(denied)) => self.forbidden(act, denied),
            Ok(Ok(())) => self.entry(act, Outcome::Succeeded).map_or_else(Reply::from, |entry| self.commit(act, entry, call)),
        }
    }

    /// Makes a change that is permitted as far as the caller's context tells. The store may know better: the caller's key
    /// may have been revoked since.
    fn commit<T: Send + 'static>(
        &self,
        act: Act<'_>,
        entry: AuditEntry,
        call: impl FnOnce(AuditEntry) -> Result<Reply<T>>,
    ) -> Reply<T> {
        let kept = self.caller.map(|_| act.refused(entry.clone()));
        let answer = call(entry).unwrap_or_else(Reply::from);
        let Some(kept) = kept else { return answer };
        let (engine, backend) = (Arc::clone(self.engine), Arc::clone(self.backend));
        answer.and_then(move |answer| match answer {
            Err(denied) if denied.kind() == ErrorKind::Forbidden => write_forbidden(engine, &backend, kept, denied),
            answer => Reply::from(answer),
        })
    }

    /// Reads something, once arguments and permission are checked.
    #[inline]
    fn read<T: Send + 'static>(&self, act: Act<'_>, checked: Result<()>, call: impl FnOnce() -> Reply<T>) -> Reply<T> {
        if let Err(error) = checked {
            return Reply::from(error);
        }
        if let Err(denied) = self.permit(act.permission, act.institution) {
            return self.forbidden(act, denied);
        }
        if self.engine.config.audit.reads
            && let Some((context, request)) = self.caller
        {
            let subject = act.institution.map_or_else(SmolStr::default, |id| id.to_smolstr());
            self.engine.note_success(act.operation.name(), context, subject, request);
        }
        call()
    }

    #[inline]
    fn permit(&self, permission: Permission, institution: Option<&InstitutionId>) -> Result<()> {
        self.caller.map_or(Ok(()), |(context, _)| permission::check(context, permission, institution))
    }

    #[cold]
    fn forbidden<T: Send + 'static>(&self, act: Act<'_>, denied: Error) -> Reply<T> {
        match self.entry(act, Outcome::Forbidden) {
            Ok(entry) => write_forbidden(Arc::clone(self.engine), self.backend, act.refused(entry), denied),
            Err(error) => Reply::from(error),
        }
    }

    fn entry(&self, act: Act<'_>, outcome: Outcome) -> Result<AuditEntry> {
        let (actor, origin) = match self.caller {
            Some((context, request)) => (context.actor(), request.origin(&self.engine.config.trusted_proxies)),
            None => (Actor::System, Origin::default()),
        };
        Ok(AuditEntry {
            id: EventId::generate()?,
            occurred_at: Timestamp::now(),
            actor,
            action: act.operation.name().to_owned(),
            outcome,
            institution_id: act.institution.cloned(),
            resource_type: act.resource.map(|(kind, _)| kind.to_owned()),
            resource_id: act.resource.map(|(_, id)| id.to_string()),
            origin,
            status_code: None,
            error: None,
            payload: Map::new(),
        })
    }

    /// Fails unless the institution exists.
    fn existing(&self, id: &InstitutionId) -> Reply<()> {
        existing(self.backend, id)
    }

    /// A page of what belongs to an institution: an empty one only if the institution exists.
    fn page_of<T: Send + 'static>(&self, id: &InstitutionId, page: Reply<Page<T>>) -> Reply<Page<T>> {
        let (backend, id) = (Arc::clone(self.backend), id.clone());
        page.and_then(move |page| match page {
            Ok(page) if page.items.is_empty() => existing(&backend, &id).map(|()| Ok(page)),
            page => Reply::from(page),
        })
    }

    /// What was found in an institution, or which of the two is not there.
    fn found_in<T: Send + 'static>(&self, id: &InstitutionId, found: Reply<Option<T>>, missing: Error) -> Reply<T> {
        let (backend, id) = (Arc::clone(self.backend), id.clone());
        found.and_then(move |found| match found {
            Ok(Some(found)) => Reply::from(Ok(found)),
            Ok(None) => existing(&backend, &id).map(|()| Err(missing)),
            Err(error) => Reply::from(error),
        })
    }
}

/// Writes into the trail what was forbidden, and answers with it. A trail that cannot be written changes nothing about the
/// answer.
#[cold]
fn write_forbidden<T: Send + 'static>(
    engine: Arc<Engine>,
    backend: &Arc<dyn Backend>,
    entry: AuditEntry,
    denied: Error,
) -> Reply<T> {
    let entry = AuditEntry {
        outcome: Outcome::Forbidden,
        status_code: Some(denied.kind().http_status()),
        error: Some(denied.reason().as_str().to_owned()),
        ..entry
    };
    backend.append_events(vec![entry]).then(move |written| {
        if written.is_err() {
            engine.metrics.audit_dropped(1);
        }
        Err(denied)
    })
}

fn existing(backend: &Arc<dyn Backend>, id: &InstitutionId) -> Reply<()> {
    let id = id.clone();
    backend.find_institution(&id).map(move |found| found.map(|_| ()).ok_or_else(|| institution_not_found(&id)))
}

/// An operation on something, as permission and trail see it.
#[derive(Clone, Copy)]
struct Act<'a> {
    operation: Operation,
    permission: Permission,
    institution: Option<&'a InstitutionId>,
    resource: Option<(&'static str, &'a dyn fmt::Display)>,
    /// Whether the resource is to be made, with an id that was made up for it.
    made_up: bool,
}

impl<'a> Act<'a> {
    #[inline]
    fn new(operation: Operation, permission: Permission, institution: Option<&'a InstitutionId>) -> Self {
        Self { operation, permission, institution, resource: None, made_up: false }
    }

    fn on(mut self, kind: &'static str, id: &'a dyn fmt::Display) -> Self {
        self.resource = Some((kind, id));
        self
    }

    /// The same for a resource that is to be made, with an id that was made up for it.
    fn making(self, kind: &'static str, id: &'a dyn fmt::Display) -> Self {
        Self { made_up: true, ..self.on(kind, id) }
    }

    /// The institution that the caller has to belong to; none if the act is to make it, under an id that was made up for it.
    fn within(&self) -> Option<&'a InstitutionId> {
        let is_made = self.made_up && self.resource.is_some_and(|(kind, _)| kind == "institution");
        self.institution.filter(|_| !is_made)
    }

    /// The entry of the act if it is refused: an id that was made up for it names nothing then.
    fn refused(&self, entry: AuditEntry) -> AuditEntry {
        if !self.made_up {
            return entry;
        }
        AuditEntry { institution_id: self.within().cloned(), resource_id: None, ..entry }
    }
}
