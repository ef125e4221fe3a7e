//! Which database, and how it is opened.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use doorward::{
    Config, Doorward, Error, Reason, StoreConfig,
    store::{
        postgres::{Adoption, PostgresStore},
        sqlite::SqliteStore,
    },
};

use crate::{
    failure::{Answer, Failure},
    output::{Output, maybe, record},
};

/// How long a command waits for what it began to be written.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The variables that doorward reads, by how they begin.
const VARIABLES: [&str; 6] = ["DOORWARD_", "STORE_BACKEND", "DATABASE_URL", "ROOT_API_KEY", "RATE_LIMIT_", "METRICS_ENABLED"];

#[derive(Args)]
pub(crate) struct Connection {
    /// The database, instead of what the environment says: sqlite:PATH or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
}

impl Connection {
    /// Opens the database. A mistyped path or name is an error, not a new and empty database.
    pub(crate) fn open(&self) -> Result<Doorward, Failure> {
        let config = self.config()?;
        let missing = match config.store() {
            StoreConfig::Sqlite(path) if !path.exists() => Some(format!("there is no database at {}", path.display())),
            StoreConfig::Sqlite(path) if !SqliteStore::has_tables(path)? => {
                Some(format!("{} has no tables of doorward", path.display()))
            }
            StoreConfig::Postgres(options) if PostgresStore::plan(options.clone(), Adoption::Refuse)?.is_some() => {
                Some("its tables are not there, or not up to date".to_owned())
            }
            _ => None,
        };
        if let Some(what) = missing {
            let message = format!("{what}; doorward init makes them");
            return Err(Error::new(Reason::CannotOpen, message).field("DATABASE_URL").into());
        }
        Ok(Doorward::open(config)?)
    }

    /// What the command line and the environment say.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let mut variables = variables()?;
        if let Some(url) = &self.database_url {
            variables.remove("STORE_BACKEND");
            variables.insert("DATABASE_URL".to_owned(), url.clone());
        }
        let postgres = variables.get("DATABASE_URL").is_some_and(|url| url.starts_with("postgres"));
        let backend = if postgres { "postgres" } else { "sqlite" };
        variables.entry("STORE_BACKEND".to_owned()).or_insert_with(|| backend.to_owned());
        let config = Config::from_variables(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
        if matches!(config.store(), StoreConfig::Memory) {
            let message = "memory ends with the command: use sqlite or postgres, or leave it unset";
            return Err(Error::new(Reason::InvalidVariable, message).field("STORE_BACKEND").into());
        }
        Ok(config)
    }
}

/// The variables of the environment that are doorward's.
fn variables() -> Result<BTreeMap<String, String>, Error> {
    let mut variables = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| VARIABLES.iter().any(|ours| name.starts_with(ours))) else { continue };
        let value =
            value.into_string().map_err(|_| Error::new(Reason::InvalidVariable, "is not UTF-8").field(name.to_owned()))?;
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}

/// Tells what the database is and whether it answers.
pub(crate) fn health(door: &Doorward, output: &Output) -> Result<Answer, Failure> {
    let health = door.health();
    output.show(&health, || {
        record([
            ("backend", health.backend.to_owned()),
            ("reachable", if health.reachable { "yes" } else { "no" }.to_owned()),
            ("error", maybe(health.error)),
            ("schema version", maybe(health.schema_version)),
            ("generation", maybe(health.generation)),
            ("latency", format!("{:.1} ms", health.latency.as_secs_f64() * 1000.0)),
        ])
    })?;
    Ok(health.error.map_or(Answer::Done, |reason| Answer::No(reason.kind())))
}
