//! `doorward policy …`

use clap::{Args, Subcommand};
use doorward::{
    Decision, Doorward, ErrorKind, HistoryAction, InstitutionId, Policy, PolicyConfig, PolicyHistoryQuery, PolicyPatch,
    PolicyQuery, PolicySource, PolicyVersion, Position, Region,
};

use crate::{
    failure::{Answer, Failure},
    input,
    output::{Output, joined, maybe, record, table, time},
    paging::{self, Paging},
};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Create a policy, or replace its config
    #[command(after_help = "\
Examples:
  doorward policy set acme US '{\"position\":{\"maxAmount\":5000,\"allowedCurrencies\":[\"USD\"]}}'
  doorward policy set acme US @config.json --expected-version 3
  generate-config | doorward policy set acme US -

What is absent is not limited; an empty list of currencies allows none.")]
    Set {
        #[command(flatten)]
        which: Which,
        /// The config: JSON, or @FILE, or - for standard input
        config: String,
        #[command(flatten)]
        guard: Guard,
    },
    /// Merge a patch (RFC 7396) into a policy's config
    #[command(after_help = "\
Examples:
  doorward policy merge acme US '{\"position\":{\"maxAmount\":8000}}'
  doorward policy merge acme US '{\"position\":{\"minAmount\":null}}' --expected-version 3

Members of the patch replace those of the config, null removes them.")]
    Merge {
        #[command(flatten)]
        which: Which,
        /// The patch: JSON, or @FILE, or - for standard input
        patch: String,
        #[command(flatten)]
        guard: Guard,
    },
    /// Show a policy
    Get(Which),
    /// List an institution's policies
    List {
        /// The institution's id
        institution: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Ask a policy about a position; the exit code is 3 if it is not allowed
    #[command(after_help = "\
Example:
  doorward policy check acme US 5000.01 USD || echo 'not allowed, or not to be decided'

Without a policy the default decides (DOORWARD_DEFAULT_DECISION), and the answer says so.")]
    Check {
        #[command(flatten)]
        which: Which,
        /// The amount, in major units: 1250.00
        #[arg(allow_negative_numbers = true)]
        amount: String,
        /// The currency: USD
        currency: String,
    },
    /// List the versions of a policy: what it was, who changed it and when
    History {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        paging: Paging,
    },
}

#[derive(Args)]
pub(crate) struct Which {
    /// The institution's id
    institution: String,
    /// US, EU_UK, SG, UAE, or a configured one
    region: String,
}

#[derive(Args)]
pub(crate) struct Guard {
    /// Change only if the policy has this version; 0 means: only if there is none
    #[arg(long, value_name = "N")]
    expected_version: Option<u64>,
}

impl Which {
    fn parse(&self) -> doorward::Result<(InstitutionId, Region)> {
        Ok((self.institution.parse()?, self.region.parse()?))
    }
}

impl Verb {
    pub(crate) fn run(self, door: &Doorward, output: &Output) -> Result<Answer, Failure> {
        match self {
            Self::Set { which, config, guard } => {
                let (institution, region) = which.parse()?;
                let config = PolicyConfig::from_json(&input::document(&config)?)?;
                show(&door.upsert_policy(&institution, region, config, guard.expected_version)?, output)
            }
            Self::Merge { which, patch, guard } => {
                let (institution, region) = which.parse()?;
                let patch = PolicyPatch::from_json(&input::document(&patch)?)?;
                show(&door.merge_policy(&institution, region, patch, guard.expected_version)?, output)
            }
            Self::Get(which) => {
                let (institution, region) = which.parse()?;
                show(&door.get_policy(&institution, region)?, output)
            }
            Self::List { institution, paging } => {
                let page = door.list_policies(&PolicyQuery { institution_id: institution.parse()?, page: paging.request()? })?;
                let heading = ["REGION", "VERSION", "MIN", "MAX", "CURRENCIES", "UPDATED", "ID"];
                output.show(&page, || table(heading, page.items.iter().map(row)))?;
                paging::remark(&page, output);
                Ok(Answer::Done)
            }
            Self::Check { which, amount, currency } => {
                let (institution, region) = which.parse()?;
                let decision = door.check_position(&institution, region, &Position::parse(&amount, &currency)?)?;
                decided(&decision, output)
            }
            Self::History { which, paging } => {
                let (institution_id, region) = which.parse()?;
                let page = door.policy_history(&PolicyHistoryQuery { institution_id, region, page: paging.request()? })?;
                let heading = ["VERSION", "ACTION", "BY", "AT", "CONFIG"];
                output.show(&page, || table(heading, page.items.iter().map(version_row)))?;
                paging::remark(&page, output);
                Ok(Answer::Done)
            }
        }
    }
}

fn show(policy: &Policy, output: &Output) -> Result<Answer, Failure> {
    output.show(policy, || {
        record([
            ("id", policy.id.to_string()),
            ("institution", policy.institution_id.to_string()),
            ("region", policy.region.to_string()),
            ("version", policy.version.to_string()),
            ("created", time(policy.created_at)),
            ("updated", time(policy.updated_at)),
            ("config", policy.config.to_json()),
        ])
    })?;
    Ok(Answer::Done)
}

fn decided(decision: &Decision, output: &Output) -> Result<Answer, Failure> {
    output.show(decision, || {
        let answer = if decision.allowed { "allowed" } else { "not allowed" };
        let source = match (decision.policy, decision.policy_version) {
            (PolicySource::Found, Some(version)) => format!("by version {version} of {}", maybe(decision.policy_id.as_ref())),
            (PolicySource::Unreadable, _) => "the policy cannot be read".to_owned(),
            _ => "there is no policy; the default decided".to_owned(),
        };
        let rows = decision
            .violations
            .iter()
            .map(|violation| [violation.code.to_string(), violation.limit.clone(), violation.value.clone()]);
        format!("{answer} ({source})\n{}", table(["VIOLATION", "LIMIT", "VALUE"], rows))
    })?;
    Ok(if decision.allowed { Answer::Done } else { Answer::No(ErrorKind::Forbidden) })
}

fn row(policy: &Policy) -> [String; 7] {
    let rule = &policy.config.position;
    let currencies = match &rule.allowed_currencies {
        None => "all".to_owned(),
        Some(none) if none.is_empty() => "none".to_owned(),
        Some(some) => joined(some),
    };
    [
        policy.region.to_string(),
        policy.version.to_string(),
        maybe(rule.min_amount),
        maybe(rule.max_amount),
        currencies,
        time(policy.updated_at),
        policy.id.to_string(),
    ]
}

fn version_row(version: &PolicyVersion) -> [String; 5] {
    let action = match version.action {
        HistoryAction::Upserted => "upserted",
        HistoryAction::Merged => "merged",
        HistoryAction::Deleted => "deleted",
    };
    [
        version.version.to_string(),
        action.to_owned(),
        version.changed_by.to_string(),
        time(version.changed_at),
        maybe(version.config.as_ref().map(PolicyConfig::to_json)),
    ]
}
