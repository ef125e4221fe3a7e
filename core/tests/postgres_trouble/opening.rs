//! Opening: what is wrong with a URL or its server is said so that somebody knows what to look at, and without the
//! password; what is right opens.

use std::{error::Error as _, net::TcpListener, time::Duration};

use doorward::{
    Config, Doorward, Error, ErrorKind, PostgresOptions, Reason,
    store::{Backend, postgres::PostgresStore},
};
use doorward_test_servers::{Certificate, Database, Postgres};

use crate::stage::{AGES, Stage, options, patient};

const PASSWORD: &str = "Xyzzy-Plugh";

/// Why the URL cannot be opened, after it was seen that nothing about it shows the password.
#[track_caller]
fn refused(url: &str, limit: Duration) -> Error {
    let options = options(url, limit);
    let mut shown = format!("{options:?}");
    let Err(error) = PostgresStore::open(options) else { panic!("it was opened") };
    shown.push_str(&format!("{error}\n{error:?}\n{}", error.message()));
    let mut source = error.source();
    while let Some(inner) = source {
        shown.push_str(&format!("{inner}\n{inner:?}\n"));
        source = inner.source();
    }
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert_eq!(error.blamed_field(), Some("DATABASE_URL"), "{error:?}");
    error
}

/// It is a mistake in the configuration, and the message has these words.
#[track_caller]
fn cannot_open(url: &str, words: &[&str]) {
    let error = refused(url, AGES);
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Config, Reason::CannotOpen), "{error:?}");
    says(&error, words);
}

/// It may pass, and the message has these words.
#[track_caller]
fn unavailable(url: &str, words: &[&str]) {
    let error = refused(url, Duration::from_millis(500));
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Reason::StoreUnavailable), "{error:?}");
    says(&error, words);
}

#[track_caller]
fn says(error: &Error, words: &[&str]) {
    for word in words {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
}

#[track_caller]
fn opens(url: &str) {
    let stage = Stage::new(patient(url));
    assert!(stage.door.health().reachable);
    stage.door.close(AGES).unwrap();
}

/// A port at which nobody listens.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn with_mode(url: &str, mode: &str) -> String {
    format!("{url}?sslmode={mode}")
}

fn with_root(url: &str, mode: &str, server: &Postgres) -> String {
    format!("{url}?sslmode={mode}&sslrootcert={}", server.root_certificate().display())
}

#[test]
fn wrong_credentials_and_databases_are_named() {
    let server = Postgres::builder().password("the right password").start();
    let url = |user, database| server.url_as(user, Some(PASSWORD), database);
    cannot_open(&url("postgres", "postgres"), &["localhost", "check user and password"]);
    cannot_open(&url("nobody_known", "postgres"), &["check user and password"]);
    cannot_open(&server.url_as("postgres", None, "postgres"), &["check user and password"]);
    cannot_open(&server.url_for("missing"), &["missing", "no such database"]);

    server.create_role("guest", Some(PASSWORD));
    server.psql("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC");
    cannot_open(&url("guest", "postgres"), &["grant CONNECT"]);
    opens(&server.url());
}

#[test]
fn a_role_that_may_not_make_the_tables_is_told_who_may() {
    let server = Postgres::builder().password("the right password").start();
    server.create_role("guest", Some(PASSWORD));
    let options = options(&server.url_as("guest", Some(PASSWORD), "postgres"), Duration::from_secs(5));
    let error = Doorward::open(Config::postgres(options)).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::PermissionDenied), "{error:?}");
    says(&error, &["doorward init"]);
}

#[test]
fn hosts_that_cannot_be_reached_are_named() {
    let port = dead_port();
    unavailable(&format!("postgres://me:{PASSWORD}@127.0.0.1:{port}/db"), &[&format!("127.0.0.1:{port}"), "check host and port"]);
    unavailable(&format!("postgres://me:{PASSWORD}@nowhere.invalid:1/db"), &["nowhere.invalid:1"]);
    unavailable(&format!("postgres://me:{PASSWORD}@/db?host=/nowhere/at/all"), &["/nowhere/at/all", "check host and port"]);
}

#[test]
fn a_host_that_accepts_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    unavailable(&format!("postgres://me:{PASSWORD}@127.0.0.1:{port}/db"), &[&format!("127.0.0.1:{port}"), "did not answer"]);
}

#[test]
fn a_host_that_is_no_postgresql_is_no_store() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in other.incoming() {
            let _ = std::io::Write::write_all(&mut client.unwrap(), b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    unavailable(&format!("postgres://me:{PASSWORD}@127.0.0.1:{port}/db"), &[&format!("127.0.0.1:{port}")]);
}

#[test]
fn a_server_with_tls_is_used_as_strictly_as_the_url_says() {
    let server = Postgres::builder().password(PASSWORD).tls(Certificate::Valid).start();
    let url = server.url();
    for mode in ["disable", "prefer", "require"] {
        opens(&with_mode(&url, mode));
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        opens(&with_root(&url, mode, &server));
    }
    for mode in ["verify-ca", "verify-full"] {
        cannot_open(&with_mode(&url, mode), &["unknown authority", "sslrootcert"]);
    }
    let missing = format!("{}&sslrootcert=/nowhere/root.pem", with_mode(&url, "verify-full"));
    cannot_open(&missing, &["sslrootcert"]);
}

#[test]
fn a_connection_with_tls_is_encrypted() {
    let server = Postgres::builder().tls(Certificate::Valid).start();
    let stage = Stage::new(patient(&with_root(&server.url(), "verify-full", &server)));
    let encrypted = server
        .query("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'doorward'");
    assert_eq!(encrypted, [["t"]]);
    drop(stage);
}

#[test]
fn an_expired_certificate_is_told_from_others() {
    let server = Postgres::builder().password(PASSWORD).tls(Certificate::Expired).start();
    for mode in ["verify-ca", "verify-full"] {
        cannot_open(&with_root(&server.url(), mode, &server), &["expired", "renew"]);
    }
}

#[test]
fn a_certificate_for_another_name_is_refused_by_verify_full_alone() {
    let server = Postgres::builder().password(PASSWORD).tls(Certificate::WrongHost).start();
    cannot_open(&with_root(&server.url(), "verify-full", &server), &["another host name"]);
    opens(&with_root(&server.url(), "verify-ca", &server));
}

#[test]
fn the_certificate_of_another_authority_is_refused_where_a_root_certificate_is_given() {
    let server = Postgres::builder().password(PASSWORD).tls(Certificate::Valid).start();
    let other = Postgres::builder().tls(Certificate::Valid).start();
    // As libpq has it, `require` checks the authority too once there is one to check against.
    for mode in ["require", "verify-ca", "verify-full"] {
        cannot_open(&with_root(&server.url(), mode, &other), &["unknown authority"]);
    }
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_required() {
    let server = Postgres::builder().password(PASSWORD).start();
    for mode in ["require", "verify-ca", "verify-full"] {
        cannot_open(&with_mode(&server.url(), mode), &["offers no TLS", "sslmode"]);
    }
    opens(&with_mode(&server.url(), "prefer"));
}

#[test]
fn a_unix_socket_opens() {
    let server = Postgres::builder().password(PASSWORD).start();
    opens(&server.socket_url());
}

#[test]
fn the_first_host_that_answers_and_is_no_standby_is_used() {
    let primary = Postgres::start();
    Stage::new(patient(&primary.url())).door.close(AGES).unwrap();
    let standby = primary.standby();
    let at = |ports: &[u16]| {
        let hosts: Vec<_> = ports.iter().map(|port| format!("localhost:{port}")).collect();
        format!("postgres://postgres:{PASSWORD}@{}/postgres", hosts.join(","))
    };
    opens(&at(&[dead_port(), primary.port()]));
    opens(&at(&[standby.port(), primary.port()]));
    opens(&at(&[primary.port(), standby.port()]));

    unavailable(&at(&[standby.port()]), &["standby", "primary"]);
    let dead = dead_port();
    unavailable(&at(&[standby.port(), dead]), &["standby", &format!("localhost:{dead}"), "check host and port"]);
}

#[test]
fn a_store_that_was_opened_names_no_password() {
    let server = Postgres::builder().password(PASSWORD).start();
    let store = PostgresStore::open(patient(&server.url())).unwrap();
    assert!(!format!("{store:?}").contains(PASSWORD));
    store.close(AGES).wait().unwrap();
    let database = Database::fresh();
    let door = Doorward::open(Config::postgres(patient(&database.url()))).unwrap();
    assert!(!format!("{door:?}").contains("postgres://"));
    let options = PostgresOptions::new(server.url()).unwrap();
    assert!(!format!("{:?}", Config::postgres(options)).contains(PASSWORD));
}

#[test]
fn a_setting_that_the_server_refuses_is_said_to_come_from_the_options() {
    let database = Database::fresh();
    let joint = if database.url().contains('?') { '&' } else { '?' };
    for options in ["-c%20nonsense%3D1", "-c%20work_mem%3Dmuch"] {
        cannot_open(&format!("{}{joint}options={options}", database.url()), &["check options"]);
    }
}
