//! Which database, and how it is opened.

use std::{collections::BTreeMap, path::Path, time::Duration};

use clap::Args;
use doorward::{Config, Doorward, Error, Reason, StoreConfig};

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
    /// The database, instead of what the environment says: sqlite:PATH
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
}

impl Connection {
    /// Opens the database, which is made if it is not there.
    pub(crate) fn make(&self) -> Result<Doorward, Failure> {
        Ok(Doorward::open(self.config()?)?)
    }

    /// Opens the database. A mistyped path is an error, not a new and empty database.
    pub(crate) fn open(&self) -> Result<Doorward, Failure> {
        let config = self.config()?;
        if let StoreConfig::Sqlite(path) = config.store()
            && !path.exists()
        {
            return Err(missing(path).into());
        }
        Ok(Doorward::open(config)?)
    }

    fn config(&self) -> Result<Config, Failure> {
        let mut variables = variables()?;
        if let Some(url) = &self.database_url {
            variables.insert("STORE_BACKEND".to_owned(), "sqlite".to_owned());
            variables.insert("DATABASE_URL".to_owned(), url.clone());
        }
        variables.entry("STORE_BACKEND".to_owned()).or_insert_with(|| "sqlite".to_owned());
        let config = Config::from_variables(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
        if matches!(config.store(), StoreConfig::Memory) {
            let message = "memory ends with the command: use sqlite, or leave it unset";
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

fn missing(path: &Path) -> Error {
    let message = format!("there is no database at {}; doorward init makes one", path.display());
    Error::new(Reason::CannotOpen, message).field("DATABASE_URL")
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
