//! SQL on a connection of a test's own: another application's.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, postgres::PgRow};
use tokio::runtime::{Builder, Runtime};

/// A connection.
pub(crate) struct Client {
    // Before the runtime: it says goodbye to the server.
    connection: PgConnection,
    runtime: Runtime,
}

/// What the server said against a statement.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The SQLSTATE.
    pub(crate) code: String,
    /// The words.
    pub(crate) message: String,
}

impl Client {
    /// Connects.
    #[track_caller]
    pub(crate) fn connect(url: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(PgConnection::connect(url)).unwrap();
        Self { connection, runtime }
    }

    /// Runs statements that may fail; gives the number of rows that they changed.
    pub(crate) fn try_run(&mut self, sql: &str) -> Result<u64, Refused> {
        let answer = self.runtime.block_on(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection));
        answer.map(|done| done.rows_affected()).map_err(refused)
    }

    /// Runs statements that must succeed.
    #[track_caller]
    pub(crate) fn run(&mut self, sql: &str) -> u64 {
        self.try_run(sql).unwrap_or_else(|refused| panic!("{sql}: {refused:?}"))
    }

    /// The rows of a query, as text; NULL as `-`.
    #[track_caller]
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        let rows = self.runtime.block_on(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection));
        let rows = rows.map_err(refused).unwrap_or_else(|refused| panic!("{sql}: {refused:?}"));
        let field = |row: &PgRow, at| row.get_unchecked::<Option<String>, _>(at).unwrap_or_else(|| "-".to_owned());
        rows.iter().map(|row| (0..row.len()).map(|at| field(row, at)).collect()).collect()
    }

    /// The only field of the only row.
    #[track_caller]
    pub(crate) fn value(&mut self, sql: &str) -> String {
        let rows = self.rows(sql);
        assert!(rows.len() == 1 && rows[0].len() == 1, "{sql}: {rows:?}");
        rows.into_iter().next().unwrap().remove(0)
    }

    /// `COPY … FROM STDIN`.
    #[track_caller]
    pub(crate) fn copy(&mut self, statement: &str, lines: &str) -> u64 {
        self.runtime.block_on(async {
            let mut copy = self.connection.copy_in_raw(statement).await.unwrap();
            copy.send(lines.as_bytes()).await.unwrap();
            copy.finish().await.unwrap()
        })
    }
}

fn refused(error: sqlx::Error) -> Refused {
    match error {
        sqlx::Error::Database(said) => {
            Refused { code: said.code().unwrap_or_default().into_owned(), message: said.message().to_owned() }
        }
        other => panic!("{other}"),
    }
}
