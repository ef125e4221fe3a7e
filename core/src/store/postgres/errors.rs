//! What PostgreSQL's errors mean to a caller and to a repetition: the one place where its codes are read.

use sqlx::{
    error::DatabaseError,
    postgres::{PgConnectOptions, PgDatabaseError, PgSeverity},
};

use super::options::place;
use crate::error::{Error, Reason};

/// Why an attempt failed, by what may be done about it.
#[derive(Debug)]
pub(super) enum Fault {
    /// It will fail again.
    Final(Error),
    /// The server said that nothing was committed, or nothing was asked of it yet: it may be tried again.
    Again(Error),
    /// The connection is of no more use. What was asked last may have been done.
    Lost(Error),
}

impl Fault {
    /// Whether the server said that it did not do what was asked, on a connection that goes on: a transaction whose
    /// COMMIT is refused so was taken back.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Final(error) | Self::Again(error) => std::error::Error::source(error).is_some_and(|source| source.is::<Said>()),
            Self::Lost(_) => false,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let (code, fatal) = match &error {
            sqlx::Error::Database(said) => (said.code().map(|code| code.into_owned()), is_fatal(said.as_ref())),
            _ => (None, false),
        };
        match (code, &error) {
            (Some(code), _) => match by_code(&code, error) {
                // The server ends the connection with it.
                Self::Final(error) | Self::Again(error) if fatal => Self::Lost(error),
                fault => fault,
            },
            (None, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed) => {
                Self::Lost(Error::new(Reason::StoreUnavailable, "the connection to the database was lost").because(error))
            }
            (None, _) => Self::Final(Error::new(Reason::DatabaseError, "the database's answer could not be read").because(error)),
        }
    }
}

fn is_fatal(said: &dyn DatabaseError) -> bool {
    let severity = said.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity);
    matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic))
}

/// A list of codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn by_code(code: &str, error: sqlx::Error) -> Fault {
    let error = shortened(error);
    match code {
        "40001" | "40P01" => Fault::Again(Error::new(Reason::Busy, "the change met others again and again").because(error)),
        "55P03" => Fault::Again(Error::new(Reason::Busy, "another transaction held a lock for too long").because(error)),
        "57014" => Fault::Final(
            Error::new(Reason::StoreUnavailable, "a statement took longer than DOORWARD_STATEMENT_TIMEOUT_MS").because(error),
        ),
        "25006" => Fault::Lost(
            Error::new(
                Reason::StoreUnavailable,
                "the server may only be read: it is a standby, on its way to be one, or set to default_transaction_read_only",
            )
            .because(error),
        ),
        "53300" | "57P03" => {
            Fault::Again(Error::new(Reason::StoreUnavailable, "the server takes no further connection").because(error))
        }
        // PgBouncer's errors have this code, and end the connection.
        "08P01" => Fault::Lost(Error::new(Reason::StoreUnavailable, "the connection pooler refused or lost us").because(error)),
        "25P03" | "57P01" | "57P02" | "57P05" => {
            Fault::Lost(Error::new(Reason::StoreUnavailable, "the server ended the connection").because(error))
        }
        // Of the second the server does not know whether it was done.
        code if code.starts_with("08") || code == "40003" => {
            Fault::Lost(Error::new(Reason::StoreUnavailable, "the connection to the database was lost").because(error))
        }
        "53100" => Fault::Final(Error::new(Reason::DiskFull, "there is no room left for the database").because(error)),
        code if code.starts_with("53") => {
            Fault::Again(Error::new(Reason::StoreUnavailable, "the server is short of resources").because(error))
        }
        "42501" => {
            let message = "the role lacks a right on doorward's tables: grant it as docs/operations.md says";
            Fault::Final(Error::new(Reason::PermissionDenied, message).because(error))
        }
        "26000" | "42P05" => {
            let message =
                "a prepared statement went astray: if a transaction pooler stands between, add pgbouncer=true to the URL";
            Fault::Lost(Error::new(Reason::StoreUnavailable, message).field("DATABASE_URL").because(error))
        }
        // What a prepared statement gives has changed: a new connection prepares it anew.
        "0A000" if error.message.contains("cached plan") => {
            Fault::Lost(Error::new(Reason::StoreUnavailable, "the tables were changed meanwhile").because(error))
        }
        "3F000" | "42P01" | "42703" => {
            let message = "doorward's tables are not there as expected: is DOORWARD_SCHEMA right, and was doorward init run?";
            Fault::Final(Error::new(Reason::DatabaseError, message).because(error))
        }
        _ => Fault::Final(Error::new(Reason::DatabaseError, "the database failed on a statement").because(error)),
    }
}

/// What is kept of a server's error: not its detail, which repeats values.
fn shortened(error: sqlx::Error) -> Said {
    match error {
        sqlx::Error::Database(said) => {
            let table = said.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::table).map(str::to_owned);
            Said { code: said.code().unwrap_or_default().into_owned(), message: said.message().to_owned(), table }
        }
        other => Said { code: String::new(), message: other.to_string(), table: None },
    }
}

/// What the server said: code, message, and the table if one was named.
#[derive(Debug)]
struct Said {
    code: String,
    message: String,
    table: Option<String>,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match (self.code.as_str(), &self.table) {
            // It was not the server that said it.
            ("", _) => Ok(()),
            (code, None) => write!(f, " (SQLSTATE {code})"),
            (code, Some(table)) => write!(f, " (SQLSTATE {code}, table {table})"),
        }
    }
}

impl std::error::Error for Said {}

/// Why no connection came about. What is wrong with the configuration names `DATABASE_URL` and says what to check.
pub(super) fn unconnected(host: &PgConnectOptions, error: sqlx::Error) -> Fault {
    let place = place(host);
    let configured = |what: &str, error: sqlx::Error| {
        let message = format!("{place}: {what}");
        Fault::Final(Error::new(Reason::CannotOpen, message).field("DATABASE_URL").because(shortened(error)))
    };
    let code = match &error {
        sqlx::Error::Database(said) => said.code().map(|code| code.into_owned()).unwrap_or_default(),
        sqlx::Error::Tls(_) => return configured(&tls(&error.to_string()), error),
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData && io.to_string().contains("certificate") => {
            return configured(&tls(&io.to_string()), error);
        }
        // Of a socket it is the socket that is not there.
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::NotFound && host.get_socket().is_none() => {
            return configured("a file of the URL is not there: check sslrootcert, sslcert and sslkey", error);
        }
        sqlx::Error::Configuration(_) | sqlx::Error::InvalidArgument(_) => {
            return configured("the connection cannot be set up as the URL says", error);
        }
        _ => {
            let message = format!("{place}: the server cannot be reached: check host and port, and that it runs");
            return Fault::Again(Error::new(Reason::StoreUnavailable, message).field("DATABASE_URL").because(shortened(error)));
        }
    };
    match code.as_str() {
        "28P01" => configured("the server refused the password: check user and password", error),
        "28000" => configured("the server refused the user: check the user, pg_hba.conf and sslmode", error),
        "3D000" => configured("there is no such database: check its name, or create it", error),
        "42704" | "22023" => configured("the server refuses a setting of the session: check options", error),
        "42501" => configured("the user may not connect to the database: grant CONNECT", error),
        "08P01" if ["no such database", "does not exist"].iter().any(|words| error.to_string().contains(words)) => {
            configured("the pooler says that there is no such database or user: check their names", error)
        }
        "08P01" if error.to_string().contains("unsupported startup parameter") => {
            configured("the pooler refuses our session parameters: add pgbouncer=true to the URL, and take options out", error)
        }
        "08P01" if error.to_string().contains("auth") => configured("the pooler refused user or password: check them", error),
        code => match by_code(code, error) {
            Fault::Final(error) | Fault::Lost(error) | Fault::Again(error) => {
                let message = format!("{place}: {}", error.message().to_owned());
                Fault::Again(Error::new(error.reason(), message).field("DATABASE_URL").because(error))
            }
        },
    }
}

/// Why there is a connection to none of the hosts.
pub(super) fn nowhere(mut faults: Vec<Fault>) -> Fault {
    if faults.len() <= 1 {
        return faults.pop().unwrap_or_else(|| Fault::Final(Error::new(Reason::Bug, "the URL names no host")));
    }
    let may_change = faults.iter().any(|fault| !matches!(fault, Fault::Final(_)));
    let errors: Vec<_> = faults
        .into_iter()
        .map(|fault| match fault {
            Fault::Final(error) | Fault::Again(error) | Fault::Lost(error) => error,
        })
        .collect();
    let message = errors.iter().map(Error::message).collect::<Vec<_>>().join("; ");
    let reason = if may_change { Reason::StoreUnavailable } else { Reason::CannotOpen };
    let error = Error::new(reason, message).field("DATABASE_URL");
    if may_change { Fault::Again(error) } else { Fault::Final(error) }
}

fn tls(said: &str) -> String {
    let said = said.to_ascii_lowercase();
    if said.contains("expired") {
        "the server's certificate has expired: renew it".to_owned()
    } else if said.contains("notvalidforname") || said.contains("not valid for name") {
        "the server's certificate is for another host name: check the host, or use sslmode=verify-ca".to_owned()
    } else if said.contains("notvalidyet") || said.contains("not valid yet") {
        "the server's certificate is not valid yet: check the clocks".to_owned()
    } else if said.contains("causedasendentity") {
        "the server's certificate is an authority's (self-signed ones are): give the server one that sslrootcert has signed"
            .to_owned()
    } else if said.contains("unknownissuer") || said.contains("badsignature") {
        "the server's certificate is from an unknown authority: check sslrootcert".to_owned()
    } else if said.contains("does not support tls") {
        "the server offers no TLS: check sslmode, or enable ssl in the server".to_owned()
    } else {
        "TLS could not be set up: check sslmode and sslrootcert".to_owned()
    }
}

/// The error for everything that is asked of a closed store.
pub(super) fn closed() -> Error {
    Error::new(Reason::HandleClosed, "the store was closed")
}

/// The error for what a forked child asks of its parent's store.
pub(super) fn inherited() -> Error {
    Error::new(Reason::HandleClosed, "the store belongs to the parent process; a forked child opens its own")
}
