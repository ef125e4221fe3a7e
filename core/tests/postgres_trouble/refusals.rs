//! What the server itself says against a statement.

use std::{sync::Arc, thread, time::Duration};

use doorward::{
    Config, Doorward, ErrorKind, KeyPatch, NewKey, PostgresOptions, Reason, Role, Verdict, store::postgres::PostgresStore,
};
use doorward_test_servers::Database;

use crate::stage::{AGES, Books, Holder, Slow, Stage, is_let_in, is_unavailable, open, options, patient, verify};

/// Has the server fail each key that is stored, when its row is inserted or when it is committed: always, or the first times
/// that it is tried.
fn fail(database: &Database, at_commit: bool, code: &str, tries: u32) {
    let trigger = if at_commit {
        "CREATE CONSTRAINT TRIGGER failing AFTER INSERT ON doorward.api_keys DEFERRABLE INITIALLY DEFERRED"
    } else {
        "CREATE TRIGGER failing BEFORE INSERT ON doorward.api_keys"
    };
    database.psql(&format!(
        "DROP SEQUENCE IF EXISTS tries; CREATE SEQUENCE tries; \
         CREATE OR REPLACE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('tries') <= {tries} THEN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$; \
         DROP TRIGGER IF EXISTS failing ON doorward.api_keys; {trigger} FOR EACH ROW EXECUTE FUNCTION failing()"
    ));
}

fn tries(database: &Database) -> u32 {
    database.query("SELECT last_value FROM tries")[0][0].parse().unwrap()
}

#[test]
fn a_full_disk_fails_the_change_and_keeps_what_was_there() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let key = stage.key();
    let before = Books::of_database(&database);
    for at_commit in [false, true] {
        fail(&database, at_commit, "53100", u32::MAX);
        let error = stage.door.create_key(&stage.acme, NewKey::new("too much", Role::Admin)).unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::DiskFull), "{error:?}");
        assert_eq!(tries(&database), 1, "it was tried once");
        assert_eq!(Books::of_database(&database), before);
        assert!(is_let_in(&stage.door, &key.token));
    }
    database.psql("DROP TRIGGER failing ON doorward.api_keys");
    stage.key();
}

#[test]
fn what_fails_for_the_sake_of_others_is_tried_again_and_made_once() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let mut keys = 0;
    for at_commit in [false, true] {
        for code in ["40001", "40P01", "55P03"] {
            fail(&database, at_commit, code, 3);
            assert!(is_let_in(&stage.door, &stage.key().token), "{code}");
            keys += 1;
            assert_eq!(tries(&database), 4, "{code}");
            let books = Books::of_database(&database);
            books.agree();
            assert_eq!(books.keys, keys);
        }
    }
}

#[test]
fn what_fails_for_the_sake_of_others_to_the_end_of_its_time_is_busy() {
    let database = Database::fresh();
    let stage = Stage::new(options(&database.url(), Duration::from_secs(1)));
    for at_commit in [false, true] {
        fail(&database, at_commit, "40001", u32::MAX);
        let error = stage.door.create_key(&stage.acme, NewKey::new("again", Role::Admin)).unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Reason::Busy), "{error:?}");
        assert!(tries(&database) > 2);
        Books::of_database(&database).agree();
    }
    assert_eq!(Books::of_database(&database).keys, 0);
}

#[test]
fn a_role_without_a_right_looks_up_and_is_told_what_it_lacks() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let key = stage.key();
    let role = format!("reader_of_{}", database.name());
    database.psql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA doorward TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA doorward TO {role}"
    ));
    let reader = open(patient(&database.url_as(&role, None)));
    assert!(is_let_in(&reader, &key.token));
    let before = Books::of_database(&database);
    for error in [
        reader.create_key(&stage.acme, NewKey::new("not allowed", Role::Admin)).unwrap_err(),
        reader.revoke_key(&stage.acme, &key.record.id).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::PermissionDenied), "{error:?}");
        assert!(error.to_string().contains("docs/operations.md"), "{error}");
    }
    assert_eq!(Books::of_database(&database), before);
    // It cannot write down when the key was used, and says so unless it has tried before.
    let closed = reader.close(AGES).err().map(|error| error.reason());
    assert!(matches!(closed, None | Some(Reason::PermissionDenied)), "{closed:?}");
    database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_change_that_outlasts_the_statement_timeout_is_taken_back() {
    let database = Database::fresh();
    let limits = patient(&database.url()).statement_timeout(Duration::from_secs(1)).unwrap();
    let stage = Stage::new(limits);
    let before = Books::of_database(&database);
    database.psql(
        "CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$; \
         CREATE TRIGGER rest BEFORE INSERT ON doorward.api_keys FOR EACH ROW EXECUTE FUNCTION rest()",
    );
    let error = is_unavailable(stage.door.create_key(&stage.acme, NewKey::new("slow", Role::Admin)));
    assert!(error.to_string().contains("DOORWARD_STATEMENT_TIMEOUT_MS"), "{error}");
    assert_eq!(Books::of_database(&database), before);
    database.psql("DROP TRIGGER rest ON doorward.api_keys");
    stage.key();
}

#[test]
fn a_lookup_that_outlasts_the_statement_timeout_lets_nobody_in() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()).statement_timeout(Duration::from_secs(1)).unwrap());
    let key = stage.key();
    let slow = Slow::make(&database, "api_keys", 30);
    assert_eq!(verify(&stage.door, &key.token), Verdict::Refused(Reason::StoreUnavailable));
    let error = is_unavailable(stage.door.find_by_token(key.token.reveal()));
    assert!(error.to_string().contains("DOORWARD_STATEMENT_TIMEOUT_MS"), "{error}");
    drop(slow);
    assert!(is_let_in(&stage.door, &key.token));
}

#[test]
fn a_lookup_in_a_table_that_stays_locked_lets_nobody_in_and_goes_on_when_it_is_free() {
    let database = Database::fresh();
    let stage = Stage::new(options(&database.url(), Duration::from_secs(1)));
    let key = stage.key();
    let holder = Holder::begin(&database.url(), "LOCK TABLE doorward.api_keys IN ACCESS EXCLUSIVE MODE");
    assert_eq!(verify(&stage.door, &key.token), Verdict::Refused(Reason::Busy));
    holder.release();
    assert!(is_let_in(&stage.door, &key.token));
}

#[test]
fn a_row_that_another_application_holds_makes_its_change_busy_and_no_other() {
    let database = Database::fresh();
    let stage = Stage::new(options(&database.url(), Duration::from_secs(1)));
    let (held, free) = (stage.key(), stage.key());
    let holder = Holder::begin(
        &database.url(),
        "SELECT 1 FROM doorward.api_keys WHERE id = (SELECT min(id) FROM doorward.api_keys) FOR UPDATE",
    );
    let rename = || KeyPatch { label: Some("renamed".into()), ..KeyPatch::default() };
    let error = stage.door.update_key(&stage.acme, &held.record.id, rename()).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Reason::Busy), "{error:?}");
    stage.door.update_key(&stage.acme, &free.record.id, rename()).unwrap();
    assert!(is_let_in(&stage.door, &held.token));
    holder.release();
    stage.door.update_key(&stage.acme, &held.record.id, rename()).unwrap();
    Books::of_database(&database).agree();
}

#[test]
fn tables_that_are_altered_under_prepared_statements_go_on_being_read() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let key = stage.key();
    for kind in ["varchar(200)", "text"] {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!(is_let_in(&stage.door, &key.token)));
                scope.spawn(|| stage.door.get_key(&stage.acme, &key.record.id).unwrap());
            }
        });
        database.psql(&format!("ALTER TABLE doorward.api_keys ALTER COLUMN label TYPE {kind}, ALTER COLUMN role TYPE {kind}"));
        assert!(is_let_in(&stage.door, &key.token));
        stage.door.get_key(&stage.acme, &key.record.id).unwrap();
    }
}

#[test]
fn a_schema_that_is_not_there_any_more_is_said_so() {
    let database = Database::fresh();
    let stage = Stage::new(patient(&database.url()));
    let key = stage.key();
    database.psql("SET client_min_messages = warning; DROP SCHEMA doorward CASCADE");
    let error = stage.door.find_by_token(key.token.reveal()).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::DatabaseError), "{error:?}");
    assert!(error.to_string().contains("DOORWARD_SCHEMA"), "{error}");
    assert!(!is_let_in(&stage.door, &key.token));
}

#[test]
fn a_database_that_may_only_be_read_makes_changes_unavailable() {
    let database = Database::fresh();
    let stage = Stage::new(options(&database.url(), Duration::from_secs(1)));
    let key = stage.key();
    database.psql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    let options: PostgresOptions = options(&database.url(), Duration::from_secs(1));
    let door = Doorward::with_backend(Arc::new(PostgresStore::open(options).unwrap()), Config::memory());
    let error = is_unavailable(door.create_key(&stage.acme, NewKey::new("no", Role::Admin)));
    assert!(error.to_string().contains("only be read"), "{error}");
    assert!(is_let_in(&door, &key.token));
}
