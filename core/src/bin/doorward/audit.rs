//! `doorward audit …`

use clap::{Args, Subcommand};
use doorward::{AuditEvent, AuditQuery, Doorward, Error};

use crate::{
    failure::{Answer, Failure},
    output::{Output, maybe, table, time},
    paging::{self, Paging},
};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// List audit events
    #[command(after_help = "\
Examples:
  doorward audit list --institution acme --since 2026-01-01T00:00:00Z
  doorward audit list --actor anonymous --json
  doorward audit list --action revoke_key --oldest-first")]
    List(List),
}

#[derive(Args)]
pub(crate) struct List {
    /// Only those of this institution
    #[arg(long, value_name = "INSTITUTION")]
    institution: Option<String>,
    /// Only those of this actor: system, root, anonymous, or a key's id
    #[arg(long)]
    actor: Option<String>,
    /// Only those of this operation, such as create_key
    #[arg(long)]
    action: Option<String>,
    /// Only those at this time or later
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

impl Verb {
    pub(crate) fn run(self, door: &Doorward, output: &Output) -> Result<Answer, Failure> {
        let Self::List(list) = self;
        let page = door.list_audit_events(&list.query()?)?;
        let heading = ["TIME", "ACTOR", "ACTION", "OUTCOME", "INSTITUTION", "RESOURCE", "ERROR"];
        output.show(&page, || table(heading, page.items.iter().map(row)))?;
        paging::remark(&page, output);
        Ok(Answer::Done)
    }
}

impl List {
    fn query(self) -> doorward::Result<AuditQuery> {
        let time = |field: &'static str, text: Option<String>| {
            text.map(|text| text.parse().map_err(|error: Error| error.field(field))).transpose()
        };
        Ok(AuditQuery {
            institution_id: self.institution.map(|id| id.parse()).transpose()?,
            // Every text names an actor.
            actor: self.actor.and_then(|actor| actor.parse().ok()),
            action: self.action,
            since: time("since", self.since)?,
            until: time("until", self.until)?,
            page: self.paging.request()?,
        })
    }
}

fn row(event: &AuditEvent) -> [String; 7] {
    let entry = &event.entry;
    [
        time(entry.occurred_at),
        entry.actor.to_string(),
        entry.action.clone(),
        entry.outcome.as_str().to_owned(),
        maybe(entry.institution_id.as_ref()),
        maybe(entry.resource_id.as_ref()),
        maybe(entry.error.as_ref()),
    ]
}
