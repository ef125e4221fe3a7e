//! Taking over the tables of an application that runs already.

use std::{
    thread,
    time::{Duration, Instant},
};

use doorward::{
    Actor, AuditQuery, ErrorKind, InstitutionId, InstitutionPatch, KeyPatch, KeyStatus, NewInstitution, NewKey, Order, Outcome,
    PageRequest, PolicySource, Position, Reason, Request, Role, Timestamp, model::id::ApiKeyId, store::postgres::PostgresStore,
};
use doorward_test_servers::wait_until;

use crate::{
    application::{Application, SOON, TABLES, TOKEN, UNLABELLED, UNLABELLED_TOKEN},
    client::Client,
    records::{acme, institutions, keys_of, pages, policies_of, sg, up_to, us},
};

const TABLE_NAMES: [&str; 4] = ["institutions", "api_keys", "institution_policies", "audit_events"];

/// What identifies each table, its columns, and everything else that the application made.
fn made(client: &mut Client) -> Vec<Vec<String>> {
    client.rows(
        "SELECT c.relname, c.oid::text, pg_relation_filenode(c.oid)::text, a.attname, a.atttypid::text, a.attnotnull::text,
            pg_get_expr(d.adbin, d.adrelid), c.relkind::text
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
         UNION ALL SELECT conname, oid::text, conrelid::text, pg_get_constraintdef(oid), '', '', '', '' FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3, 4",
    )
}

/// A digest of the rows, as far as the application knows them.
fn contents(client: &mut Client) -> Vec<Vec<String>> {
    let columns = [
        "id, name, regions, verticals, created_at, updated_at",
        "id, institution_id, key_hash, label, role, created_at, revoked_at",
        "id, institution_id, region, config, created_at, updated_at",
        "id, created_at, method, path, outcome, latency_ms",
    ];
    let digests = TABLE_NAMES.iter().zip(columns).map(|(table, columns)| {
        format!(
            "SELECT '{table}', count(*)::text, md5(string_agg(t::text, '' ORDER BY id)) FROM (SELECT {columns} FROM {table}) t"
        )
    });
    client.rows(&(digests.collect::<Vec<_>>().join(" UNION ALL ") + " ORDER BY 1"))
}

#[test]
fn tables_of_an_application_are_not_taken_over_unasked() {
    let application = Application::new();
    let mut client = application.administrator();
    let before = (made(&mut client), contents(&mut client));
    let error = PostgresStore::open(application.options()).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Config, Reason::NotAdopted));
    let message = error.to_string();
    for part in ["DOORWARD_SCHEMA", "public", "doorward init --adopt", "institutions", "audit_events"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!((made(&mut client), contents(&mut client)), before);
}

#[test]
fn adoption_drops_and_rewrites_nothing() {
    let application = Application::new();
    let mut client = application.administrator();
    client.run(
        "INSERT INTO api_keys SELECT 'many-' || n, 'acme', md5(n::text) || md5('x' || n), NULL, 'read_only',
             timestamptz '2025-01-01 00:00:00.000001Z' + n * interval '1.000003 s', NULL FROM generate_series(1, 50000) n;
         INSERT INTO audit_events SELECT 'many-' || n, now(), 'GET', '/', 'fine', n FROM generate_series(1, 50000) n",
    );
    let before = (made(&mut client), contents(&mut client));
    let rows = "SELECT sum(hashtextextended(ctid::text || xmin::text || id, 0))::text FROM";
    let places: Vec<_> = TABLE_NAMES.iter().map(|table| client.value(&format!("{rows} {table}"))).collect();
    application.adopt().unwrap();
    assert_eq!(contents(&mut client), before.1);
    // Not a row was touched, not a file replaced: what was there is there, and new things are beside it.
    assert_eq!(TABLE_NAMES.iter().map(|table| client.value(&format!("{rows} {table}"))).collect::<Vec<_>>(), places);
    let after = made(&mut client);
    for row in &before.0 {
        assert!(after.contains(row), "{row:?}");
    }
    // A second time there is nothing to do.
    application.adopt().unwrap();
    PostgresStore::open(application.options()).unwrap();
    assert_eq!(made(&mut client), after);
}

#[test]
fn the_application_goes_on_reading_and_writing_under_its_own_role() {
    let application = Application::new();
    application.adopt().unwrap();
    let mut client = application.client();
    assert_eq!(contents(&mut client), contents(&mut application.administrator()));
    let refused = client.try_run("SELECT * FROM doorward_change_feed").unwrap_err();
    assert_eq!(refused.code, "42501", "the application has no rights on what is doorward's");
    client.run(
        "INSERT INTO institutions VALUES ('new', 'New', '{US}', '{}');
         UPDATE institutions SET name = 'Newer' WHERE id = 'new';
         INSERT INTO api_keys VALUES ('k', 'new', 'h', 'l', 'admin');
         UPDATE api_keys SET label = 'm' WHERE id = 'k';
         INSERT INTO institution_policies VALUES ('p', 'new', 'US', '{}');
         UPDATE institution_policies SET config = '{\"a\": 1}' WHERE id = 'p';
         INSERT INTO audit_events VALUES ('e', now(), 'PUT', '/', 'done', 1);
         UPDATE audit_events SET latency_ms = 2 WHERE id = 'e'; DELETE FROM audit_events WHERE id = 'e';
         DELETE FROM institution_policies WHERE id = 'p'; DELETE FROM api_keys WHERE id = 'k';
         DELETE FROM institutions WHERE id = 'new';
         TRUNCATE audit_events; TRUNCATE institution_policies, api_keys, institutions",
    );
}

#[test]
fn keys_from_before_authenticate_and_can_be_managed() {
    let application = Application::new();
    application.adopt().unwrap();
    let door = application.door();
    let context = door.authenticate(TOKEN, &Request::new()).unwrap();
    assert_eq!((context.role(), context.institution_id()), (Role::Admin, Some(&acme())));
    assert_eq!(door.authenticate("ak_gone", &Request::new()).unwrap_err().reason(), Reason::Revoked);

    let id = ApiKeyId::from_stored(UNLABELLED);
    let found = door.find_by_token(UNLABELLED_TOKEN).unwrap().unwrap();
    assert_eq!((&found.id, found.label.as_str(), found.version), (&id, "", 1));
    assert_eq!(found.created_at.to_string(), "2025-03-02T10:00:00.000Z");
    assert_eq!(found.hint.as_str(), &found.key_hash.to_string()[..8]);
    let patch = KeyPatch { label: Some("now with a label".to_owned()), ..KeyPatch::default() };
    let updated = door.update_key(&acme(), &id, patch).unwrap();
    assert_eq!((updated.label.as_str(), updated.version), ("now with a label", 2));

    let rotated = door.rotate_key(&acme(), &id, Duration::ZERO).unwrap();
    assert_eq!(rotated.record.rotated_from, Some(id.clone()));
    assert!(door.authenticate(UNLABELLED_TOKEN, &Request::new()).is_err());
    assert!(door.authenticate(rotated.token.reveal(), &Request::new()).is_ok());

    door.revoke_key(&acme(), &"ak-1".parse().unwrap()).unwrap();
    assert_eq!(door.authenticate(TOKEN, &Request::new()).unwrap_err().reason(), Reason::Revoked);
    let revoked = "SELECT (revoked_at IS NOT NULL)::text, version::text FROM api_keys WHERE id = 'ak-1'";
    assert_eq!(application.client().rows(revoked), [["true", "2"]]);

    let old = door.get_key(&acme(), &ApiKeyId::from_stored("old key")).unwrap();
    assert_eq!(old.status(Timestamp::now()), KeyStatus::Revoked);
    let created = door.create_key(&acme(), NewKey::new("made by doorward", Role::Admin)).unwrap();
    assert!(door.authenticate(created.token.reveal(), &Request::new()).is_ok());
    assert_eq!(door.revoke_all_keys(&acme()).unwrap(), 3);
}

#[test]
fn policies_from_before_decide_and_a_damaged_one_denies_until_it_is_replaced() {
    let application = Application::new();
    application.adopt().unwrap();
    let door = application.door();
    let decide = |region, amount| door.check_position(&acme(), region, &Position::parse(amount, "USD").unwrap()).unwrap();
    assert!(decide(us(), "500").allowed);
    let refused = decide(us(), "500.01");
    assert_eq!(
        (refused.allowed, refused.policy_version, refused.policy_id.unwrap().to_string()),
        (false, Some(1), "p1".to_owned())
    );
    assert_eq!((decide(sg(), "1").allowed, decide(sg(), "1").policy), (false, PolicySource::Unreadable));
    assert_eq!(door.get_policy(&acme(), sg()).unwrap_err().reason(), Reason::DamagedRecord);

    let repaired = door.upsert_policy(&acme(), sg(), up_to(5), None).unwrap();
    assert_eq!((repaired.id.to_string(), repaired.version), ("p2".to_owned(), 2));
    assert!(decide(sg(), "5").allowed);
    assert_eq!(door.get_policy(&acme(), us()).unwrap().config.other.get("note"), Some(&1.into()));
    door.delete_policy(&acme(), us(), Some(1)).unwrap();
    assert_eq!(decide(us(), "1").policy, PolicySource::None);
}

#[test]
fn institutions_stay_the_applications_own() {
    let application = Application::new();
    application.adopt().unwrap();
    let door = application.door();
    let error = door.create_institution(NewInstitution::new("Another", [])).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::DatabaseError));
    assert!(error.to_string().contains("institutions") && error.to_string().contains("verticals"), "{error}");
    // It can be read and changed all the same, whatever its id is like.
    let odd = InstitutionId::from_stored("Émile & fils/№ 7");
    let patch = InstitutionPatch { name: Some("Émile et fils".to_owned()), regions: Some(vec![us()]) };
    assert_eq!(door.update_institution(&odd, patch).unwrap().name, "Émile et fils");
    assert_eq!(door.get_institution(&odd).unwrap().regions, [us()]);
    let key = door.create_key(&odd, NewKey::new("ci", Role::Admin)).unwrap();
    assert_eq!(door.authenticate(key.token.reveal(), &Request::new()).unwrap().institution_id(), Some(&odd));
    assert_eq!(door.list_institutions(&institutions(PageRequest::default())).unwrap().items.len(), 2);
}

#[test]
fn audit_events_of_both_are_listed_from_the_adoption_on() {
    let application = Application::new();
    let before = Timestamp::now();
    application.adopt().unwrap();
    let door = application.door();
    let mut client = application.client();
    client.run("INSERT INTO audit_events VALUES ('theirs', now(), 'GET', '/v1/things', 'all good', 12)");
    client.run(&format!(
        "INSERT INTO audit_events (id, created_at, method, path, api_key_id, institution_id)
         VALUES ('{UNLABELLED}-2', now(), '', '', 'ak-1', 'acme')"
    ));
    door.create_key(&acme(), NewKey::new("ours", Role::Admin)).unwrap();
    let events = door.list_audit_events(&AuditQuery { since: Some(before), ..AuditQuery::default() }).unwrap().items;
    let said: Vec<_> = events.iter().map(|event| (event.entry.action.as_str(), event.entry.outcome)).collect();
    assert_eq!(said, [("create_key", Outcome::Succeeded), ("", Outcome::Unstated), ("", Outcome::Unstated)]);
    assert_eq!(events[1].entry.actor, Actor::Key("ak-1".parse().unwrap()));
    assert_eq!(
        (events[2].entry.id.to_string(), events[2].entry.origin.path.as_deref()),
        ("theirs".to_owned(), Some("/v1/things"))
    );
    let acme_only = AuditQuery { institution_id: Some(acme()), ..AuditQuery::default() };
    assert_eq!(door.list_audit_events(&acme_only).unwrap().items.len(), 2);
}

#[test]
fn rows_a_microsecond_apart_are_listed_once_each_one_by_one() {
    let application = Application::new();
    application.administrator().run(
        "INSERT INTO institutions SELECT 'i' || n % 7 || '-' || n, 'n', '{}', '{}',
             timestamptz '2026-01-01 00:00:00.001Z' + n / 2 * interval '0.000211 s' FROM generate_series(1, 40) n;
         INSERT INTO api_keys SELECT 'k' || n % 7 || '-' || n, 'i1-1', md5(n::text) || md5(n::text), 'l', 'admin',
             timestamptz '2026-01-01 00:00:00.001Z' + n / 2 * interval '0.000211 s' FROM generate_series(1, 40) n;
         INSERT INTO institution_policies SELECT 'p' || n % 7 || '-' || n, 'i1-1', 'R' || chr(64 + n), '{\"position\": {}}',
             timestamptz '2026-01-01 00:00:00.001Z' + n / 2 * interval '0.000211 s' FROM generate_series(1, 26) n",
    );
    application.adopt().unwrap();
    let door = application.door();
    let mut client = application.client();
    let mut wanted = |table: &str, direction: &str| -> Vec<String> {
        let rows =
            client.rows(&format!("SELECT id FROM {table} WHERE id LIKE '_%-%' ORDER BY created_at {direction}, id {direction}"));
        rows.into_iter().flatten().filter(|id| id.len() < 8 && !id.starts_with("ak")).collect()
    };
    let owner: InstitutionId = "i1-1".parse().unwrap();
    for (order, direction) in [(Order::NewestFirst, "DESC"), (Order::OldestFirst, "ASC")] {
        for limit in [1, 3] {
            let keys = pages(limit, order, |page| door.list_keys(&keys_of(&owner, page)).unwrap());
            assert_eq!(keys.iter().map(|key| key.id.to_string()).collect::<Vec<_>>(), wanted("api_keys", direction));
            let policies = pages(limit, order, |page| door.list_policies(&policies_of(&owner, page)).unwrap());
            let ids: Vec<_> = policies.iter().map(|policy| policy.id.to_string()).collect();
            assert_eq!(ids, wanted("institution_policies", direction));
            let listed = pages(limit, order, |page| door.list_institutions(&institutions(page)).unwrap());
            let ids: Vec<_> =
                listed.iter().map(|it| it.id.to_string()).filter(|id| id.len() < 8 && id.starts_with('i')).collect();
            assert_eq!(ids, wanted("institutions", direction));
        }
    }
}

#[test]
fn tables_that_cannot_be_adopted_are_left_alone_and_everything_in_the_way_is_named() {
    let application = Application::with(
        "CREATE TABLE institutions (id uuid PRIMARY KEY, name text NOT NULL, regions text NOT NULL, created_at timestamptz, updated_at timestamptz);
         CREATE TABLE api_keys (
             id text PRIMARY KEY, institution_id text NOT NULL, key_hash text NOT NULL, label text, role text NOT NULL,
             created_at timestamp NOT NULL, owner text NOT NULL, kind text NOT NULL DEFAULT 'x', hint integer,
             metadata jsonb NOT NULL DEFAULT '{}', version integer);
         CREATE TABLE institution_policies (
             id varchar(36) PRIMARY KEY, institution_id text NOT NULL, region text NOT NULL, config json NOT NULL, created_at timestamptz NOT NULL,
             updated_at timestamptz NOT NULL, UNIQUE (institution_id, region) DEFERRABLE);
         CREATE VIEW audit_events AS SELECT 'x' AS id;
         CREATE TABLE doorward_change_feed (n integer)",
    );
    let mut client = application.administrator();
    let before = made(&mut client);
    let error = application.adopt().unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Config, Reason::CannotAdopt));
    let message = error.to_string();
    for part in [
        "institutions.id is uuid and must be text",
        "institutions.regions is text and must be text[]",
        "api_keys has no column revoked_at (timestamptz)",
        "api_keys.created_at is timestamp without time zone and must be timestamptz",
        "api_keys.hint is integer and must be text, or not be there",
        "api_keys.owner is NOT NULL without a default",
        "api_keys.metadata is NOT NULL, and doorward leaves it empty at times",
        "api_keys.version may be NULL and must be NOT NULL, or not be there",
        "institution_policies.id holds 36 characters and must hold 41",
        "api_keys has no unique index on (key_hash)",
        "institution_policies.config is json and must be jsonb",
        "institution_policies has no unique index on (institution_id, region)",
        "audit_events is no table",
        "doorward_change_feed is there already",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("api_keys.kind"), "{message}");
    assert_eq!(made(&mut client), before);
}

#[test]
fn an_adoption_that_meets_a_held_lock_gives_up_with_a_clear_error_and_hurts_nobody() {
    let application = Application::new();
    let mut client = application.client();
    client.run("BEGIN; UPDATE api_keys SET label = 'being changed' WHERE id = 'ak-1'");
    let began = Instant::now();
    let limits = Duration::from_millis(800);
    let options = application.options().acquire_timeout(limits).unwrap().statement_timeout(limits).unwrap();
    let error = PostgresStore::adopt(options).unwrap_err();
    assert!(began.elapsed() < SOON);
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Reason::Busy), "{error}");
    assert!(error.to_string().contains("holding locks") && error.to_string().contains("nothing was changed"), "{error}");
    client.run("UPDATE institutions SET name = 'Acme' WHERE id = 'acme'; COMMIT");
    assert_eq!(client.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'doorward%'"), "0");
}

#[test]
fn an_adoption_waits_for_a_lock_that_is_given_back() {
    let application = Application::new();
    let mut client = application.client();
    client.run("BEGIN; UPDATE institution_policies SET config = '{}' WHERE id = 'p2'");
    let options = application.options();
    let adopting = thread::spawn(move || PostgresStore::adopt(options).map(drop));
    let mut observer = application.administrator();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'doorward' AND wait_event_type = 'Lock' \
                 AND datname = current_database()";
    wait_until("the adoption waits", SOON, || observer.value(waits) != "0");
    // What the application does meanwhile in other tables deadlocks with nothing.
    client.run("UPDATE institutions SET name = 'Acme' WHERE id = 'acme'; UPDATE api_keys SET label = 'l'; COMMIT");
    adopting.join().unwrap().unwrap();
    assert_eq!(application.door().get_institution(&acme()).unwrap().name, "Acme");
}

#[test]
fn rows_of_nobody_stay_the_applications_own_affair() {
    let tables = TABLES.replace("institution_id text NOT NULL REFERENCES", "institution_id text REFERENCES");
    let application = Application::with(&tables.replace("region text NOT NULL", "region text"));
    application.adopt().unwrap();
    application.client().run(
        "INSERT INTO api_keys VALUES ('nobodys', NULL, 'h', NULL, 'admin'); UPDATE api_keys SET label = 'x'; DELETE FROM api_keys;
         INSERT INTO institution_policies VALUES ('nobodys', NULL, NULL, '{}'); UPDATE institution_policies SET config = '[]';
         DELETE FROM institution_policies",
    );
    let noted = "SELECT count(*) FROM doorward_change_feed";
    assert_eq!(application.administrator().value(noted), "6");
}

#[test]
fn an_audit_table_in_partitions_can_be_adopted() {
    let tables = TABLES.replace(
        "id text PRIMARY KEY, created_at timestamptz NOT NULL, method text NOT NULL, path text NOT NULL, outcome text, latency_ms integer)",
        "id text, created_at timestamptz NOT NULL, method text NOT NULL, path text NOT NULL, PRIMARY KEY (id, created_at))
         PARTITION BY RANGE (created_at); CREATE TABLE audit_rest PARTITION OF audit_events DEFAULT",
    );
    assert_ne!(tables, TABLES);
    let application = Application::with(&tables);
    application.client().run("INSERT INTO institutions VALUES ('acme', 'Acme', '{}', '{}')");
    application.adopt().unwrap();
    let door = application.door();
    door.create_key(&acme(), NewKey::new("ci", Role::Admin)).unwrap();
    assert_eq!(door.list_audit_events(&AuditQuery::default()).unwrap().items.len(), 1);
}

#[test]
fn columns_in_which_no_index_finds_a_text_are_not_taken_over() {
    let application = Application::with("SELECT 1");
    let mut client = application.administrator();
    client.run("CREATE EXTENSION citext");
    client.run(&TABLES.replace("key_hash text", "key_hash citext").replace("name text", "name citext"));
    let error = PostgresStore::adopt(application.options()).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Config, Reason::CannotAdopt));
    assert!(error.to_string().contains("api_keys.key_hash is citext and must be text"), "{error}");
    client.run("ALTER TABLE api_keys ALTER key_hash TYPE text");
    application.adopt().unwrap();
}
