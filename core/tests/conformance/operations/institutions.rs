//! Institutions, and the audit trail.

use doorward::model::{
    audit::{Actor, AuditQuery},
    institution::{InstitutionPatch, InstitutionQuery, NewInstitution},
};

use super::json;
use crate::{
    arguments::Arguments,
    face::{Caller, call},
    world::{Answer, Trouble},
};

pub(super) const NAMES: &[&str] =
    &["create_institution", "get_institution", "list_institutions", "update_institution", "list_audit_events"];

pub(super) fn call(caller: &Caller, operation: &str, mut arguments: Arguments) -> Answer {
    match operation {
        "create_institution" => {
            let id = arguments.optional("id")?;
            let name = arguments.text("name")?;
            let regions = arguments.regions()?.unwrap_or_default();
            arguments.finish()?;
            json(call!(caller, create_institution(NewInstitution { id, name, regions }))?)
        }
        "get_institution" => {
            let id = arguments.institution()?;
            arguments.finish()?;
            json(call!(caller, get_institution(&id))?)
        }
        "list_institutions" => {
            let query = InstitutionQuery { page: arguments.page()? };
            arguments.finish()?;
            json(call!(caller, list_institutions(&query))?)
        }
        "update_institution" => {
            let id = arguments.institution()?;
            let patch = InstitutionPatch { name: arguments.optional_text("name")?, regions: arguments.regions()? };
            arguments.finish()?;
            json(call!(caller, update_institution(&id, patch))?)
        }
        "list_audit_events" => {
            let query = AuditQuery {
                institution_id: arguments.optional("institutionId")?,
                actor: arguments
                    .optional_text("actor")?
                    .map(|actor| actor.parse::<Actor>().unwrap_or_else(|never| match never {})),
                action: arguments.optional_text("action")?,
                since: arguments.optional_time("since")?,
                until: arguments.optional_time("until")?,
                page: arguments.page()?,
            };
            arguments.finish()?;
            json(call!(caller, list_audit_events(&query))?)
        }
        other => Err(Trouble::Broken(format!("no such operation: {other}"))),
    }
}
