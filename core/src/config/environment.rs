//! The environment variables and what each accepts.

use std::{path::PathBuf, str::FromStr, time::Duration};

use super::{Config, StoreConfig};
use crate::{
    error::{Error, Reason, Result},
    model::{address::AddressList, code::Currency, code::Region, decision::DefaultDecision, rate_limit::RateLimit},
    token::TokenFormat,
};

type Lookup<'a> = &'a dyn Fn(&'static str) -> Result<Option<String>>;

/// Variables that ask for what this build does not have, whatever they are set to.
const NOT_THERE_YET: &[(&str, &str)] = &[
    ("DOORWARD_ENCRYPTION_KEYS", "encryption at rest"),
    #[cfg(not(feature = "postgres"))]
    ("DOORWARD_SCHEMA", "PostgreSQL"),
    #[cfg(not(feature = "postgres"))]
    ("DOORWARD_POOL_MAX", "PostgreSQL"),
    #[cfg(not(feature = "postgres"))]
    ("DOORWARD_POOL_ACQUIRE_TIMEOUT_MS", "PostgreSQL"),
    #[cfg(not(feature = "postgres"))]
    ("DOORWARD_STATEMENT_TIMEOUT_MS", "PostgreSQL"),
];

pub(super) fn read(lookup: Lookup<'_>) -> Result<Config> {
    for &(name, feature) in NOT_THERE_YET {
        if lookup(name)?.is_some() {
            return Err(unsupported(name, feature));
        }
    }
    #[cfg(feature = "postgres")]
    postgres::check(lookup)?;
    check_consistency(lookup)?;

    let mut config = Config { store: store(lookup)?, ..Config::default() };
    let brand = lookup("DOORWARD_TOKEN_BRAND")?.unwrap_or_else(|| "dw".to_owned());
    let env = lookup("DOORWARD_TOKEN_ENV")?.unwrap_or_else(|| "live".to_owned());
    config = config.token_format(TokenFormat::new(&brand, &env).map_err(|error| {
        let name = if error.blamed_field() == Some("brand") { "DOORWARD_TOKEN_BRAND" } else { "DOORWARD_TOKEN_ENV" };
        invalid(name, error.message())
    })?);
    if let Some(token) = lookup("ROOT_API_KEY")? {
        config = config.root_token(&token)?;
    }
    if let Some(addresses) = addresses(lookup, "ROOT_API_KEY_ALLOWED_IPS")? {
        config = config.root_allowed_addresses(addresses)?;
    }
    if let Some(proxies) = addresses(lookup, "DOORWARD_TRUSTED_PROXIES")? {
        config = config.trusted_proxies(proxies);
    }
    let regions: Vec<Region> = list(lookup, "DOORWARD_REGIONS")?;
    let currencies: Vec<Currency> = list(lookup, "DOORWARD_CURRENCIES")?;
    config = config.vocabulary(regions, currencies);
    if let Some(decision) =
        one_of(lookup, "DOORWARD_DEFAULT_DECISION", &[("allow", DefaultDecision::Allow), ("deny", DefaultDecision::Deny)])?
    {
        config = config.default_decision(decision);
    }
    if let Some(enabled) = one_of(lookup, "METRICS_ENABLED", &[("true", true), ("false", false)])? {
        config = config.metrics(enabled);
    }
    if let Some(limit) = rate_limit(lookup)? {
        config = config.rate_limit(limit);
    }
    if let Some(failures) = whole(lookup, "DOORWARD_FAILURES_PER_MINUTE")? {
        let limit = RateLimit::new(failures, Duration::from_secs(60));
        config =
            config.failure_limit(limit.map_err(|_| invalid("DOORWARD_FAILURES_PER_MINUTE", "must lie between 1 and 1,000,000"))?);
    }
    if let Some(keys) = whole(lookup, "DOORWARD_KEYS_PER_HOUR")? {
        config = config.keys_per_hour(keys)?;
    }
    Ok(config)
}

fn store(lookup: Lookup<'_>) -> Result<StoreConfig> {
    let url = lookup("DATABASE_URL")?;
    match (lookup("STORE_BACKEND")?.as_deref(), url) {
        (Some("memory"), _) | (None, None) => Ok(StoreConfig::Memory),
        // A host whose records are to last must not end up in memory because one of two variables is missing.
        (None, Some(_)) => {
            let message = "must be set to memory, sqlite or postgres where DATABASE_URL is set";
            Err(Error::new(Reason::MissingVariable, message).field("STORE_BACKEND"))
        }
        (Some("sqlite"), url) => sqlite_path(url.as_deref()).map(StoreConfig::Sqlite),
        #[cfg(feature = "postgres")]
        (Some("postgres"), Some(url)) => postgres::options(lookup, url).map(StoreConfig::Postgres),
        #[cfg(feature = "postgres")]
        (Some("postgres"), None) => {
            let message = "must be set to postgres://… where STORE_BACKEND is postgres";
            Err(Error::new(Reason::MissingVariable, message).field("DATABASE_URL"))
        }
        #[cfg(not(feature = "postgres"))]
        (Some("postgres"), _) => Err(unsupported("STORE_BACKEND", "PostgreSQL")),
        (Some(_), _) => Err(invalid("STORE_BACKEND", "must be memory, sqlite or postgres")),
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    //! What concerns PostgreSQL alone.

    use std::time::Duration;

    use super::{Lookup, invalid};
    use crate::{error::Result, store::postgres::PostgresOptions};

    /// Refuses values that are wrong whichever store is used.
    pub(super) fn check(lookup: Lookup<'_>) -> Result<()> {
        options(lookup, "postgres://localhost".to_owned()).map(drop)
    }

    pub(super) fn options(lookup: Lookup<'_>, url: String) -> Result<PostgresOptions> {
        let mut options = PostgresOptions::new(url)?;
        if let Some(schema) = lookup("DOORWARD_SCHEMA")? {
            options = options.schema(&schema)?;
        }
        if let Some(most) = number(lookup, "DOORWARD_POOL_MAX")? {
            options = options.pool_max(usize::try_from(most).unwrap_or(usize::MAX))?;
        }
        if let Some(millis) = number(lookup, "DOORWARD_POOL_ACQUIRE_TIMEOUT_MS")? {
            options = options.acquire_timeout(Duration::from_millis(millis))?;
        }
        if let Some(millis) = number(lookup, "DOORWARD_STATEMENT_TIMEOUT_MS")? {
            options = options.statement_timeout(Duration::from_millis(millis))?;
        }
        Ok(options)
    }

    fn number(lookup: Lookup<'_>, name: &'static str) -> Result<Option<u64>> {
        let number = lookup(name)?.map(|text| text.parse().map_err(|_| invalid(name, "must be a whole number greater than 0")));
        number.transpose()
    }
}

/// Reads `sqlite:PATH`, with or without the two slashes that many tools write. Parameters, which some of them write too, would
/// be taken for a part of the file's name.
fn sqlite_path(url: Option<&str>) -> Result<PathBuf> {
    let Some(url) = url else { return Ok(PathBuf::from("doorward.db")) };
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    // The URL may be somebody else's, with a password in it: it is not repeated.
    path.filter(|path| !path.is_empty() && !path.contains('?'))
        .map(PathBuf::from)
        .ok_or_else(|| invalid("DATABASE_URL", "must be sqlite:PATH, without parameters, where STORE_BACKEND is sqlite"))
}

fn check_consistency(lookup: Lookup<'_>) -> Result<()> {
    const NAME: &str = "DOORWARD_CONSISTENCY";
    match lookup(NAME)?.as_deref() {
        None | Some("strong") => Ok(()),
        Some("leased") => Err(unsupported(NAME, "the consistency mode leased")),
        Some(mode) if mode.strip_prefix("bounded:").is_some_and(|millis| millis.parse::<u64>().is_ok()) => {
            Err(unsupported(NAME, "the consistency mode bounded"))
        }
        Some(_) => Err(invalid(NAME, "must be strong, leased or bounded:MS")),
    }
}

/// The limit of each key. The numbers must be right even where it is switched off.
fn rate_limit(lookup: Lookup<'_>) -> Result<Option<RateLimit>> {
    const WINDOW: &str = "RATE_LIMIT_WINDOW_MS";
    const MOST: &str = "RATE_LIMIT_MAX_REQUESTS";
    let window = Duration::from_millis(whole(lookup, WINDOW)?.unwrap_or(60_000).into());
    let limit = RateLimit::new(whole(lookup, MOST)?.unwrap_or(1000), window).map_err(|error| {
        let name = if error.blamed_field() == Some("window_ms") { WINDOW } else { MOST };
        invalid(name, error.message())
    })?;
    let enabled = one_of(lookup, "RATE_LIMIT_ENABLED", &[("true", true), ("false", false)])?;
    Ok(Some(limit).filter(|_| enabled == Some(true)))
}

fn whole(lookup: Lookup<'_>, name: &'static str) -> Result<Option<u32>> {
    let Some(text) = lookup(name)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| invalid(name, "must be a whole number greater than 0"))
}

fn addresses(lookup: Lookup<'_>, name: &'static str) -> Result<Option<AddressList>> {
    let Some(text) = lookup(name)? else { return Ok(None) };
    let list: AddressList = text.parse().map_err(|error: Error| invalid(name, error.message()))?;
    // An empty list would mean "from anywhere" for the root token; whoever set the variable meant something else.
    if list.is_empty() {
        return Err(invalid(name, "must name at least one address or CIDR range"));
    }
    Ok(Some(list))
}

fn list<T: FromStr<Err = Error>>(lookup: Lookup<'_>, name: &'static str) -> Result<Vec<T>> {
    let Some(text) = lookup(name)? else { return Ok(Vec::new()) };
    text.split(',').map(|code| code.trim().parse().map_err(|error: Error| invalid(name, error.message()))).collect()
}

fn one_of<T: Copy>(lookup: Lookup<'_>, name: &'static str, choices: &[(&str, T)]) -> Result<Option<T>> {
    let Some(value) = lookup(name)? else { return Ok(None) };
    let chosen = choices.iter().find(|(word, _)| *word == value).map(|(_, choice)| *choice);
    chosen.map(Some).ok_or_else(|| {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        invalid(name, &format!("must be {}", words.join(" or ")))
    })
}

pub(super) fn invalid(name: &'static str, message: &str) -> Error {
    Error::new(Reason::InvalidVariable, message.to_owned()).field(name)
}

fn unsupported(name: &'static str, feature: &str) -> Error {
    Error::new(Reason::Unsupported, format!("asks for {feature}, which this build does not have")).field(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(variables: &[(&str, &str)]) -> (Reason, String) {
        let error = Config::from_variables(variables.iter().copied()).unwrap_err();
        (error.reason(), error.blamed_field().unwrap().to_owned())
    }

    #[test]
    fn nothing_set_means_memory() {
        let config = Config::from_variables([]).unwrap();
        assert_eq!(config.store, StoreConfig::Memory);
        assert!(config.metrics.enabled && config.root.is_none());
    }

    #[test]
    fn a_sqlite_path_is_read_with_or_without_slashes() {
        for (url, path) in [("sqlite:a/b.db", "a/b.db"), ("sqlite:///srv/x.db", "/srv/x.db"), ("sqlite:/srv/x.db", "/srv/x.db")] {
            let config = Config::from_variables([("STORE_BACKEND", "sqlite"), ("DATABASE_URL", url)]).unwrap();
            assert_eq!(config.store, StoreConfig::Sqlite(path.into()));
        }
        let config = Config::from_variables([("STORE_BACKEND", "sqlite")]).unwrap();
        assert_eq!(config.store, StoreConfig::Sqlite("doorward.db".into()));
    }

    #[test]
    fn what_is_set_but_wrong_is_refused_by_name() {
        use Reason::{InvalidVariable, MissingVariable, Unsupported};
        type Case = (&'static [(&'static str, &'static str)], Reason, &'static str);
        let cases: &[Case] = &[
            (&[("STORE_BACKEND", "redis")], InvalidVariable, "STORE_BACKEND"),
            (&[("STORE_BACKEND", "")], InvalidVariable, "STORE_BACKEND"),
            #[cfg(not(feature = "postgres"))]
            (&[("STORE_BACKEND", "postgres")], Unsupported, "STORE_BACKEND"),
            #[cfg(feature = "postgres")]
            (&[("STORE_BACKEND", "postgres")], MissingVariable, "DATABASE_URL"),
            #[cfg(feature = "postgres")]
            (&[("STORE_BACKEND", "postgres"), ("DATABASE_URL", "sqlite:x.db")], InvalidVariable, "DATABASE_URL"),
            (&[("DATABASE_URL", "sqlite:x.db")], MissingVariable, "STORE_BACKEND"),
            (&[("STORE_BACKEND", "sqlite"), ("DATABASE_URL", "postgres://x")], InvalidVariable, "DATABASE_URL"),
            (&[("STORE_BACKEND", "sqlite"), ("DATABASE_URL", "sqlite:")], InvalidVariable, "DATABASE_URL"),
            (&[("STORE_BACKEND", "sqlite"), ("DATABASE_URL", "sqlite:x.db?mode=ro")], InvalidVariable, "DATABASE_URL"),
            (&[("ROOT_API_KEY", "short")], InvalidVariable, "ROOT_API_KEY"),
            (&[("ROOT_API_KEY_ALLOWED_IPS", "10.0.0.1")], MissingVariable, "ROOT_API_KEY"),
            (
                &[("ROOT_API_KEY", "x23456789012345678901234567890123"), ("ROOT_API_KEY_ALLOWED_IPS", " ")],
                InvalidVariable,
                "ROOT_API_KEY_ALLOWED_IPS",
            ),
            (&[("DOORWARD_TRUSTED_PROXIES", "10.0.0.0/99")], InvalidVariable, "DOORWARD_TRUSTED_PROXIES"),
            (&[("DOORWARD_TOKEN_BRAND", "X")], InvalidVariable, "DOORWARD_TOKEN_BRAND"),
            (&[("DOORWARD_TOKEN_ENV", "toolong")], InvalidVariable, "DOORWARD_TOKEN_ENV"),
            (&[("DOORWARD_REGIONS", "BR,")], InvalidVariable, "DOORWARD_REGIONS"),
            (&[("DOORWARD_CURRENCIES", "x")], InvalidVariable, "DOORWARD_CURRENCIES"),
            (&[("DOORWARD_DEFAULT_DECISION", "maybe")], InvalidVariable, "DOORWARD_DEFAULT_DECISION"),
            (&[("DOORWARD_CONSISTENCY", "leased")], Unsupported, "DOORWARD_CONSISTENCY"),
            (&[("DOORWARD_CONSISTENCY", "bounded:500")], Unsupported, "DOORWARD_CONSISTENCY"),
            (&[("DOORWARD_CONSISTENCY", "bounded:")], InvalidVariable, "DOORWARD_CONSISTENCY"),
            #[cfg(feature = "postgres")]
            (&[("DOORWARD_POOL_MAX", "0")], InvalidVariable, "DOORWARD_POOL_MAX"),
            #[cfg(feature = "postgres")]
            (&[("DOORWARD_SCHEMA", "A")], InvalidVariable, "DOORWARD_SCHEMA"),
            #[cfg(not(feature = "postgres"))]
            (&[("DOORWARD_POOL_MAX", "10")], Unsupported, "DOORWARD_POOL_MAX"),
            (&[("DOORWARD_ENCRYPTION_KEYS", "k:AAAA")], Unsupported, "DOORWARD_ENCRYPTION_KEYS"),
            (&[("RATE_LIMIT_ENABLED", "1")], InvalidVariable, "RATE_LIMIT_ENABLED"),
            (&[("RATE_LIMIT_WINDOW_MS", "0")], InvalidVariable, "RATE_LIMIT_WINDOW_MS"),
            (&[("RATE_LIMIT_WINDOW_MS", "86400001")], InvalidVariable, "RATE_LIMIT_WINDOW_MS"),
            (&[("RATE_LIMIT_MAX_REQUESTS", "many")], InvalidVariable, "RATE_LIMIT_MAX_REQUESTS"),
            (&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_MAX_REQUESTS", "0")], InvalidVariable, "RATE_LIMIT_MAX_REQUESTS"),
            (&[("DOORWARD_FAILURES_PER_MINUTE", "0")], InvalidVariable, "DOORWARD_FAILURES_PER_MINUTE"),
            (&[("DOORWARD_KEYS_PER_HOUR", "-1")], InvalidVariable, "DOORWARD_KEYS_PER_HOUR"),
            (&[("METRICS_ENABLED", "yes")], InvalidVariable, "METRICS_ENABLED"),
        ];
        for (variables, reason, field) in cases {
            assert_eq!(error(variables), (*reason, (*field).to_owned()), "{variables:?}");
        }
    }

    #[test]
    fn no_secret_shows_in_a_config_or_in_its_errors() {
        let secret = "correct-horse-battery-staple-and-more";
        let config = Config::from_variables([("ROOT_API_KEY", secret)]).unwrap();
        assert!(!format!("{config:?}").contains(secret));
        // People choose root tokens: from a hash one could guess them.
        assert!(!format!("{config:?}").contains(&crate::KeyHash::of(secret).to_string()));
        let url = "postgres://user:hunter2@host/db";
        let error = Config::from_variables([("STORE_BACKEND", "sqlite"), ("DATABASE_URL", url)]).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
