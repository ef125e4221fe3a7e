//! How a door is opened: the variables that the core knows, and what no variable says.

use std::collections::BTreeMap;

use doorward::{Config, Error, Reason, Result};
use serde::Deserialize;
use zeroize::Zeroizing;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    variables: BTreeMap<String, String>,
    #[serde(default)]
    audit_authentications: bool,
    #[serde(default)]
    audit_reads: bool,
    memory_audit_capacity: Option<usize>,
}

/// The most audit events that may be kept in memory.
const MOST_EVENTS: usize = 1 << 24;

/// Reads options from their JSON; the package's JavaScript has looked at their names and types.
pub(crate) fn config(text: &str) -> Result<Config> {
    // serde_json's message may quote a value, which may be a secret.
    let options: Options =
        serde_json::from_str(text).map_err(|_| Error::new(Reason::InvalidVariable, "the options cannot be read"))?;
    let variables: Vec<_> = options.variables.into_iter().map(|(name, value)| (name, Zeroizing::new(value))).collect();
    let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let config = Config::from_variables(variables)?.audit_successes(options.audit_authentications, options.audit_reads);
    match options.memory_audit_capacity {
        Some(events) if events > MOST_EVENTS => {
            Err(Error::new(Reason::OutOfRange, "must be at most 16,777,216").field("memoryAuditCapacity"))
        }
        Some(events) => Ok(config.memory_audit_capacity(events)),
        None => Ok(config),
    }
}
