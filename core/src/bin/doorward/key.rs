//! `doorward key …`

use clap::{Args, Subcommand};
use doorward::{ApiKey, ApiKeyId, ApiKeyQuery, CreatedKey, Doorward, InstitutionId, Timestamp};
use serde_json::json;

use crate::{
    duration,
    failure::{Answer, Failure},
    import::Import,
    members::{self, Create, Update},
    output::{Output, joined, maybe, maybe_time, record, table, time},
    paging::{self, Paging},
};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Create a key, and print its token: once, now, on standard output
    #[command(after_help = "\
Examples:
  TOKEN=$(doorward key create acme --label backend --role admin)
  doorward key create acme --label report --role read_only --expires-in 90d \\
      --allow 10.0.0.0/8,192.0.2.7
  doorward key create acme --label ci --role admin --rate-limit 100/1m --metadata '{\"team\":\"core\"}' --json")]
    Create(Create),
    /// Change what a key was created with, all but its role
    #[command(after_help = "\
Examples:
  doorward key update acme ak_018f3a52-… --rate-limit 100/1m
  doorward key update acme ak_018f3a52-… --no-rate-limit --label 'nightly report'
  doorward key update acme ak_018f3a52-… --expires-in 90d --allow 10.0.0.0/8

What is not given stays as it is.")]
    Update(Update),
    /// List an institution's keys
    List(List),
    /// Show a key
    Show(Which),
    /// End a key for good, or with --all all keys of the institution
    #[command(after_help = "\
Examples:
  doorward key revoke acme ak_018f3a52-…
  doorward key revoke acme --all

Revoking what is revoked gives the same record back.")]
    Revoke {
        /// The institution's id
        institution: String,
        /// The key's id
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        key: Option<String>,
        /// Every key of the institution
        #[arg(long)]
        all: bool,
    },
    /// Give a key a new token, and print it: once, now, on standard output
    #[command(after_help = "\
Examples:
  TOKEN=$(doorward key rotate acme ak_018f3a52-… --grace 24h)
  doorward key rotate acme ak_018f3a52-… --grace 0s

The new token belongs to a new key, the successor. The old token stays good for the grace, then dies by itself; \
no expiry is extended.")]
    Rotate {
        #[command(flatten)]
        which: Which,
        /// How long the old token stays good: a number with s, m, h, d or w, at most 90d
        #[arg(long, value_name = "DURATION")]
        grace: String,
    },
    /// Switch a key off until it is enabled again
    Disable(Which),
    /// Switch a key on again
    Enable(Which),
    /// Import keys that exist elsewhere, by the SHA-256 of their tokens
    Import(Import),
}

#[derive(Args)]
pub(crate) struct Which {
    /// The institution's id
    institution: String,
    /// The key's id
    key: String,
}

#[derive(Args)]
pub(crate) struct List {
    /// The institution's id
    institution: String,
    /// Only keys of this role: admin or read_only
    #[arg(long)]
    role: Option<String>,
    /// Only keys of this status: active, disabled, expired or revoked
    #[arg(long)]
    status: Option<String>,
    /// Revoked keys as well
    #[arg(long)]
    include_revoked: bool,
    #[command(flatten)]
    paging: Paging,
}

impl Verb {
    pub(crate) fn run(self, door: &Doorward, output: &Output) -> Result<Answer, Failure> {
        match self {
            Self::Create(create) => {
                let created = door.create_key(&create.institution.parse()?, create.key()?)?;
                hand_over(&created, output)?;
            }
            Self::Update(update) => {
                let patch = update.patch()?;
                show(&update.which.on(|institution, key| door.update_key(institution, key, patch))?, output)?;
            }
            Self::List(list) => {
                let page = door.list_keys(&list.query()?)?;
                let now = Timestamp::now();
                let heading = ["ID", "HINT", "LABEL", "ROLE", "STATUS", "CREATED", "EXPIRES", "LAST USED"];
                output.show(&page, || table(heading, page.items.iter().map(|key| row(key, now))))?;
                paging::remark(&page, output);
            }
            Self::Show(which) => show(&which.on(|institution, key| door.get_key(institution, key))?, output)?,
            Self::Revoke { institution, key: Some(key), .. } => {
                show(&Which { institution, key }.on(|institution, key| door.revoke_key(institution, key))?, output)?;
            }
            Self::Revoke { institution, key: None, .. } => {
                let revoked = door.revoke_all_keys(&institution.parse()?)?;
                output.show(&json!({ "revoked": revoked }), || format!("{revoked} keys revoked"))?;
            }
            Self::Rotate { which, grace } => {
                let grace = duration::parse("grace", &grace)?;
                hand_over(&which.on(|institution, key| door.rotate_key(institution, key, grace))?, output)?;
            }
            Self::Disable(which) => show(&which.on(|institution, key| door.disable_key(institution, key))?, output)?,
            Self::Enable(which) => show(&which.on(|institution, key| door.enable_key(institution, key))?, output)?,
            Self::Import(import) => return import.run(door, output),
        }
        Ok(Answer::Done)
    }
}

impl Which {
    /// Does something to the key that the arguments name.
    fn on<T>(&self, act: impl FnOnce(&InstitutionId, &ApiKeyId) -> doorward::Result<T>) -> doorward::Result<T> {
        act(&self.institution.parse()?, &self.key.parse()?)
    }
}

impl List {
    fn query(&self) -> doorward::Result<ApiKeyQuery> {
        Ok(ApiKeyQuery {
            include_revoked: self.include_revoked,
            role: self.role.as_deref().map(str::parse).transpose()?,
            status: self.status.as_deref().map(str::parse).transpose()?,
            page: self.paging.request()?,
            ..ApiKeyQuery::of(self.institution.parse()?)
        })
    }
}

/// Gives out a token: for people and shells it is all that stands on standard output.
fn hand_over(created: &CreatedKey, output: &Output) -> Result<(), Failure> {
    let CreatedKey { token, record: key } = created;
    let printed = output.show(&json!({ "token": token.reveal(), "record": key }), || token.reveal().to_owned());
    printed.map_err(|failure| match failure {
        // Even if nobody reads: a key whose token is lost should not go unnoticed.
        Failure::NobodyReads => lost(key, std::io::ErrorKind::BrokenPipe.into()),
        Failure::Stream(_, error) => lost(key, error),
        failure => failure,
    })?;
    output.remark(&format!(
        "Key {} ({}, {}) is ready. Its token was printed to standard output and cannot be shown again: keep it safe.",
        key.id, key.label, key.role
    ));
    Ok(())
}

fn lost(key: &ApiKey, error: std::io::Error) -> Failure {
    Failure::Stream(format!("the token of {} could not be printed and is lost; revoke or rotate the key", key.id), error)
}

fn show(key: &ApiKey, output: &Output) -> Result<(), Failure> {
    output.show(key, || {
        record([
            ("id", key.id.to_string()),
            ("institution", key.institution_id.to_string()),
            ("hint", key.hint.to_string()),
            ("key hash", key.key_hash.to_string()),
            ("label", key.label.clone()),
            ("role", key.role.to_string()),
            ("status", key.status(Timestamp::now()).to_string()),
            ("created", time(key.created_at)),
            ("expires", maybe_time(key.expires_at)),
            ("disabled", maybe_time(key.disabled_at)),
            ("revoked", maybe_time(key.revoked_at)),
            ("last used", maybe_time(key.last_used_at)),
            ("allowed from", joined(key.allowed_addresses.entries())),
            ("rate limit", maybe(key.rate_limit.map(members::written))),
            ("metadata", serde_json::Value::Object(key.metadata.clone()).to_string()),
            ("rotated from", maybe(key.rotated_from.as_ref())),
            ("rotated to", maybe(key.rotated_to.as_ref())),
            ("version", key.version.to_string()),
        ])
    })
}

fn row(key: &ApiKey, now: Timestamp) -> [String; 8] {
    [
        key.id.to_string(),
        key.hint.to_string(),
        key.label.clone(),
        key.role.to_string(),
        key.status(now).to_string(),
        time(key.created_at),
        maybe_time(key.expires_at),
        maybe_time(key.last_used_at),
    ]
}
