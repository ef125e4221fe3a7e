//! SQL through the program `psql`, which is what a person would use and shares no code with what is tested.

use crate::{programs, url, user};

/// Between the fields and between the rows of psql's answer: characters that no test has in its data.
const FIELD: char = '\u{1f}';
const ROW: char = '\u{1e}';

/// Runs `sql` on the database of `url` and gives the rows, or what the server said against it.
pub(crate) fn run(url: &str, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let (url, password) = url::take_password(url);
    let mut command = user::command(programs::postgres().join("psql"), "/".as_ref(), "KILL");
    command
        .args(["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-F", &FIELD.to_string(), "-R", &ROW.to_string()])
        .args(["-d", &url, "-c", sql])
        .env("PGCONNECT_TIMEOUT", "30");
    // Not among the arguments, where every user of the machine could read it.
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    let output = command.output().expect("`setpriv` runs (Debian: package util-linux)");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let text = String::from_utf8(output.stdout).expect("the server's encoding is UTF-8");
    // Without rows there is not even the end of a line.
    let Some(text) = text.strip_suffix('\n') else { return Ok(Vec::new()) };
    Ok(text.split(ROW).map(|row| row.split(FIELD).map(str::to_owned).collect()).collect())
}

/// [`run`] for SQL that must succeed.
#[track_caller]
pub(crate) fn must(url: &str, sql: &str) -> Vec<Vec<String>> {
    run(url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}
