//! How a door is opened. The keyword arguments stand for the variables of the README, so that one place checks both.

use std::collections::HashMap;

use doorward::{Config, Error, Reason};
use pyo3::{
    prelude::*,
    types::{PyMapping, PyString},
};

use crate::{
    arguments::{Given, Preset, joined, number, text},
    error::{Trouble, wrong_type},
    rate_limit::rate_limit,
    time,
};

/// The keyword arguments of `open`, whose names and defaults are the same on both handles.
pub(crate) struct Options<'a, 'py> {
    pub(crate) store: &'a Preset<'py, &'static str>,
    pub(crate) database_url: Option<Given<'a, 'py>>,
    pub(crate) schema: Option<Given<'a, 'py>>,
    pub(crate) pool_max: Option<Given<'a, 'py>>,
    pub(crate) pool_acquire_timeout: Option<Given<'a, 'py>>,
    pub(crate) statement_timeout: Option<Given<'a, 'py>>,
    pub(crate) root_api_key: Option<Given<'a, 'py>>,
    pub(crate) root_api_key_allowed_ips: Option<Given<'a, 'py>>,
    pub(crate) trusted_proxies: Option<Given<'a, 'py>>,
    pub(crate) token_brand: &'a Preset<'py, &'static str>,
    pub(crate) token_env: &'a Preset<'py, &'static str>,
    pub(crate) regions: Option<Given<'a, 'py>>,
    pub(crate) currencies: Option<Given<'a, 'py>>,
    pub(crate) default_decision: &'a Preset<'py, &'static str>,
    pub(crate) rate_limit: Option<Given<'a, 'py>>,
    pub(crate) failures_per_minute: Option<Given<'a, 'py>>,
    pub(crate) keys_per_hour: Option<Given<'a, 'py>>,
    pub(crate) metrics: bool,
    pub(crate) audit_authentications: bool,
    pub(crate) audit_reads: bool,
    pub(crate) memory_audit_capacity: &'a Preset<'py, u64>,
}

impl Options<'_, '_> {
    pub(crate) fn config(&self) -> Result<Config, Trouble> {
        let mut variables = HashMap::new();
        let words = [
            ("STORE_BACKEND", self.store, "store"),
            ("DOORWARD_TOKEN_BRAND", self.token_brand, "token_brand"),
            ("DOORWARD_TOKEN_ENV", self.token_env, "token_env"),
            ("DOORWARD_DEFAULT_DECISION", self.default_decision, "default_decision"),
        ];
        for (variable, word, name) in words {
            variables.insert(variable, word.text(name)?.to_owned());
        }
        let texts = [
            ("DATABASE_URL", self.database_url, "database_url"),
            ("DOORWARD_SCHEMA", self.schema, "schema"),
            ("ROOT_API_KEY", self.root_api_key, "root_api_key"),
        ];
        for (variable, value, name) in texts {
            value.map_or(Ok(()), |value| text(value, name).map(|text| _ = variables.insert(variable, text.to_owned())))?;
        }
        let lists = [
            ("ROOT_API_KEY_ALLOWED_IPS", self.root_api_key_allowed_ips, "root_api_key_allowed_ips"),
            ("DOORWARD_TRUSTED_PROXIES", self.trusted_proxies, "trusted_proxies"),
            ("DOORWARD_REGIONS", self.regions, "regions"),
            ("DOORWARD_CURRENCIES", self.currencies, "currencies"),
        ];
        for (variable, value, name) in lists {
            let list = value.map(|value| joined(value, name)).transpose()?;
            // An empty list of the addresses of root would mean "from anywhere": it is refused, as the variable is.
            if let Some(list) = list.filter(|list| !list.is_empty() || variable == "ROOT_API_KEY_ALLOWED_IPS") {
                variables.insert(variable, list);
            }
        }
        let durations = [
            ("DOORWARD_POOL_ACQUIRE_TIMEOUT_MS", self.pool_acquire_timeout, "pool_acquire_timeout"),
            ("DOORWARD_STATEMENT_TIMEOUT_MS", self.statement_timeout, "statement_timeout"),
        ];
        for (variable, value, name) in durations {
            let millis = value.map(|value| time::duration(value, name).map(|duration| duration.as_millis().to_string()));
            millis.transpose()?.map(|millis| variables.insert(variable, millis));
        }
        let numbers = [
            ("DOORWARD_POOL_MAX", self.pool_max, "pool_max"),
            ("DOORWARD_FAILURES_PER_MINUTE", self.failures_per_minute, "failures_per_minute"),
            ("DOORWARD_KEYS_PER_HOUR", self.keys_per_hour, "keys_per_hour"),
        ];
        for (variable, value, name) in numbers {
            value.map_or(Ok(()), |value| number(value, name).map(|number| _ = variables.insert(variable, number.to_string())))?;
        }
        let config = Config::from_variables(variables.iter().map(|(name, value)| (*name, value.as_str())))?;
        self.rest(config)
    }

    /// What no variable says.
    fn rest(&self, config: Config) -> Result<Config, Trouble> {
        const NAME: &str = "memory_audit_capacity";
        let capacity = self.memory_audit_capacity.whole(NAME)?.and_then(|capacity| usize::try_from(capacity).ok());
        let capacity = capacity.filter(|capacity| (1..=1 << 24).contains(capacity));
        let message = "must be from 1 to 16,777,216";
        let capacity = capacity.ok_or_else(|| Error::new(Reason::OutOfRange, message).field(NAME))?;
        let config = match self.rate_limit {
            Some(limit) => config.rate_limit(rate_limit(limit)?),
            None => config,
        };
        let config = config.metrics(self.metrics).audit_successes(self.audit_authentications, self.audit_reads);
        Ok(config.memory_audit_capacity(capacity))
    }
}

/// What the environment says, or a mapping in its place.
pub(crate) fn environment(environ: Option<&Bound<'_, PyAny>>) -> Result<Config, Trouble> {
    let Some(environ) = environ else { return Ok(Config::from_env()?) };
    let mapping = environ.cast::<PyMapping>().map_err(|_| wrong_type(environ, "environ", "be a mapping"))?;
    let mut variables = Vec::new();
    for item in mapping.items()?.iter() {
        let (name, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let name = name
            .cast_into::<PyString>()
            .map_err(|other| wrong_type(other.into_inner().as_any(), "environ", "have texts as keys"))?;
        // As in the process's own environment, a variable whose name is not Unicode is none of ours.
        let Ok(name) = name.to_str() else { continue };
        let value = value.cast_into::<PyString>().map_err(|other| wrong_type(other.into_inner().as_any(), name, "be a text"))?;
        variables.push((name.to_owned(), value));
    }
    let mut texts = Vec::new();
    for (name, value) in &variables {
        match value.to_str() {
            Ok(text) => texts.push((name.as_str(), text)),
            // No variable may be this: if it is one of ours, it will be refused.
            Err(_) => texts.push((name.as_str(), "\u{fffd}")),
        }
    }
    Ok(Config::from_variables(texts)?)
}
