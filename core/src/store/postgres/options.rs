//! Where the database is and how it is used: [`PostgresOptions`], and what its URL says.

use std::{fmt, str::FromStr, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::error::{Error, Reason, Result};

/// The parameters of a URL that are understood, as libpq names them, and `pgbouncer`.
const PARAMETERS: [&str; 14] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "target_session_attrs",
    "pgbouncer",
];

/// Where a PostgreSQL database is, and how it is used. Its `Debug` output shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    url: String,
    schema: String,
    pool_max: usize,
    acquire_timeout: Duration,
    statement_timeout: Duration,
}

impl PostgresOptions {
    /// The database at `postgres://user:password@host:port/database?parameters`, in the schema `doorward`.
    ///
    /// Several hosts may be named (`host1:5432,host2:5432`): the first that is no standby is used. A Unix socket is named
    /// by `?host=/path`. Parameters are those of libpq: `sslmode` (`disable`, `prefer`, `require`, `verify-ca`,
    /// `verify-full`), `sslrootcert`, `sslcert`, `sslkey`, `host`, `port`, `dbname`, `user`, `password`,
    /// `application_name`, `options`, `target_session_attrs` (`read-write`, which holds anyway). `sslmode=require` with an
    /// `sslrootcert` means `verify-ca`. `pgbouncer=true` stands for a pooler that gives each transaction another
    /// connection: no statement is prepared then, and each operation is a transaction.
    ///
    /// # Errors
    /// `Config` / `invalid_variable` naming `DATABASE_URL`. The URL is not repeated: it may hold a password.
    pub fn new(url: impl Into<String>) -> Result<Self> {
        let options = Self {
            url: url.into(),
            schema: "doorward".to_owned(),
            pool_max: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
        };
        Target::read(&options)?;
        Ok(options)
    }

    /// The schema of the tables; `doorward` by default. Another one, say `public`, for tables that were adopted.
    ///
    /// # Errors
    /// `Config` / `invalid_variable` naming `DOORWARD_SCHEMA` unless it is 1 to 63 of `a-z 0-9 _`, and no digit first.
    pub fn schema(mut self, name: &str) -> Result<Self> {
        let first = name.bytes().next();
        let valid = name.len() <= 63
            && first.is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_')
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !name.starts_with("pg_");
        if !valid {
            let message = "must be 1 to 63 of a-z 0-9 _, begin with no digit and not with pg_";
            return Err(invalid("DOORWARD_SCHEMA", message));
        }
        self.schema = name.to_owned();
        Ok(self)
    }

    /// How many connections there are at most; 10 by default.
    ///
    /// # Errors
    /// `Config` / `invalid_variable` naming `DOORWARD_POOL_MAX` unless it is 1 to 1000.
    pub fn pool_max(mut self, connections: usize) -> Result<Self> {
        if !(1..=1000).contains(&connections) {
            return Err(invalid("DOORWARD_POOL_MAX", "must be a whole number from 1 to 1000"));
        }
        self.pool_max = connections;
        Ok(self)
    }

    /// How long an operation waits for a connection, a new one included; 5 s by default.
    ///
    /// # Errors
    /// `Config` / `invalid_variable` naming `DOORWARD_POOL_ACQUIRE_TIMEOUT_MS` unless it is 1 ms to 1 h.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Result<Self> {
        self.acquire_timeout = bounded("DOORWARD_POOL_ACQUIRE_TIMEOUT_MS", timeout)?;
        Ok(self)
    }

    /// How long a statement may take; 5 s by default. The server ends it then, and so does doorward if the server does not.
    ///
    /// # Errors
    /// `Config` / `invalid_variable` naming `DOORWARD_STATEMENT_TIMEOUT_MS` unless it is 1 ms to 1 h.
    pub fn statement_timeout(mut self, timeout: Duration) -> Result<Self> {
        self.statement_timeout = bounded("DOORWARD_STATEMENT_TIMEOUT_MS", timeout)?;
        Ok(self)
    }

    pub(super) fn schema_name(&self) -> &str {
        &self.schema
    }

    pub(super) fn most_connections(&self) -> usize {
        self.pool_max
    }

    pub(super) fn acquire_limit(&self) -> Duration {
        self.acquire_timeout
    }

    pub(super) fn statement_limit(&self) -> Duration {
        self.statement_timeout
    }

    /// How long an operation takes at most, all its attempts together.
    pub(super) fn operation_limit(&self) -> Duration {
        self.operation_limit_of(1)
    }

    /// The same for one that has so many long statements.
    pub(super) fn operation_limit_of(&self, statements: usize) -> Duration {
        let statements = u32::try_from(statements.max(1)).unwrap_or(u32::MAX);
        self.acquire_timeout.saturating_add(self.statement_timeout.saturating_mul(statements))
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = Target::read(self).map(|target| target.places()).unwrap_or_default();
        f.debug_struct("PostgresOptions")
            .field("hosts", &hosts)
            .field("schema", &self.schema)
            .field("pool_max", &self.pool_max)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .finish()
    }
}

fn bounded(name: &'static str, timeout: Duration) -> Result<Duration> {
    if (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&timeout) {
        return Ok(timeout);
    }
    Err(invalid(name, "must be a whole number of milliseconds from 1 to 3600000"))
}

fn invalid(name: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Reason::InvalidVariable, message).field(name)
}

fn wrong_url(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    invalid("DATABASE_URL", message)
}

/// What the URL says: how to connect to each of its hosts.
pub(super) struct Target {
    pub(super) hosts: Vec<PgConnectOptions>,
    /// Whether a transaction pooler stands between, which keeps no session for us.
    pub(super) pooled: bool,
}

impl Target {
    pub(super) fn read(options: &PostgresOptions) -> Result<Self> {
        let (scheme, rest) = options
            .url
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql"))
            .ok_or_else(|| wrong_url("must be postgres://user:password@host:port/database"))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            // Else a password with a slash in it would be read as port and database, and shown.
            None if authority.contains(':') && rest.split('=').next().is_some_and(|shown| shown.contains('@')) => {
                return Err(wrong_url(
                    "has an @ where none is expected: write / as %2F, ? as %3F, # as %23, @ as %40 in a password",
                ));
            }
            None => (String::new(), authority),
        };
        let mut pooled = false;
        let mut targets = Vec::new();
        for host in hosts.split(',') {
            // Without a host the driver takes PGHOST, or the local socket; a URL has to have one to be read.
            let text = format!("{scheme}://{user}{}{rest}", if host.is_empty() && hosts.is_empty() { "localhost" } else { host });
            let mut url = Url::parse(&text)
                .map_err(|error| wrong_url(format!("must be postgres://user:password@host:port/database ({error})")))?;
            pooled = extract(&mut url)?;
            let parsed = PgConnectOptions::from_str(url.as_str());
            let parsed = parsed.map_err(|_| wrong_url("has a parameter with a value that it does not accept"))?;
            if matches!(parsed.get_ssl_mode(), PgSslMode::Allow) {
                let message = "has an sslmode that is not supported: use disable, prefer, require, verify-ca or verify-full";
                return Err(wrong_url(message));
            }
            // As libpq has it: where a root certificate is given, it is not given for nothing.
            let checked = matches!(parsed.get_ssl_mode(), PgSslMode::Require) && has_root_certificate(&url);
            let parsed = if checked { parsed.ssl_mode(PgSslMode::VerifyCa) } else { parsed };
            targets.push(session(parsed, pooled, options.statement_timeout));
        }
        Ok(Self { hosts: targets, pooled })
    }

    /// The hosts, as they may be shown.
    pub(super) fn places(&self) -> Vec<String> {
        self.hosts.iter().map(place).collect()
    }
}

/// Where a host is, as it may be shown.
pub(super) fn place(host: &PgConnectOptions) -> String {
    let database = host.get_database().unwrap_or_else(|| host.get_username());
    match host.get_socket() {
        Some(socket) => format!("{} port {} database {database}", socket.display(), host.get_port()),
        None => format!("{}:{} database {database}", host.get_host(), host.get_port()),
    }
}

fn has_root_certificate(url: &Url) -> bool {
    url.query_pairs().any(|(name, _)| name == "sslrootcert") || std::env::var_os("PGSSLROOTCERT").is_some()
}

/// Takes doorward's own parameters out of the URL; answers whether a pooler stands between.
fn extract(url: &mut Url) -> Result<bool> {
    let parameters: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let mut pooled = false;
    for (name, value) in &parameters {
        match name.as_str() {
            "pgbouncer" => {
                pooled = match value.as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(wrong_url("has pgbouncer set to something else than true or false")),
                }
            }
            "target_session_attrs" if !matches!(value.as_str(), "read-write" | "primary") => {
                return Err(wrong_url("has target_session_attrs set to something else than read-write: doorward writes"));
            }
            name if PARAMETERS.contains(&name) || name.starts_with("options[") => {}
            name => {
                let message = format!("has the parameter {name}, which is none of {}", PARAMETERS.join(", "));
                return Err(wrong_url(message));
            }
        }
    }
    let kept: Vec<_> =
        parameters.iter().filter(|(name, _)| !matches!(name.as_str(), "pgbouncer" | "target_session_attrs")).collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    Ok(pooled)
}

/// A policy of row level security is to be an error, not a row that is not there: where no policy is found the position may
/// be allowed.
pub(super) const ROW_SECURITY: (&str, &str) = ("row_security", "off");

/// How long a read waits for a lock before it lets go and tries again: a table is locked against reading by an application
/// that empties or changes it, which may want one of ours.
pub(super) const READ_TIMEOUT_MS: u128 = 500;

/// How long to wait for a lock: to wait is to be tried again, and must not look like a statement that takes too long.
pub(super) fn patience(millis: u128, statement_timeout: Duration) -> u128 {
    millis.min(statement_timeout.as_millis() / 2).max(1)
}

/// What every connection asks of its session.
fn session(options: PgConnectOptions, pooled: bool, statement_timeout: Duration) -> PgConnectOptions {
    let name = options.get_application_name().unwrap_or("doorward").to_owned();
    // A pooler refuses parameters that it does not know; what they are for is said again in each transaction.
    let options = options.application_name(&name).extra_float_digits(None);
    if pooled {
        return options.statement_cache_capacity(0);
    }
    let millis = statement_timeout.as_millis();
    let options = options.options([
        ("statement_timeout", millis),
        ("idle_in_transaction_session_timeout", millis),
        ("lock_timeout", patience(READ_TIMEOUT_MS, statement_timeout)),
    ]);
    options.options([ROW_SECURITY])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target> {
        Target::read(&PostgresOptions::new(url)?)
    }

    fn message(url: &str) -> String {
        let error = PostgresOptions::new(url).unwrap_err();
        assert_eq!((error.reason(), error.blamed_field()), (Reason::InvalidVariable, Some("DATABASE_URL")), "{url}");
        error.to_string()
    }

    #[test]
    fn several_hosts_are_read_each_with_its_port() {
        let target = target("postgres://u:p%40ss@one:5433,two/db?sslmode=disable").unwrap();
        assert_eq!(target.places(), ["one:5433 database db", "two:5432 database db"]);
        assert!(!target.pooled);
    }

    #[test]
    fn a_user_may_have_an_at_sign_in_a_parameter() {
        assert_eq!(target("postgres://h:5433/db?user=u@tenant").unwrap().places(), ["h:5433 database db"]);
    }

    #[test]
    fn a_socket_is_named_by_a_parameter() {
        let target = target("postgres:///db?host=/run/postgresql&port=5433&user=u").unwrap();
        assert_eq!(target.places(), ["/run/postgresql port 5433 database db"]);
    }

    #[test]
    fn a_pooler_is_named_by_a_parameter() {
        assert!(target("postgres://u@h/db?pgbouncer=true").unwrap().pooled);
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_repeating_it() {
        for url in [
            "",
            "mysql://u:secret@h/db",
            "postgres:u:secret@h",
            "postgres://u:secret@h:port/db",
            "postgres://u:secret@h/db?sslmode=sometimes",
            "postgres://u:secret@h/db?sslmode=allow",
            "postgres://u:secret@h/db?sslmdoe=require",
            "postgres://u:secret@h/db?pgbouncer=maybe",
            "postgres://u:secret@h/db?target_session_attrs=any",
            "postgres://u:secret@h,:5433x/db",
            "postgres://u:/secret@h/db",
            "postgres://u:12/secret@h/db",
            "postgres://u:12?secret@h/db",
            "postgres://u:12#secret@h/db",
        ] {
            assert!(!message(url).contains("secret"), "{url}");
        }
        assert!(message("postgres://h/db?sslmdoe=require").contains("sslmdoe"));
    }

    #[test]
    fn neither_password_nor_url_is_shown() {
        let options = PostgresOptions::new("postgres://u:secret@h:1/db?password=other_secret").unwrap();
        let shown = format!("{options:?}");
        assert!(!shown.contains("secret") && shown.contains("h:1 database db"), "{shown}");
    }

    #[test]
    fn limits_are_checked_by_name() {
        let options = || PostgresOptions::new("postgres://h/db").unwrap();
        let field = |result: Result<PostgresOptions>| result.unwrap_err().blamed_field().unwrap().to_owned();
        assert_eq!(field(options().pool_max(0)), "DOORWARD_POOL_MAX");
        assert_eq!(field(options().acquire_timeout(Duration::ZERO)), "DOORWARD_POOL_ACQUIRE_TIMEOUT_MS");
        assert_eq!(field(options().statement_timeout(Duration::from_secs(3601))), "DOORWARD_STATEMENT_TIMEOUT_MS");
        for name in ["", "1st", "Public", "a b", "pg_catalog", "x; DROP TABLE y"] {
            assert_eq!(field(options().schema(name)), "DOORWARD_SCHEMA", "{name}");
        }
        assert!(options().schema("public").is_ok());
    }
}
