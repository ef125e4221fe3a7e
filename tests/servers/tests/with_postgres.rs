//! What `tests/with-postgres` does for a command, of whatever language.
#![expect(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use doorward_test_servers::wait_until;

const SOON: Duration = Duration::from_secs(20);
const SERVER: &str = "DOORWARD_TEST_DATABASE_URL";

/// The script, without the server that it may have started for these tests.
fn with_postgres(command: &str) -> Command {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../with-postgres"));
    script.args(["bash", "-c", command]).env_remove(SERVER).stdin(Stdio::null()).stdout(Stdio::piped());
    script
}

#[test]
fn a_command_gets_a_server_and_gives_its_status() {
    let command = r#"psql -XAt "$DOORWARD_TEST_DATABASE_URL" -c 'SHOW data_directory'; exit 7"#;
    let output = with_postgres(command).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let data = String::from_utf8(output.stdout).unwrap();
    assert!(data.starts_with('/'), "{data}");
    assert!(!Path::new(data.trim()).exists(), "the cluster is still there");
}

#[test]
fn a_server_that_is_given_is_used() {
    let output = with_postgres("echo $DOORWARD_TEST_DATABASE_URL").env(SERVER, "postgres://elsewhere/db").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "postgres://elsewhere/db\n");
}

#[test]
fn a_killed_script_leaves_nothing_behind() {
    let command = r#"psql -XAt "$DOORWARD_TEST_DATABASE_URL" -c 'SHOW data_directory'; exec cat"#;
    let mut script = with_postgres(command).stdin(Stdio::piped()).spawn().unwrap();
    // Open until the end of the test, which is also that of the command.
    let _input = script.stdin.take();
    let mut data = String::new();
    BufReader::new(script.stdout.take().unwrap()).read_line(&mut data).unwrap();
    let (data, lock) = (Path::new(data.trim()), Path::new(data.trim()).join("postmaster.pid"));
    let pid = std::fs::read_to_string(lock).unwrap().lines().next().unwrap().to_owned();
    script.kill().unwrap();
    script.wait().unwrap();
    wait_until("the end of the cluster's files", SOON, || !data.exists());
    wait_until("the end of the server", SOON, || {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
    });
}
