//! What a key is created with, and what of it can be changed.

use clap::Args;
use doorward::{AddressList, Error, KeyPatch, NewKey, RateLimit, Reason, Result, Timestamp, metadata_from_json};

use crate::{duration, key::Which};

#[derive(Args)]
pub(crate) struct Create {
    /// The institution's id
    pub(crate) institution: String,
    /// What the key is for, 1 to 255 characters
    #[arg(long)]
    label: String,
    /// What it may do: admin or read_only
    #[arg(long)]
    role: String,
    #[command(flatten)]
    members: Members,
}

#[derive(Args)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) which: Which,
    /// What the key is for, 1 to 255 characters
    #[arg(long)]
    label: Option<String>,
    #[command(flatten)]
    members: Members,
    /// No expiry any more
    #[arg(long, conflicts_with_all = ["expires_at", "expires_in"])]
    no_expiry: bool,
    /// From anywhere again
    #[arg(long, conflicts_with = "allow")]
    allow_anywhere: bool,
    /// No limit of its own any more: the one that the configuration gives to all, if it does
    #[arg(long, conflicts_with = "rate_limit")]
    no_rate_limit: bool,
}

/// What a key may have, and need not.
#[derive(Args)]
struct Members {
    /// From when on it is no longer good, as 2026-12-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// After how long it is no longer good: a number with s, m, h, d or w
    #[arg(long, value_name = "DURATION", conflicts_with = "expires_at")]
    expires_in: Option<String>,
    /// From where it may be used: addresses and CIDR ranges, several with commas; else from anywhere
    #[arg(long, value_name = "ADDRESSES")]
    allow: Option<String>,
    /// How often it is accepted, as 100/1m: 1 to 1,000,000 requests in 1ms to 1d; else as the configuration says
    #[arg(long, value_name = "REQUESTS/DURATION")]
    rate_limit: Option<String>,
    /// Data of your own, a JSON object
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
}

impl Create {
    pub(crate) fn key(&self) -> Result<NewKey> {
        let mut key = NewKey::new(&self.label, self.role.parse()?);
        key.expires_at = self.members.expiry()?;
        key.allowed_addresses = self.members.addresses()?.unwrap_or_default();
        key.rate_limit = self.members.limit()?;
        if let Some(metadata) = &self.members.metadata {
            key.metadata = metadata_from_json(metadata)?;
        }
        Ok(key)
    }
}

impl Update {
    pub(crate) fn patch(&self) -> Result<KeyPatch> {
        let patch = KeyPatch {
            label: self.label.clone(),
            expires_at: self.members.expiry()?.map(Some).or(self.no_expiry.then_some(None)),
            allowed_addresses: self.members.addresses()?.or(self.allow_anywhere.then(AddressList::default)),
            rate_limit: self.members.limit()?.map(Some).or(self.no_rate_limit.then_some(None)),
            metadata: self.members.metadata.as_deref().map(metadata_from_json).transpose()?,
            expected_version: None,
        };
        if patch == KeyPatch::default() {
            return Err(Error::new(Reason::Required, "says nothing that is to change; see `doorward help key update`"));
        }
        Ok(patch)
    }
}

impl Members {
    fn expiry(&self) -> Result<Option<Timestamp>> {
        Ok(match (&self.expires_at, &self.expires_in) {
            (Some(at), _) => Some(at.parse().map_err(|error: Error| error.field("expires_at"))?),
            (None, Some(length)) => Some(Timestamp::now().plus(duration::parse("expires_in", length)?)),
            (None, None) => None,
        })
    }

    fn addresses(&self) -> Result<Option<AddressList>> {
        let Some(addresses) = &self.allow else { return Ok(None) };
        let addresses: AddressList = addresses.parse().map_err(|error: Error| error.inside("allow"))?;
        // An empty list would mean "from anywhere"; whoever gives the option means something else.
        if addresses.is_empty() {
            return Err(Error::new(Reason::Empty, "must name at least one address or CIDR range").field("allow"));
        }
        Ok(Some(addresses))
    }

    fn limit(&self) -> Result<Option<RateLimit>> {
        let Some(text) = &self.rate_limit else { return Ok(None) };
        let parts = text.split_once('/').and_then(|(requests, window)| Some((requests.parse().ok()?, window)));
        let (requests, window) = parts
            .ok_or_else(|| Error::new(Reason::InvalidFormat, "must be requests and a time, like 100/1m").field("rate_limit"))?;
        RateLimit::new(requests, duration::parse("rate_limit", window)?).map(Some).map_err(|error| error.inside("rate_limit"))
    }
}

/// A limit as it is given on the command line.
pub(crate) fn written(limit: RateLimit) -> String {
    format!("{}/{}", limit.max_requests(), duration::written(limit.window()))
}
