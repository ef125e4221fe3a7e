//! doorward and another application change the same rows at the same time. The application gets no error that it would not
//! get from another application's plain updates, above all no deadlock; doorward's own changes succeed or fail in order.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use doorward::{
    Doorward, Error, ErrorKind, InstitutionId, InstitutionPatch, KeyPatch, NewKey, PolicyPatch, Request, Role, store::Backend,
};

use crate::{
    application::Application,
    client::{Client, Refused},
    records::{up_to, us},
};

/// The institutions whose rows and keys both change.
const CONTESTED: u64 = 4;
const KEYS_EACH: u64 = 8;
const DOORS: u64 = 8;

fn duration() -> Duration {
    Duration::from_secs(if std::env::var_os("DOORWARD_SOAK").is_some() { 60 } else { 5 })
}

/// Numbers that look random, another line of them for each thread.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What became of operations: how often each ended how.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    fn count(&self, what: impl Into<String>) {
        *self.0.lock().unwrap().entry(what.into()).or_default() += 1;
    }
}

struct Arena {
    application: Application,
    end: Instant,
    theirs: Tally,
    ours: Tally,
    /// How often the label of the key `counter` was made longer.
    lengthened: AtomicU64,
    /// How often doorward changed that key.
    noted: AtomicU64,
}

impl Arena {
    fn new() -> Self {
        let application = Application::new();
        application.client().run(&format!(
            "INSERT INTO institutions SELECT 'c' || i, 'n', '{{}}', '{{}}' FROM generate_series(1, {CONTESTED}) i;
             INSERT INTO institutions VALUES ('quiet', 'n', '{{}}', '{{}}'), ('counted', 'n', '{{}}', '{{}}');
             INSERT INTO api_keys SELECT 'c' || i || '-' || n, 'c' || i, md5(i || ' ' || n) || md5(n || 'x' || i), '', 'admin'
                 FROM generate_series(1, {CONTESTED}) i, generate_series(0, {KEYS_EACH} - 1) n;
             INSERT INTO api_keys SELECT 'quiet-' || n, 'quiet', md5('q' || n) || md5('r' || n), '', 'admin' FROM generate_series(0, 63) n;
             INSERT INTO api_keys VALUES ('counter', 'counted', md5('c') || md5('d'), '', 'admin');
             INSERT INTO institution_policies SELECT 'c' || i, 'c' || i, 'US', '{{\"position\": {{}}}}' FROM generate_series(1, {CONTESTED}) i"
        ));
        application.adopt().unwrap();
        // Five times as quick to find a deadlock as by default.
        let role = application.client().value("SELECT current_user");
        application.administrator().run(&format!("ALTER ROLE {role} SET deadlock_timeout = '200ms'"));
        Self {
            application,
            end: Instant::now() + duration(),
            theirs: Tally::default(),
            ours: Tally::default(),
            lengthened: AtomicU64::new(0),
            noted: AtomicU64::new(0),
        }
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.end
    }

    /// One transaction of the application, statement by statement.
    fn transact(&self, client: &mut Client, level: &str, kind: &str, statements: &[String]) -> bool {
        client.run(&format!("BEGIN ISOLATION LEVEL {level}"));
        let answer: Result<(), Refused> = statements.iter().try_for_each(|statement| client.try_run(statement).map(drop));
        let answer = answer.and_then(|()| client.try_run("COMMIT").map(drop));
        match &answer {
            Ok(()) => self.theirs.count(format!("{kind}: ok")),
            Err(refused) => {
                client.run("ROLLBACK");
                self.theirs.count(format!("{kind}: {} {}", refused.code, refused.message));
            }
        }
        answer.is_ok()
    }

    /// Rows of every table, in no order, but of this thread's own and each once, so that the application's threads do not meet
    /// each other. (A row that a transaction changes twice has its reference checked the second time, which waits for
    /// whoever has locked the institution.)
    fn update_contested(&self, thread: u64, threads: u64, level: &str, kind: &str) {
        let (mut client, mut dice) = (self.application.client(), Dice(thread));
        while self.goes_on() {
            let mut statements = Vec::new();
            if dice.throw(4) == 0 {
                // All of this thread's keys by one statement, in whatever order that takes.
                statements.push(format!(
                    "UPDATE api_keys SET revoked_at = NULL, role = 'read_only'
                     WHERE id ~ '^c[0-9]+-[0-9]+$' AND split_part(id, '-', 2)::int % {threads} = {thread}"
                ));
            }
            let all = statements.len();
            for _ in 0..=dice.throw(6) {
                let institution = 1 + dice.throw(CONTESTED);
                let is_own = institution % threads == thread;
                let key = dice.throw(KEYS_EACH / threads) * threads + thread;
                let statement = match dice.throw(6) {
                    0 if is_own => {
                        format!("UPDATE institution_policies SET config = '{{\"position\": {{}}}}' WHERE id = 'c{institution}'")
                    }
                    1 if is_own => format!("UPDATE institutions SET name = name || 'x' WHERE id = 'c{institution}'"),
                    2 if is_own => format!("SELECT * FROM institutions WHERE id = 'c{institution}' FOR UPDATE"),
                    _ if all > 0 => continue,
                    _ => format!("UPDATE api_keys SET revoked_at = NULL, label = 'x' WHERE id = 'c{institution}-{key}'"),
                };
                if !statements.contains(&statement) {
                    statements.push(statement);
                }
            }
            // One after the other as the dice fell.
            for place in 1..statements.len() {
                statements.swap(place, usize::try_from(dice.throw(place as u64 + 1)).unwrap());
            }
            self.transact(&mut client, level, kind, &statements);
        }
    }

    /// Rows that doorward only reads: nothing may go wrong with them at any level.
    fn update_quiet(&self, thread: u64) {
        let (mut client, mut dice) = (self.application.client(), Dice(100 + thread));
        let mut made = 0;
        while self.goes_on() {
            let mut statements: Vec<_> = (0..1 + dice.throw(5))
                .map(|_| format!("UPDATE api_keys SET label = 'x' WHERE id = 'quiet-{}'", dice.throw(32) * 2 + thread))
                .collect();
            made += 1;
            statements.push(format!(
                "INSERT INTO api_keys VALUES ('q{thread}-{made}', 'quiet', md5('{thread}') || md5('{made}'), '', 'admin')"
            ));
            if thread == 0 {
                statements.push("UPDATE institutions SET name = 'x' WHERE id = 'quiet'".to_owned());
            }
            if made > 3 {
                statements.push(format!("DELETE FROM api_keys WHERE id = 'q{thread}-{}'", made - 3));
            }
            self.transact(&mut client, "REPEATABLE READ", "rows that doorward reads", &statements);
        }
    }

    /// Institutions that come and go while doorward makes keys for them.
    fn make_and_delete(&self) {
        let (mut client, mut made) = (self.application.client(), 0);
        while self.goes_on() {
            made += 1;
            let make = [
                "INSERT INTO institutions VALUES ('fleeting', 'n', '{}', '{}') ON CONFLICT (id) DO UPDATE SET name = 'again'"
                    .to_owned(),
                format!("INSERT INTO api_keys VALUES ('f{made}', 'fleeting', md5('f') || md5('{made}'), '', 'admin')"),
                format!(
                    "INSERT INTO institution_policies VALUES ('f{made}', 'fleeting', 'US', '{{\"position\": {{}}}}')
                         ON CONFLICT (institution_id, region) DO UPDATE SET config = excluded.config"
                ),
            ];
            self.transact(&mut client, "READ COMMITTED", "a fleeting institution is made", &make);
            let delete = [
                "DELETE FROM institution_policies WHERE institution_id = 'fleeting'".to_owned(),
                "DELETE FROM api_keys WHERE institution_id = 'fleeting'".to_owned(),
                "DELETE FROM institutions WHERE id = 'fleeting'".to_owned(),
            ];
            self.transact(&mut client, "READ COMMITTED", "a fleeting institution is deleted", &delete);
        }
    }

    /// The label grows by one for each transaction that was committed.
    fn lengthen(&self) {
        let mut client = self.application.client();
        while self.goes_on() {
            let statements = ["UPDATE api_keys SET label = label || 'x' WHERE id = 'counter'".to_owned()];
            if self.transact(&mut client, "READ COMMITTED", "the counter", &statements) {
                self.lengthened.fetch_add(1, Relaxed);
            }
        }
    }

    /// Whole tables at once, in either order, and filled again.
    fn empty(&self) {
        let (mut client, mut emptied) = (self.application.client(), 0);
        while self.goes_on() {
            emptied += 1;
            let truncate = match emptied % 2 {
                0 => "TRUNCATE institution_policies, api_keys",
                _ => "TRUNCATE api_keys, institution_policies",
            };
            let fill = format!(
                "INSERT INTO api_keys SELECT 'c' || i || '-' || n, 'c' || i, md5(i || ' ' || n) || md5(n || 'x' || i), '', 'admin'
                 FROM generate_series(1, {CONTESTED}) i, generate_series(0, {KEYS_EACH} - 1) n"
            );
            self.transact(&mut client, "READ COMMITTED", "whole tables", &[truncate.to_owned(), fill]);
        }
    }

    /// What doorward does.
    fn change(&self, door: &Doorward, thread: u64) {
        let mut dice = Dice(1000 + thread);
        while self.goes_on() {
            let institution: InstitutionId = match dice.throw(8) {
                0 | 1 => "fleeting".to_owned(),
                2 => "quiet".to_owned(),
                _ => format!("c{}", 1 + dice.throw(CONTESTED)),
            }
            .parse()
            .unwrap();
            let (kind, answer) = self.one_change(door, &mut dice, &institution);
            match answer {
                Ok(()) => self.ours.count(format!("{kind}: ok")),
                Err(error) => {
                    let fine = matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::NotFound);
                    assert!(fine, "{kind}: {error:?}");
                    self.ours.count(format!("{kind}: {}", error.reason()));
                }
            }
        }
    }

    fn one_change(&self, door: &Doorward, dice: &mut Dice, institution: &InstitutionId) -> (&'static str, Result<(), Error>) {
        let contested = institution.to_string().starts_with('c');
        let key = format!("{institution}-{}", dice.throw(KEYS_EACH)).parse().unwrap();
        let patch = |label: &str| KeyPatch { label: Some(label.to_owned()), ..KeyPatch::default() };
        match dice.throw(10) {
            0 => ("create", door.create_key(institution, NewKey::new("new", Role::Admin)).map(drop)),
            1 if contested => ("revoke", door.revoke_key(institution, &key).map(drop)),
            2 if contested => ("update", door.update_key(institution, &key, patch("by doorward")).map(drop)),
            3 => {
                let rotated = door.create_key(institution, NewKey::new("rotated", Role::Admin));
                ("rotate", rotated.and_then(|made| door.rotate_key(institution, &made.record.id, Duration::ZERO)).map(drop))
            }
            4 if contested => ("revoke_all", door.revoke_all_keys(institution).map(drop)),
            5 => ("upsert", door.upsert_policy(institution, us(), up_to(1), None).map(drop)),
            6 => ("merge", door.merge_policy(institution, us(), PolicyPatch::from_json(r#"{"a":1}"#).unwrap(), None).map(drop)),
            7 if contested => ("delete", door.delete_policy(institution, us(), None).map(drop)),
            8 if contested => {
                let patch = InstitutionPatch { name: Some("by doorward".to_owned()), regions: None };
                ("rename", door.update_institution(institution, patch).map(drop))
            }
            _ => {
                let metadata = serde_json::Map::from_iter([("n".to_owned(), dice.throw(1_000_000_007).into())]);
                let patch = KeyPatch { metadata: Some(metadata), ..KeyPatch::default() };
                let answer = door.update_key(&"counted".parse().unwrap(), &"counter".parse().unwrap(), patch).map(drop);
                if answer.is_ok() {
                    self.noted.fetch_add(1, Relaxed);
                }
                ("count", answer)
            }
        }
    }
}

#[test]
fn the_application_meets_no_deadlock_and_no_error_for_doorwards_sake() {
    let arena = &Arena::new();
    let (door, another) = (&arena.application.door(), &arena.application.door());
    thread::scope(|scope| {
        for thread in 0..DOORS {
            let door = if thread % 2 == 0 { door } else { another };
            scope.spawn(move || arena.change(door, thread));
        }
        for thread in 0..2 {
            scope.spawn(move || arena.update_contested(thread, 2, "READ COMMITTED", "contested rows"));
            scope.spawn(move || arena.update_quiet(thread));
        }
        scope.spawn(|| arena.make_and_delete());
        scope.spawn(|| arena.lengthen());
        scope.spawn(|| {
            // Another process that numbers what the application did.
            let store = doorward::store::postgres::PostgresStore::open(arena.application.options()).unwrap();
            while arena.goes_on() {
                store.generation().wait().unwrap();
                assert!(door.verify("ak_gone", &Request::new()).granted().is_none());
            }
        });
    });
    let theirs = arena.theirs.0.lock().unwrap().clone();
    let ours = arena.ours.0.lock().unwrap().clone();
    println!("{theirs:#?}\n{ours:#?}");
    for what in theirs.keys() {
        // Whoever deletes what another transaction has just referred to is refused, whoever that was.
        let inevitable = what.starts_with("a fleeting institution is deleted: 23503");
        assert!(what.ends_with(": ok") || inevitable, "{theirs:#?}");
    }
    for kind in ["create", "revoke", "update", "rotate", "revoke_all", "upsert", "merge", "delete", "rename", "count"] {
        assert!(ours.get(&format!("{kind}: ok")).is_some_and(|count| *count > 0), "{kind}: {ours:#?}");
    }
    settle(arena);
}

#[test]
fn at_repeatable_read_the_application_meets_a_serialization_failure_at_most() {
    let arena = &Arena::new();
    let door = &arena.application.door();
    thread::scope(|scope| {
        for thread in 0..DOORS {
            scope.spawn(move || arena.change(door, thread));
        }
        for thread in 0..4 {
            scope.spawn(move || arena.update_contested(thread, 4, "REPEATABLE READ", "contested rows"));
        }
    });
    let theirs = arena.theirs.0.lock().unwrap().clone();
    println!("{theirs:#?}\n{:#?}", arena.ours.0.lock().unwrap());
    for what in theirs.keys() {
        assert!(
            what.ends_with(": ok") || what.starts_with("contested rows: 40001 could not serialize access due to concurrent"),
            "{theirs:#?}"
        );
    }
    assert!(theirs.contains_key("contested rows: ok"), "{theirs:#?}");
    settle(arena);
}

#[test]
fn an_application_that_empties_whole_tables_meets_no_deadlock_with_doorwards_changes() {
    let arena = &Arena::new();
    let door = &arena.application.door();
    thread::scope(|scope| {
        for thread in 0..DOORS {
            scope.spawn(move || arena.change(door, thread));
        }
        scope.spawn(|| arena.empty());
    });
    let theirs = arena.theirs.0.lock().unwrap().clone();
    println!("{theirs:#?}\n{:#?}", arena.ours.0.lock().unwrap());
    assert_eq!(theirs.keys().collect::<Vec<_>>(), ["whole tables: ok"], "{theirs:#?}");
}

/// After the turmoil nothing is lost: no update of the counter, no number of the feed.
fn settle(arena: &Arena) {
    let (lengthened, noted) = (arena.lengthened.load(Relaxed), arena.noted.load(Relaxed));
    let mut client = arena.application.administrator();
    let counter = "SELECT length(label), version FROM api_keys WHERE id = 'counter'";
    assert_eq!(client.rows(counter), [[lengthened.to_string(), (1 + lengthened + noted).to_string()]]);
    let generation = Backend::generation(&arena.application.adopt().unwrap()).wait().unwrap().number;
    let feed = "SELECT count(DISTINCT generation), max(generation), count(*) FILTER (WHERE generation IS NULL) FROM doorward_change_feed";
    assert_eq!(client.rows(feed), [[generation.to_string(), generation.to_string(), "0".to_owned()]]);
}
