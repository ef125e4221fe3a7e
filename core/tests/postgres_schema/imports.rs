//! Loading at scale: a hundred thousand keys are one transaction.

use doorward::{Config, Doorward, Error, ImportedKey, NewInstitution, PostgresOptions, Reason};
use doorward_test_servers::Database;

use crate::{
    client::Client,
    records::{acme, imported},
};

const MANY: usize = 100_000;

fn keys() -> Vec<ImportedKey> {
    (0..MANY).map(|n| imported(&format!("ak_{n}"))).collect()
}

fn door(database: &Database) -> Doorward {
    let door = Doorward::open(Config::postgres(PostgresOptions::new(database.url()).unwrap())).unwrap();
    door.create_institution(NewInstitution::new("Acme", []).with_id(acme())).unwrap();
    door
}

#[test]
fn a_hundred_thousand_keys_are_imported_in_one_transaction() {
    let database = Database::fresh();
    let door = door(&database);
    let report = door.import_keys(&acme(), keys(), false).unwrap();
    assert_eq!((report.imported.len(), report.conflicts.len()), (MANY, 0));
    let mut client = Client::connect(&database.url());
    let stored = "SELECT count(*), count(DISTINCT xmin::text) FROM doorward.api_keys";
    assert_eq!(client.rows(stored), [["100000", "1"]]);
    // One row of the feed stands for them all.
    let feed = "SELECT entity, entity_id, institution_id FROM doorward.doorward_change_feed WHERE generation = 2";
    assert_eq!(client.rows(feed), [["keys_of_institution", "acme", "acme"]]);
    assert!(door.find_by_token("ak_99999").unwrap().is_some());
}

#[test]
fn a_conflict_anywhere_in_a_large_import_is_named_by_its_place_and_nothing_is_stored() {
    let database = Database::fresh();
    let door = door(&database);
    door.import_keys(&acme(), vec![imported("ak_stored")], false).unwrap();
    let conflict = |places: &[(usize, &str)]| -> Error {
        let mut keys = keys();
        for (place, token) in places {
            keys[*place] = imported(token);
        }
        door.import_keys(&acme(), keys, false).unwrap_err()
    };
    for (places, first) in [
        (&[(5, "ak_stored")][..], 5),
        (&[(99_999, "ak_stored")], 99_999),
        (&[(60_000, "ak_10")], 60_000),
        (&[(60_000, "ak_10"), (70_000, "ak_stored")], 60_000),
        (&[(50_000, "ak_stored"), (60_000, "ak_10")], 50_000),
        // The one that stands earlier in the list is stored already: it is the first.
        (&[(10, "ak_stored"), (20_000, "ak_stored")], 10),
    ] {
        let error = conflict(places);
        assert_eq!(error.reason(), Reason::KeyExists, "{error}");
        assert_eq!(error.blamed_field(), Some(format!("keys[{first}].key_hash").as_str()), "{places:?}");
    }
    assert_eq!(Client::connect(&database.url()).value("SELECT count(*) FROM doorward.api_keys"), "1");
}

#[test]
fn all_of_very_many_keys_are_revoked_in_one_transaction_whose_statements_are_short() {
    let database = Database::fresh();
    let door = door(&database);
    door.import_keys(&acme(), keys(), false).unwrap();
    let mut client = Client::connect(&database.url());
    client.run(
        "CREATE TABLE statements (rows bigint, transaction text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO public.statements SELECT count(*), pg_current_xact_id() FROM changed; RETURN NULL; END $$;
         CREATE TRIGGER note AFTER UPDATE ON doorward.api_keys REFERENCING NEW TABLE AS changed
             FOR EACH STATEMENT EXECUTE FUNCTION note()",
    );
    assert_eq!(door.revoke_all_keys(&acme()).unwrap(), 100_000);
    let statements = "SELECT sum(rows)::text, count(DISTINCT transaction)::text, (max(rows) <= 10000)::text FROM statements";
    assert_eq!(client.rows(statements), [["100000", "1", "true"]]);
    assert!(door.find_by_token("ak_99999").unwrap().is_none());
    let feed = "SELECT entity, entity_id FROM doorward.doorward_change_feed WHERE generation = 3";
    assert_eq!(client.rows(feed), [["keys_of_institution", "acme"]]);
}
