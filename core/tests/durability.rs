//! What was acknowledged survives `kill -9`: a child process creates and revokes keys in a SQLite file and says so on a
//! pipe; it is killed at random moments; the file must open and hold what was said, plus at most what was under way.
#![cfg(all(unix, feature = "sqlite"))]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a test that panics is a test that fails"
)]

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use doorward::{
    ApiKey, ApiKeyQuery, Config, Doorward, InstitutionId, KeyHash, KeyStatus, NewInstitution, NewKey, PageRequest, Role,
};

const FILE: &str = "DOORWARD_TEST_DURABILITY_FILE";
const KILLS: u64 = 50;
const OPERATIONS: usize = 10_000;
const WRITERS: usize = 4;

/// What the child does: each of its threads creates keys and revokes every second one, and says what was acknowledged.
fn write_until_killed(file: String) {
    let door = Doorward::open(Config::sqlite(file)).unwrap();
    let institution: InstitutionId = "acme".parse().unwrap();
    let said = Mutex::new(std::io::stdout());
    let say = |line: String| {
        // One write each: a line is said whole or cut off by the kill, and then it does not end.
        said.lock().unwrap().write_all(line.as_bytes()).expect("the parent listens");
    };
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                for round in 0_u64.. {
                    let created = door.create_key(&institution, NewKey::new("durable", Role::ReadOnly)).unwrap();
                    say(format!("created {} {}\n", created.record.id, created.token.hash()));
                    if round % 2 == 1 {
                        door.revoke_key(&institution, &created.record.id).unwrap();
                        say(format!("revoked {}\n", created.record.id));
                    }
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    // The test starts itself as the child.
    if let Ok(file) = std::env::var(FILE) {
        return write_until_killed(file);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("durable.db");
    let institution: InstitutionId = "acme".parse().unwrap();
    let door = Doorward::open(Config::sqlite(&file)).unwrap();
    door.create_institution(NewInstitution::new("Acme", []).with_id(institution.clone())).unwrap();
    door.close(Duration::from_secs(5)).unwrap();

    let (mut created, mut revoked) = (HashMap::new(), HashSet::new());
    let (mut kills, mut random) = (0, u64::from(std::process::id()));
    while kills < KILLS || created.len() + revoked.len() < OPERATIONS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        write_and_kill(&file, Duration::from_millis(20 + (random >> 33) % 200), &mut created, &mut revoked);
        kills += 1;
        compare(&file, &institution, &created, &revoked, kills);
    }
}

/// Runs the child for a while, kills it, and takes down what it said.
fn write_and_kill(file: &std::path::Path, life: Duration, created: &mut HashMap<String, KeyHash>, revoked: &mut HashSet<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_survives_kill_9", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The moment of the kill is meant to be any.
            std::thread::sleep(life);
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            match *line.split_whitespace().collect::<Vec<_>>() {
                ["created", id, hash] => _ = created.insert(id.to_owned(), hash.parse().unwrap()),
                ["revoked", id] => _ = revoked.insert(id.to_owned()),
                // The test harness of the child has a word of its own to say.
                _ => {}
            }
            line.clear();
        }
    });
}

fn compare(
    file: &std::path::Path,
    institution: &InstitutionId,
    created: &HashMap<String, KeyHash>,
    revoked: &HashSet<String>,
    kills: u64,
) {
    let door = Doorward::open(Config::sqlite(file)).unwrap();
    let stored = all_keys(&door, institution);
    for (id, hash) in created {
        assert_eq!(stored.get(id).map(|key| key.key_hash), Some(*hash), "{id} was acknowledged and is gone");
    }
    for id in revoked {
        let status = stored.get(id).map(|key| key.status(key.created_at));
        assert_eq!(status, Some(KeyStatus::Revoked), "the revocation of {id} was acknowledged and is gone");
    }
    let in_flight = WRITERS * usize::try_from(kills).unwrap();
    assert!(stored.len() <= created.len() + in_flight, "{} stored, {} acknowledged, {kills} kills", stored.len(), created.len());
    let dead = stored.values().filter(|key| key.revoked_at.is_some()).count();
    assert!(dead <= revoked.len() + in_flight, "{dead} revoked, {} acknowledged, {kills} kills", revoked.len());
    door.close(Duration::from_secs(5)).unwrap();

    let plain = rusqlite::Connection::open(file).unwrap();
    let ask = |sql: &str| plain.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(ask("PRAGMA integrity_check"), "ok");
    // A change, its audit entry and its generation are one: none is there without the others.
    let changes = (1 + stored.len() + dead).to_string();
    assert_eq!(ask("SELECT CAST(count(*) AS TEXT) FROM audit_events"), changes);
    assert_eq!(ask("SELECT CAST(number AS TEXT) FROM doorward_generation"), changes);
}

fn all_keys(door: &Doorward, institution: &InstitutionId) -> HashMap<String, ApiKey> {
    let mut keys = HashMap::new();
    let mut query = ApiKeyQuery { include_revoked: true, page: PageRequest::first(1000), ..ApiKeyQuery::of(institution.clone()) };
    loop {
        let page = door.list_keys(&query).unwrap();
        keys.extend(page.items.into_iter().map(|key| (key.id.to_string(), key)));
        match page.next {
            Some(next) => query.page.cursor = Some(next),
            None => return keys,
        }
    }
}
