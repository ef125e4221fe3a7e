//! What a test may rely on when it starts a PostgreSQL server of its own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics is a test that fails")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use doorward_test_servers::{Certificate, Postgres, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// Whether there is such a process, other than one that has ended and waits for its parent to notice.
fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

#[test]
fn a_server_answers_and_is_gone_when_it_is_dropped() {
    let server = Postgres::start();
    assert_eq!(server.query("SELECT 1, 'a b', NULL UNION ALL SELECT 2, '', 'x' ORDER BY 1"), [["1", "a b", ""], ["2", "", "x"]]);
    assert_eq!(server.query("SELECT ''"), [[""]]);
    assert!(server.query("SELECT 1 WHERE false").is_empty());

    let (pid, folder) = (server.pid().unwrap(), server.data_directory());
    assert!(runs(pid) && folder.exists());
    drop(server);
    assert!(!runs(pid), "the server still runs");
    assert!(!folder.parent().unwrap().exists(), "its files are still there");
}

#[test]
fn a_killed_server_comes_back_at_its_port_with_what_was_committed() {
    let server = Postgres::builder().durable().start();
    assert_eq!(server.query("SHOW fsync"), [["on"]]);
    server.psql("CREATE TABLE t AS SELECT 42 AS n");
    let (url, pid) = (server.url(), server.pid().unwrap());

    server.kill();
    assert!(!runs(pid));
    assert_eq!(server.pid(), None);
    server.start_again();
    assert_eq!(server.url(), url);
    assert_eq!(server.query("SELECT n FROM t"), [["42"]]);

    server.restart();
    assert_eq!(server.query("SELECT n FROM t"), [["42"]]);
}

#[test]
fn a_standby_follows_and_is_promoted() {
    let primary = Postgres::start();
    let standby = primary.standby();
    assert_ne!(standby.port(), primary.port());
    primary.psql("CREATE TABLE t AS SELECT 42 AS n");
    wait_until("the table on the standby", SOON, || {
        standby.query("SELECT count(*) FROM pg_class WHERE relname = 't' AND relkind = 'r'") == [["1"]]
    });
    assert_eq!(standby.query("SELECT n FROM t"), [["42"]]);
    assert_eq!(standby.query("SELECT pg_is_in_recovery()"), [["t"]]);

    primary.kill();
    standby.promote();
    standby.psql("INSERT INTO t VALUES (43)");
    assert_eq!(standby.query("SELECT n FROM t ORDER BY n"), [["42"], ["43"]]);
}

#[test]
fn settings_databases_and_roles_are_as_asked_for() {
    let server = Postgres::builder().setting("statement_timeout", "4321ms").password("it's a secret: 100%").start();
    assert_eq!(server.query("SHOW statement_timeout"), [["4321ms"]]);
    let database = server.create_database();
    server.create_role("reader", Some("x'y"));
    assert_eq!(
        server.query(&format!(
            "SELECT datname, rolname FROM pg_database, pg_roles WHERE datname = '{database}' AND rolname = 'reader' AND rolcanlogin"
        )),
        [[database.as_str(), "reader"]]
    );
    assert!(server.url_as("reader", Some("x'y"), &database).contains("//reader:x%27y@localhost:"));
    assert!(server.log().contains("ready to accept connections"));
}

#[test]
fn a_server_with_tls_shows_the_certificate_that_was_asked_for() {
    for (certificate, complaint) in [
        (Certificate::Valid, None),
        (Certificate::Expired, Some("certificate verify failed")),
        (Certificate::WrongHost, Some("server certificate for \"elsewhere.example\" does not match host name \"localhost\"")),
    ] {
        let server = Postgres::builder().tls(certificate).start();
        let url = format!("{}?sslmode=verify-full&sslrootcert={}", server.url(), server.root_certificate().display());
        let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let output = Command::new("psql").args(["-X", "-At", "-w", "-d", &url, "-c", query]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        match complaint {
            None => assert_eq!(String::from_utf8_lossy(&output.stdout), "t\n", "{errors}"),
            Some(complaint) => assert!(errors.contains(complaint), "{errors}"),
        }
    }
}

/// The test starts itself again as the process that is to be killed.
#[test]
fn a_killed_test_process_leaves_nothing_behind() {
    const VICTIM: &str = "DOORWARD_TEST_VICTIM";
    if std::env::var_os(VICTIM).is_some() {
        // In a thread that ends: the server lives as long as the process.
        let server = std::thread::spawn(Postgres::start).join().unwrap();
        println!("\nvictim {} {}", server.pid().unwrap(), server.data_directory().parent().unwrap().display());
        loop {
            std::thread::park();
        }
    }

    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_test_process_leaves_nothing_behind", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .find(|line| line.starts_with("victim "))
        .unwrap_or_else(|| panic!("the process ended without a server"));
    let (pid, folder) = line.trim_start_matches("victim ").split_once(' ').unwrap();
    let pid = pid.parse().unwrap();
    assert!(runs(pid) && Path::new(folder).exists());

    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_until("the end of the server", SOON, || !runs(pid));
    wait_until("the end of its files", SOON, || !Path::new(folder).exists());
}
