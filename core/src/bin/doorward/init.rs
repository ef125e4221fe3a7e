//! `doorward init`

use clap::Args;
use doorward::{
    Doorward, StoreConfig,
    store::postgres::{Adoption, PostgresStore},
};
use serde_json::json;

use crate::{connection::Connection, failure::Failure, output::Output};

#[derive(Args)]
#[command(after_help = "\
Examples:
  doorward init
  doorward --database-url postgres://admin@db.example/app init --dry-run
  DOORWARD_SCHEMA=public doorward --database-url postgres://admin@db.example/app init --adopt")]
pub(crate) struct Init {
    /// Take over the tables of an application that already keeps keys in the schema (PostgreSQL). It adds columns, tables
    /// and triggers, in one transaction; it drops and rewrites nothing
    #[arg(long)]
    adopt: bool,
    /// Print the SQL that would be run, and run nothing (PostgreSQL)
    #[arg(long)]
    dry_run: bool,
}

impl Init {
    /// Makes the tables and opens the database; nothing is opened by a dry run.
    pub(crate) fn make(&self, connection: &Connection, output: &Output) -> Result<Option<Doorward>, Failure> {
        let config = connection.config()?;
        if let StoreConfig::Postgres(options) = config.store() {
            let adoption = if self.adopt { Adoption::Allow } else { Adoption::Refuse };
            if self.dry_run {
                let sql = PostgresStore::plan(options.clone(), adoption)?;
                let text = sql.clone().unwrap_or_else(|| "-- Everything is there already.".to_owned());
                output.show(&json!({ "sql": sql }), || text.trim_end().to_owned())?;
                return Ok(None);
            }
            if self.adopt {
                drop(PostgresStore::adopt(options.clone())?);
            }
        } else if self.adopt || self.dry_run {
            return Err(Failure::Usage("--adopt and --dry-run are for PostgreSQL"));
        }
        Ok(Some(Doorward::open(config)?))
    }
}
