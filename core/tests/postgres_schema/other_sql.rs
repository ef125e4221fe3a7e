//! What other SQL does to the tables after they were adopted: seen at the next lookup, counted in the row's version, noted in
//! the change feed, and numbered when the generation is next asked for.

use std::{sync::Barrier, thread};

use doorward::{
    Doorward, ErrorKind, KeyHash, KeyPatch, NewKey, PolicyHistoryQuery, Position, Reason, Request, Role,
    model::page::PageRequest,
    store::{Backend, postgres::PostgresStore},
};

use crate::{
    application::{Application, TOKEN, UNLABELLED, UNLABELLED_TOKEN},
    client::Client,
    records::{acme, sg, up_to, us},
};

const LEVELS: [&str; 2] = ["READ COMMITTED", "REPEATABLE READ"];

/// An application whose tables were adopted; both have begun.
struct Shared {
    application: Application,
    store: PostgresStore,
    door: Doorward,
    client: Client,
    observer: Client,
}

impl Shared {
    fn new() -> Self {
        let application = Application::new();
        let store = application.adopt().unwrap();
        let (door, client, observer) = (application.door(), application.client(), application.administrator());
        Self { application, store, door, client, observer }
    }

    /// Runs the application's statements in one transaction of a level.
    #[track_caller]
    fn transact(&mut self, level: &str, statements: &str) {
        self.client.run(&format!("BEGIN ISOLATION LEVEL {level}; {statements}; COMMIT"));
    }

    /// What the feed holds that was not numbered yet, in order: what, which, whose, old and new hash (or region).
    fn unnumbered(&mut self) -> Vec<String> {
        let rows = self.observer.rows(
            "SELECT entity, entity_id, institution_id, coalesce(region, left(old_hash, 6)), left(new_hash, 6)
             FROM doorward_change_feed WHERE generation IS NULL ORDER BY sequence",
        );
        rows.iter().map(|row| row.join(" ")).collect()
    }

    fn generation(&self) -> u64 {
        self.store.generation().wait().unwrap().number
    }

    fn reason(&self, token: &str) -> Option<Reason> {
        self.door.verify(token, &Request::new()).reason()
    }

    fn version(&mut self, table: &str, id: &str) -> String {
        self.observer.value(&format!("SELECT version FROM {table} WHERE id = '{id}'"))
    }
}

fn short(token: &str) -> String {
    KeyHash::of(token).to_string()[..6].to_owned()
}

#[test]
fn a_key_that_other_sql_stores_changes_or_deletes_is_seen_at_the_next_lookup() {
    for level in LEVELS {
        let mut shared = Shared::new();
        let (token, hash) = ("ak_made_by_sql", KeyHash::of("ak_made_by_sql"));
        assert_eq!(shared.reason(token), Some(Reason::Unknown));
        shared.transact(level, &format!("INSERT INTO api_keys VALUES ('new', 'acme', '{hash}', NULL, 'admin')"));
        assert_eq!(shared.door.authenticate(token, &Request::new()).unwrap().role(), Role::Admin);
        assert_eq!(shared.unnumbered(), [format!("api_key new acme - {}", short(token))]);
        assert_eq!(shared.version("api_keys", "new"), "1");
        let generation = shared.generation();
        assert_eq!(shared.unnumbered(), Vec::<String>::new());

        shared.transact(level, "UPDATE api_keys SET role = 'read_only' WHERE id = 'new'");
        assert_eq!(shared.door.authenticate(token, &Request::new()).unwrap().role(), Role::ReadOnly);
        assert_eq!(shared.version("api_keys", "new"), "2");
        assert_eq!(shared.unnumbered(), [format!("api_key new acme {0} {0}", short(token))]);
        assert_eq!(shared.generation(), generation + 1);

        shared.transact(level, "UPDATE api_keys SET revoked_at = now() WHERE id = 'new'");
        assert_eq!(shared.reason(token), Some(Reason::Revoked));
        shared.transact(level, "UPDATE api_keys SET revoked_at = NULL WHERE id = 'new'");
        assert_eq!(shared.reason(token), None);
        assert_eq!(shared.generation(), generation + 2, "what is there is numbered as one");

        let other = "ak_another_token";
        shared.transact(level, &format!("UPDATE api_keys SET key_hash = '{}' WHERE id = 'new'", KeyHash::of(other)));
        assert_eq!((shared.reason(token), shared.reason(other)), (Some(Reason::Unknown), None));
        assert_eq!(shared.unnumbered(), [format!("api_key new acme {} {}", short(token), short(other))]);
        shared.generation();

        shared.transact(level, "UPDATE api_keys SET id = 'renamed' WHERE id = 'new'");
        let both = [format!("api_key new acme {0} {0}", short(other)), format!("api_key renamed acme {0} {0}", short(other))];
        assert_eq!(shared.unnumbered(), both);
        assert_eq!(shared.version("api_keys", "renamed"), "6");
        shared.generation();

        shared.transact(level, "DELETE FROM api_keys WHERE id = 'renamed'");
        assert_eq!(shared.reason(other), Some(Reason::Unknown));
        assert_eq!(shared.unnumbered(), [format!("api_key renamed acme {} -", short(other))]);
    }
}

#[test]
fn a_key_that_moves_to_another_institution_is_a_change_of_both() {
    let mut shared = Shared::new();
    shared.client.run("INSERT INTO institutions VALUES ('other', 'Other', '{}', '{}')");
    shared.generation();
    shared.transact("REPEATABLE READ", "UPDATE api_keys SET institution_id = 'other' WHERE id = 'ak-1'");
    let other = "other".parse().unwrap();
    assert_eq!(shared.door.authenticate(TOKEN, &Request::new()).unwrap().institution_id(), Some(&other));
    let both = [format!("api_key ak-1 acme {0} {0}", short(TOKEN)), format!("api_key ak-1 other {0} {0}", short(TOKEN))];
    assert_eq!(shared.unnumbered(), both);
    let error = shared.door.revoke_key(&acme(), &"ak-1".parse().unwrap()).unwrap_err();
    assert_eq!(error.reason(), Reason::KeyNotFound);
}

#[test]
fn an_id_that_cascades_is_noted_wherever_it_stands() {
    let mut shared = Shared::new();
    shared.observer.run(
        "ALTER TABLE api_keys DROP CONSTRAINT api_keys_institution_id_fkey,
             ADD FOREIGN KEY (institution_id) REFERENCES institutions (id) ON UPDATE CASCADE ON DELETE CASCADE;
         ALTER TABLE institution_policies DROP CONSTRAINT institution_policies_institution_id_fkey,
             ADD FOREIGN KEY (institution_id) REFERENCES institutions (id) ON UPDATE CASCADE ON DELETE CASCADE",
    );
    shared.transact("REPEATABLE READ", "UPDATE institutions SET id = 'acme2' WHERE id = 'acme'");
    let mut noted = shared.unnumbered();
    noted.sort();
    assert_eq!(noted.len(), 2 + 3 * 2 + 2 * 2, "{noted:?}");
    assert!(noted.contains(&"institution acme acme - -".to_owned()) && noted.contains(&"institution acme2 acme2 - -".to_owned()));
    assert!(noted.contains(&"policy p1 acme US -".to_owned()) && noted.contains(&"policy p1 acme2 US -".to_owned()));
    shared.generation();
    shared.transact("READ COMMITTED", "DELETE FROM institutions WHERE id = 'acme2'");
    assert_eq!(shared.unnumbered().len(), 1 + 3 + 2);
    assert_eq!(shared.reason(TOKEN), Some(Reason::Unknown));
}

#[test]
fn policies_and_institutions_that_other_sql_changes_are_seen_and_noted() {
    for level in LEVELS {
        let mut shared = Shared::new();
        let allowed = |shared: &Shared, amount| {
            shared.door.check_position(&acme(), us(), &Position::parse(amount, "USD").unwrap()).unwrap().allowed
        };
        assert!(allowed(&shared, "500"));
        shared.transact(
            level,
            r#"UPDATE institution_policies SET config = '{"position": {"maxAmount": 20}}' WHERE id = 'p1';
               INSERT INTO institution_policies VALUES ('p3', 'acme', 'UAE', '{"position": {}}');
               DELETE FROM institution_policies WHERE id = 'p2';
               INSERT INTO institutions VALUES ('new', 'New', '{}', '{}');
               UPDATE institutions SET name = 'Newer' WHERE id = 'new';
               DELETE FROM institutions WHERE id = 'new'"#,
        );
        assert!(!allowed(&shared, "500") && allowed(&shared, "20"));
        assert_eq!(shared.door.get_policy(&acme(), us()).unwrap().version, 2);
        let noted = [
            "policy p1 acme US -",
            "policy p3 acme UAE -",
            "policy p2 acme SG -",
            "institution new new - -",
            "institution new new - -",
            "institution new new - -",
        ];
        assert_eq!(shared.unnumbered(), noted);
    }
}

#[test]
fn no_version_of_a_policy_means_two_configs_however_it_comes_back() {
    let mut shared = Shared::new();
    shared.door.upsert_policy(&acme(), us(), up_to(1), None).unwrap();
    shared.client.run("UPDATE institution_policies SET config = '{}' WHERE id = 'p1'");
    assert_eq!(shared.version("institution_policies", "p1"), "3");
    shared.client.run("DELETE FROM institution_policies WHERE id = 'p1'");
    shared.client.run("INSERT INTO institution_policies VALUES ('again', 'acme', 'US', '{\"position\": {}}')");
    assert_eq!(shared.version("institution_policies", "again"), "5");
    shared.door.delete_policy(&acme(), us(), Some(5)).unwrap();
    assert_eq!(shared.door.upsert_policy(&acme(), us(), up_to(2), Some(0)).unwrap().version, 7);
    let query = PolicyHistoryQuery { institution_id: acme(), region: us(), page: PageRequest::default() };
    let versions: Vec<_> = shared.door.policy_history(&query).unwrap().items.iter().map(|noted| noted.version).collect();
    assert_eq!(versions, [7, 6, 4, 2]);
}

#[test]
fn an_old_view_deletes_and_stores_a_policy_that_doorward_replaced_without_an_error_of_doorwards() {
    let mut shared = Shared::new();
    shared.client.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM institution_policies");
    shared.door.upsert_policy(&acme(), "UAE".parse().unwrap(), up_to(1), None).unwrap();
    shared.door.delete_policy(&acme(), "UAE".parse().unwrap(), None).unwrap();
    shared.client.run(
        "INSERT INTO institution_policies VALUES ('old', 'acme', 'UAE', '{\"position\": {}}');
         UPDATE institution_policies SET config = '{\"a\": 1}' WHERE id = 'old';
         DELETE FROM institution_policies WHERE id = 'old'; COMMIT",
    );
}

#[test]
fn a_version_at_the_end_of_its_numbers_fails_no_change_of_the_application_and_one_below_zero_no_revocation() {
    let mut shared = Shared::new();
    let key = shared.door.find_by_token(TOKEN).unwrap().unwrap();
    for version in ["2147483647", "-5"] {
        shared.observer.run(&format!(
            "BEGIN; SET LOCAL doorward.writer = 'on'; UPDATE api_keys SET version = {version};
             UPDATE institution_policies SET version = {version}; COMMIT"
        ));
        shared.client.run("UPDATE api_keys SET label = 'x'; UPDATE institution_policies SET updated_at = now()");
    }
    shared.door.revoke_key(&key.institution_id, &key.id).unwrap();
    assert_eq!(shared.reason(TOKEN), Some(Reason::Revoked));
    shared
        .observer
        .run("BEGIN; SET LOCAL doorward.writer = 'on'; UPDATE institution_policies SET version = 9223372036854775807; COMMIT");
    shared.client.run("UPDATE institution_policies SET updated_at = now(); DELETE FROM institution_policies");
    shared.client.run("INSERT INTO institution_policies VALUES ('again', 'acme', 'US', '{\"position\": {}}')");
}

#[test]
fn multi_row_statements_copies_and_upserts_are_noted_row_by_row() {
    let mut shared = Shared::new();
    shared.client.copy(
        "COPY api_keys (id, institution_id, key_hash, label, role) FROM STDIN",
        &format!("c1\tacme\t{}\t\\N\tadmin\nc2\tacme\t{}\tx\tread_only\n", KeyHash::of("ak_c1"), KeyHash::of("ak_c2")),
    );
    assert_eq!((shared.reason("ak_c1"), shared.reason("ak_c2")), (None, None));
    assert_eq!(
        shared.unnumbered(),
        [format!("api_key c1 acme - {}", short("ak_c1")), format!("api_key c2 acme - {}", short("ak_c2"))]
    );
    let generation = shared.generation();
    for level in LEVELS {
        shared.transact(
            level,
            &format!(
                "INSERT INTO api_keys (id, institution_id, key_hash, role)
                 VALUES ('c1', 'acme', '{}', 'read_only'), ('c3 {level}', 'acme', '{}', 'admin')
                 ON CONFLICT (id) DO UPDATE SET role = excluded.role",
                KeyHash::of("ak_c1"),
                KeyHash::of(level),
            ),
        );
        assert_eq!(shared.unnumbered().len(), 2);
        shared.generation();
        shared.transact(level, "UPDATE api_keys SET label = 'all' WHERE institution_id = 'acme'");
        let all = shared.observer.value("SELECT count(*) FROM api_keys");
        assert_eq!(shared.unnumbered().len().to_string(), all);
        shared.generation();
    }
    assert_eq!(shared.version("api_keys", "c1"), "5");
    assert_eq!(shared.generation(), generation + 4);
    assert_eq!(shared.client.run("DELETE FROM api_keys"), 7);
    assert_eq!(shared.unnumbered().len(), 7);
}

#[test]
fn a_truncated_table_is_one_note_for_all_of_it() {
    let mut shared = Shared::new();
    shared.transact("REPEATABLE READ", "TRUNCATE institutions CASCADE");
    let mut noted = shared.unnumbered();
    noted.sort();
    assert_eq!(noted, ["api_key - - - -", "institution - - - -", "policy - - - -"]);
    assert_eq!(shared.reason(TOKEN), Some(Reason::Unknown));
}

#[test]
fn what_is_rolled_back_is_not_noted_and_what_is_not_committed_is_not_numbered() {
    let mut shared = Shared::new();
    shared.client.run("BEGIN; UPDATE api_keys SET label = 'x'; ROLLBACK");
    let before = shared.generation();
    shared.client.run("BEGIN; UPDATE api_keys SET label = 'y'");
    assert_eq!(shared.generation(), before);
    shared.client.run("COMMIT");
    assert_eq!(shared.generation(), before + 1);
    assert_eq!(shared.generation(), before + 1);
}

#[test]
fn doorwards_own_changes_are_in_the_feed_once_with_their_number() {
    let mut shared = Shared::new();
    let key = shared.door.create_key(&acme(), NewKey::new("ci", Role::Admin)).unwrap().record;
    shared.door.update_key(&acme(), &key.id, KeyPatch { label: Some("x".to_owned()), ..KeyPatch::default() }).unwrap();
    shared.door.upsert_policy(&acme(), us(), up_to(1), None).unwrap();
    shared.door.delete_policy(&acme(), us(), None).unwrap();
    shared.door.revoke_key(&acme(), &key.id).unwrap();
    assert_eq!(shared.door.get_key(&acme(), &key.id).unwrap().version, 3);
    let feed = shared.observer.rows("SELECT generation, entity FROM doorward_change_feed ORDER BY sequence");
    assert_eq!(feed, [["1", "api_key"], ["2", "api_key"], ["3", "policy"], ["4", "policy"], ["5", "api_key"]]);
    assert_eq!(shared.generation(), 5);
}

#[test]
fn many_processes_number_what_is_there_together_without_loss_or_doubling() {
    let mut shared = Shared::new();
    let stores: Vec<_> = (0..6).map(|_| PostgresStore::open(shared.application.options()).unwrap()).collect();
    for round in 0..20 {
        let before = shared.generation();
        shared.client.run("UPDATE api_keys SET label = 'x'; UPDATE institutions SET name = 'y'");
        let barrier = Barrier::new(stores.len());
        let seen: Vec<_> = thread::scope(|scope| {
            let ask = |store: &PostgresStore| {
                barrier.wait();
                store.generation().wait().unwrap().number
            };
            let asked: Vec<_> = stores.iter().map(|store| scope.spawn(move || ask(store))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert_eq!(seen, [before + 1; 6], "round {round}");
        let numbered = format!("SELECT count(*) FROM doorward_change_feed WHERE generation = {}", before + 1);
        assert_eq!(shared.observer.value(&numbered), "5");
        assert_eq!(shared.unnumbered(), Vec::<String>::new());
    }
}

#[test]
fn very_many_changes_are_numbered_in_steps() {
    let mut shared = Shared::new();
    shared.client.run(
        "INSERT INTO api_keys SELECT 'k' || n, 'acme', md5(n::text) || md5('x' || n), '', 'admin' FROM generate_series(1, 25000) n",
    );
    assert_eq!(shared.generation(), 3);
    let steps = "SELECT generation, count(*) FROM doorward_change_feed GROUP BY 1 ORDER BY 1";
    assert_eq!(shared.observer.rows(steps), [["1", "10000"], ["2", "10000"], ["3", "5000"]]);
}

#[test]
fn doorward_waits_for_a_row_that_the_application_changes_and_loses_nothing_of_it() {
    let mut shared = Shared::new();
    let id = doorward::ApiKeyId::from_stored(UNLABELLED);
    shared.client.run(&format!("BEGIN; UPDATE api_keys SET role = 'admin', label = 'theirs' WHERE id = '{UNLABELLED}'"));
    let door = shared.application.door();
    let of = id.clone();
    let disabling = thread::spawn(move || door.disable_key(&acme(), &of));
    let tries = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'doorward' AND query LIKE '%FOR NO KEY UPDATE OF k NOWAIT%'
                 OR application_name = 'doorward' AND query = 'ROLLBACK'";
    let Shared { observer, client, .. } = &mut shared;
    doorward_test_servers::wait_until("doorward tries", crate::application::SOON, || observer.value(tries) != "0");
    client.run("COMMIT");
    disabling.join().unwrap().unwrap();
    let key = shared.door.get_key(&acme(), &id).unwrap();
    assert_eq!((key.role, key.label.as_str(), key.version, key.disabled_at.is_some()), (Role::Admin, "theirs", 3, true));
    assert_eq!(shared.reason(UNLABELLED_TOKEN), Some(Reason::Disabled));
}

#[test]
fn a_policy_that_the_application_stores_at_the_same_moment_is_not_replaced_unseen() {
    let mut shared = Shared::new();
    let uae = "UAE".parse().unwrap();
    shared.client.run("BEGIN; INSERT INTO institution_policies VALUES ('theirs', 'acme', 'UAE', '{\"position\": {}}')");
    let door = shared.application.door();
    let upserting = thread::spawn(move || door.upsert_policy(&acme(), uae, up_to(1), Some(0)));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'doorward' AND query LIKE 'INSERT INTO%institution_policies%'";
    let Shared { observer, client, .. } = &mut shared;
    doorward_test_servers::wait_until("doorward waits", crate::application::SOON, || observer.value(waits) != "0");
    client.run("COMMIT");
    let error = upserting.join().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Conflict, Reason::VersionMismatch), "{error}");
    assert_eq!(shared.door.get_policy(&acme(), uae).unwrap().id.to_string(), "theirs");
}

#[test]
fn rows_that_refer_to_a_key_or_an_institution_are_not_in_the_way_of_a_revocation() {
    let mut shared = Shared::new();
    shared.observer.run("CREATE TABLE uses (key text REFERENCES api_keys (id)); GRANT INSERT ON uses TO PUBLIC");
    let new = KeyHash::of("ak_new");
    shared.client.run(&format!(
        "BEGIN; INSERT INTO uses VALUES ('ak-1'); INSERT INTO api_keys VALUES ('new', 'acme', '{new}', '', 'admin')"
    ));
    shared.door.revoke_key(&acme(), &"ak-1".parse().unwrap()).unwrap();
    assert_eq!(shared.door.revoke_all_keys(&acme()).unwrap(), 1);
    let renamed = doorward::InstitutionPatch { name: Some("Renamed".to_owned()), regions: Some(vec![sg()]) };
    shared.door.update_institution(&acme(), renamed).unwrap();
    shared.client.run("COMMIT");
    assert_eq!((shared.reason(TOKEN), shared.reason("ak_new")), (Some(Reason::Revoked), None));
}
