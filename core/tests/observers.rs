//! What a host's own recorder and subscriber get to see. Each is installed for its whole process, once.

#![expect(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

use std::{
    fmt::Debug,
    fs, io,
    sync::{Arc, Mutex},
};

use doorward::{Config, Doorward, NewInstitution, NewKey, Request, Role};
use metrics_util::{
    CompositeKey,
    debugging::{DebugValue, DebuggingRecorder},
};

/// Longer than anything here takes.
const AGES: std::time::Duration = std::time::Duration::from_secs(60);

/// The counter of an operation's outcome. A snapshot empties the counters that it shows, so there is but one.
fn counted(snapshot: &[(CompositeKey, DebugValue)], operation: &str, outcome: &str) -> Option<u64> {
    snapshot.iter().find_map(|(key, value)| {
        let has = |name: &str, value: &str| key.key().labels().any(|label| label.key() == name && label.value() == value);
        match value {
            DebugValue::Counter(count) if has("operation", operation) && has("outcome", outcome) => Some(*count),
            _ => None,
        }
    })
}

#[test]
fn the_recorder_of_the_host_sees_the_counts_of_all_handles() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let configs = [Config::memory(), Config::sqlite(folder.path().join("doorward.db"))];
    for config in configs {
        let door = Doorward::open(config).unwrap();
        let acme = door.create_institution(NewInstitution::new("Acme", ["US".parse().unwrap()])).unwrap().id;
        let key = door.create_key(&acme, NewKey::new("a key", Role::ReadOnly)).unwrap();
        for _ in 0..300 {
            door.authenticate(key.token.reveal(), &Request::new()).unwrap();
        }
        for _ in 0..20 {
            door.authenticate("a bad token", &Request::new()).unwrap_err();
        }
        door.close(AGES).unwrap();
    }
    let snapshot: Vec<_> = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| (key, value)).collect();
    let expected = [("authenticate", "ok", 600), ("authenticate", "unknown", 40), ("create_key", "ok", 2)];
    for (operation, outcome, count) in expected {
        assert_eq!(counted(&snapshot, operation, outcome), Some(count), "{operation} {outcome}");
    }
}

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

fn note(seen: &mut String, value: &impl Debug) {
    seen.push_str(&format!("{value:?}\n"));
}

#[test]
fn no_token_is_in_logs_errors_records_or_files() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let folder = tempfile::tempdir().unwrap();
    let mut seen = String::new();
    let mut tokens = Vec::new();
    for config in [Config::memory(), Config::sqlite(folder.path().join("doorward.db"))] {
        let root = format!("root token of {:?} that is long enough", config.store());
        tokens.push(root.clone());
        // Without metrics: what is counted here would be among the counts of the other test.
        let config = config.root_token(&root).unwrap().audit_successes(true, true).metrics(false);
        note(&mut seen, &config);
        let door = Doorward::open(config).unwrap();
        let acme = door.create_institution(NewInstitution::new("Acme", ["US".parse().unwrap()])).unwrap().id;
        let created = door.create_key(&acme, NewKey::new("a key", Role::Admin)).unwrap();
        note(&mut seen, &created);
        seen.push_str(&created.token.to_string());
        seen.push_str(&serde_json::to_string(&created).unwrap());
        let rotated = door.rotate_key(&acme, &created.record.id, AGES).unwrap();
        note(&mut seen, &rotated);
        door.revoke_key(&acme, &rotated.record.id).unwrap();
        let damaged = format!("{}x", created.token.reveal());
        let foreign = "a token that was made elsewhere, and is secret too".to_owned();
        for token in [&root, &created.token.reveal().to_owned(), &rotated.token.reveal().to_owned(), &damaged, &foreign] {
            let request = Request::new().path(format!("/keys?token={token}"));
            note(&mut seen, &doorward::Credentials::token(token));
            note(&mut seen, &door.verify(token, &request));
            note(&mut seen, &door.find_by_token(token));
            note(&mut seen, &pollster::block_on(door.to_async().verify(token, &request)));
            let answer = door.authenticate(token, &request);
            if let Err(error) = &answer {
                seen.push_str(&error.to_string());
            }
            note(&mut seen, &answer);
            if let Ok(caller) = answer {
                let session = door.session(caller, request);
                note(&mut seen, &session);
                note(&mut seen, &session.get_key(&acme, &created.record.id));
            }
        }
        tokens.extend([created.token.reveal().to_owned(), rotated.token.reveal().to_owned(), foreign]);
        note(&mut seen, &door.list_audit_events(&doorward::AuditQuery::default()));
        // While it is open, so that the log beside the file is looked at as well.
        read_all(folder.path(), &mut seen);
        door.close(AGES).unwrap();
        read_all(folder.path(), &mut seen);
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for operation in ["authenticate", "create_key", "verify", "find_by_token"] {
        assert!(logged.contains(operation), "{operation} was not logged: the subscriber sees nothing");
    }
    seen.push_str(&logged);
    for token in &tokens {
        assert!(!seen.contains(token), "a token was shown");
        // Of one of doorward's own the last 30 characters are secret and checksum, 24 of them the secret.
        if let Some(secret) = token.strip_prefix("dw_live_").and_then(|body| body.get(8..32)) {
            assert!(!seen.contains(secret), "a secret was shown");
            let checksum = token.get(token.len().saturating_sub(6)..).unwrap();
            assert!(!seen.contains(checksum), "a checksum was shown");
        }
    }
}

/// The bytes of all files of a folder.
fn read_all(folder: &std::path::Path, seen: &mut String) {
    for file in fs::read_dir(folder).unwrap() {
        seen.push_str(&String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()));
    }
}
