//! Neither the password nor a token is in what is logged, on either side.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use doorward::{AuditQuery, KeyPatch, NewKey, Request, Role, store::postgres::PostgresStore};
use doorward_test_servers::{Certificate, Postgres, Proxy};

use crate::stage::{AGES, Stage, options, patient};

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_password_and_no_token_is_logged_by_anybody() {
    const PASSWORD: &str = "Xyzzy-Plugh";
    const WRONG: &str = "Plover-Y2";
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let server = Postgres::builder().password(PASSWORD).tls(Certificate::Valid).start();
    let proxy = Proxy::before(&server.url());
    let mut seen = String::new();
    let mut tokens = Vec::new();
    let by_tls = format!("{}?sslmode=verify-full&sslrootcert={}", server.url(), server.root_certificate().display());
    for url in [by_tls, proxy.url(), server.socket_url()] {
        let stage = Stage::new(patient(&url));
        let Stage { door, acme } = &stage;
        let made = stage.key();
        let rotated = door.rotate_key(acme, &made.record.id, AGES).unwrap();
        let many = door.create_keys(acme, vec![NewKey::new("one", Role::Admin), NewKey::new("two", Role::Admin)]).unwrap();
        let foreign = format!("a token that was made elsewhere {}", made.record.id);
        tokens.extend(many.iter().chain([&made, &rotated]).map(|made| made.token.reveal().to_owned()));
        tokens.push(foreign);
        for token in &tokens {
            let request = Request::new().path(format!("/keys?token={token}"));
            seen.push_str(&format!("{:?}{:?}", door.verify(token.as_str(), &request), door.find_by_token(token)));
            seen.push_str(&format!("{:?}", door.authenticate(token.as_str(), &request)));
        }
        proxy.cut();
        let patch = KeyPatch { label: Some("renamed".into()), ..KeyPatch::default() };
        seen.push_str(&format!("{:?}", door.update_key(acme, &rotated.record.id, patch)));
        seen.push_str(&format!("{:?}", door.list_audit_events(&AuditQuery::default())));
        server.psql("SET client_min_messages = warning; DROP SCHEMA doorward CASCADE");
        seen.push_str(&format!("{:?}", door.create_key(acme, NewKey::new("fails", Role::Admin))));
        let _ = door.close(AGES);
    }
    let wrong = options(&server.url_as("postgres", Some(WRONG), "postgres"), Duration::from_secs(5));
    seen.push_str(&format!("{:?}", PostgresStore::open(wrong).map(drop).unwrap_err()));

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("rotate_key"), "the subscriber sees nothing");
    seen.push_str(&logged);
    seen.push_str(&server.log());
    for secret in [PASSWORD, WRONG] {
        assert!(!seen.contains(secret), "a password was shown");
    }
    for token in &tokens {
        assert!(!seen.contains(token), "a token was shown");
        // Of one of doorward's own the last 30 characters are secret and checksum.
        if let Some(secret) = token.strip_prefix("dw_live_").and_then(|body| body.get(8..32)) {
            assert!(!seen.contains(secret), "a secret was shown");
        }
    }
}
