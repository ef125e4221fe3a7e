//! The schema: migrations, embedded and numbered, run once under a lock however many processes start together; and what
//! an application's tables must be like to be taken over (`adoption`).

mod adoption;

use std::time::{Duration, Instant};

use super::{
    Inner,
    errors::Fault,
    statement::{Link, Statements},
};
use crate::error::{Error, Reason, Result};

/// Every migration, in order; the version of a schema is how many of them it has had. One that was released is never changed.
const MIGRATIONS: [(&str, &str); 1] = [("tables", include_str!("../migrations/0001_tables.sql"))];

/// How long the migrations may take: a large table that is adopted gets indexes.
const LIMIT: Duration = Duration::from_secs(600);
/// How long they wait for an application's lock before they let it pass and try again: less than the server's
/// `deadlock_timeout`, 1 s by default, so that the application is not the one that a deadlock hits.
const LOCK_TIMEOUT_MS: u64 = 500;

const MIGRATED: &str = "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = $1 AND c.relname = 'doorward_migrations' AND c.relkind = 'r'";

/// Whether tables that an application made are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// Only empty schemas and doorward's own are accepted.
    Refuse,
    /// An application's tables are taken over.
    Allow,
}

impl Inner {
    /// Brings the schema up to date. Takes no lock if it is.
    pub(super) async fn migrate(&self, adoption: Adoption) -> Result<()> {
        let version = self.ask(&async |link: &mut Link<'_>| self.version(link).await).await?;
        if version == newest() {
            return Ok(());
        }
        let began = Instant::now();
        self.persist(LIMIT, async || match self.migrate_once(adoption).await {
            // To make indexes may take long; to wait for locks, or for a server that is away, need not.
            Err(Fault::Again(error) | Fault::Lost(error)) if began.elapsed() > self.options.operation_limit() => {
                Err(Fault::Final(error))
            }
            answer => answer,
        })
        .await
    }

    async fn migrate_once(&self, adoption: Adoption) -> Result<(), Fault> {
        let mut loan = self.lend().await?;
        let mut link = loan.link()?.limited(LIMIT);
        link.simple(begin(&self.statements)).await?;
        if let Some(sql) = self.missing(&mut link, adoption).await? {
            link.simple(sql).await.map_err(|fault| self.explain(fault))?;
        }
        link.simple("COMMIT".to_owned()).await?;
        loan.give_back();
        Ok(())
    }

    /// What [`migrate`](Self::migrate) would run.
    pub(super) async fn plan(&self, adoption: Adoption) -> Result<Option<String>> {
        let missing = self.ask(&async |link: &mut Link<'_>| self.missing(link, adoption).await).await?;
        Ok(missing.map(|sql| format!("{};\n{sql}\nCOMMIT;\n", begin(&self.statements).replace("; ", ";\n"))))
    }

    /// The version of the schema, 0 for none. `Database` / `newer_schema` if a later doorward made it.
    pub(super) async fn version(&self, link: &mut Link<'_>) -> Result<u64, Fault> {
        // Not by to_regclass: within a transaction that began before another process made the table, it may remember that there
        // was none.
        if !link.exists(MIGRATED, &[self.statements.schema().into()]).await? {
            return Ok(0);
        }
        let version = link.find("SELECT coalesce(max(version), 0) FROM doorward_migrations", &[], |row| row.count(0)).await?;
        let version = version.unwrap_or_default();
        if version > newest() {
            let message = format!("the schema has version {version}; this doorward knows up to {}: use a newer one", newest());
            return Err(Error::new(Reason::NewerSchema, message).into());
        }
        Ok(version)
    }

    /// The statements that the schema lacks.
    async fn missing(&self, link: &mut Link<'_>, adoption: Adoption) -> Result<Option<String>, Fault> {
        let had = self.version(link).await?;
        if had == newest() {
            return Ok(None);
        }
        let name = self.statements.schema();
        let schema = format!("\"{name}\"");
        let mut sql = String::new();
        let theirs = if had == 0 { adoption::check(link, name, adoption).await? } else { Vec::new() };
        if had == 0 && !link.exists("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", &[name.into()]).await? {
            sql.push_str(&format!("CREATE SCHEMA {schema};\n"));
        }
        sql.push_str(&format!("SET LOCAL search_path = {schema};\n"));
        if !theirs.is_empty() {
            // All at once and before anything else: nothing is waited for afterwards.
            sql.push_str(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE;\n", theirs.join(", ")));
        }
        if had == 0 {
            sql.push_str(
                "CREATE TABLE doorward_migrations (version bigint PRIMARY KEY, name text NOT NULL, \
                 applied_at timestamptz NOT NULL);\n",
            );
        }
        for (number, (name, statements)) in (1_u64..).zip(MIGRATIONS).filter(|(number, _)| *number > had) {
            sql.push_str(&format!("\n{}\n", statements.replace("{schema}", &schema)));
            sql.push_str(&format!("INSERT INTO doorward_migrations VALUES ({number}, '{name}', clock_timestamp());\n"));
        }
        Ok(Some(sql))
    }

    /// Says more about why the tables could not be made.
    fn explain(&self, fault: Fault) -> Fault {
        match fault {
            Fault::Final(error) if error.reason() == Reason::PermissionDenied => {
                let message = format!(
                    "the role may not make doorward's tables in the schema {}: have an administrator run doorward init, and \
                     grant as docs/operations.md says",
                    self.statements.schema()
                );
                Fault::Final(Error::new(Reason::PermissionDenied, message).field("DOORWARD_SCHEMA").because(error))
            }
            Fault::Again(error) if error.reason() == Reason::Busy => {
                let message = format!(
                    "another application kept holding locks on the tables in the schema {}; nothing was changed: try again \
                     when it is quiet, or end its long transactions",
                    self.statements.schema()
                );
                Fault::Again(Error::new(Reason::Busy, message).because(error))
            }
            fault => fault,
        }
    }
}

fn newest() -> u64 {
    u64::try_from(MIGRATIONS.len()).unwrap_or(u64::MAX)
}

/// Begins the transaction of a migration, and waits for those of other processes.
fn begin(statements: &Statements) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL client_min_messages = warning; \
         SET LOCAL statement_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {0}; \
         SELECT pg_catalog.pg_advisory_xact_lock({}); SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}",
        LIMIT.as_millis(),
        super::change::lock_number("migrations", statements.schema()),
    )
}
