//! What a role needs that runs doorward without the right to make tables.

use std::time::Duration;

use doorward::{
    AuditQuery, Config, Doorward, Error, ErrorKind, InstitutionPatch, KeyPatch, NewInstitution, NewKey, PolicyHistoryQuery,
    PolicyPatch, Position, PostgresOptions, Reason, Request, Role,
    model::page::PageRequest,
    store::postgres::{Adoption, PostgresStore},
};
use doorward_test_servers::Database;

use crate::{
    application::TABLES,
    client::Client,
    records::{acme, imported, keys_of, sg, up_to, us},
};

/// The grants that `docs/operations.md` lists, one for each right. `{schema}` and `{role}` stand for names.
pub(crate) const GRANTS: &[&str] = &[
    "USAGE ON SCHEMA {schema}",
    "SELECT ON {schema}.institutions",
    "INSERT ON {schema}.institutions",
    "UPDATE ON {schema}.institutions",
    "SELECT ON {schema}.api_keys",
    "INSERT ON {schema}.api_keys",
    "UPDATE ON {schema}.api_keys",
    "SELECT ON {schema}.institution_policies",
    "INSERT ON {schema}.institution_policies",
    "UPDATE ON {schema}.institution_policies",
    "DELETE ON {schema}.institution_policies",
    "SELECT ON {schema}.audit_events",
    "INSERT ON {schema}.audit_events",
    "SELECT ON {schema}.doorward_key_usage",
    "INSERT ON {schema}.doorward_key_usage",
    "UPDATE ON {schema}.doorward_key_usage",
    "SELECT ON {schema}.doorward_policy_history",
    "INSERT ON {schema}.doorward_policy_history",
    "SELECT ON {schema}.doorward_generation",
    "UPDATE ON {schema}.doorward_generation",
    "SELECT ON {schema}.doorward_change_feed",
    "INSERT ON {schema}.doorward_change_feed",
    "UPDATE ON {schema}.doorward_change_feed",
    "DELETE ON {schema}.doorward_change_feed",
    "SELECT ON {schema}.doorward_migrations",
];

/// A database, and a role that may use nothing in it yet.
struct Guarded {
    database: Database,
    role: String,
}

impl Guarded {
    fn new() -> Self {
        let database = Database::fresh();
        let role = format!("door_{}", database.name());
        database.psql(&format!("CREATE ROLE {role} LOGIN"));
        Self { database, role }
    }

    /// What the role is given, or has taken from it.
    fn administer(&self, what: &str, schema: &str) {
        Client::connect(&self.database.url()).run(&what.replace("{schema}", schema).replace("{role}", &self.role));
    }

    fn grant_all(&self, schema: &str) {
        let grants: Vec<_> = GRANTS.iter().map(|grant| format!("GRANT {grant} TO {{role}}")).collect();
        self.administer(&grants.join("; "), schema);
    }

    fn options(&self, schema: &str) -> PostgresOptions {
        PostgresOptions::new(self.database.url_as(&self.role, None)).unwrap().schema(schema).unwrap()
    }

    /// As behind a transaction pooler, which keeps no session.
    fn pooled_url(&self) -> String {
        let url = self.database.url_as(&self.role, None);
        format!("{url}{}pgbouncer=true", if url.contains('?') { '&' } else { '?' })
    }

    fn administrators(&self, schema: &str) -> PostgresOptions {
        PostgresOptions::new(self.database.url()).unwrap().schema(schema).unwrap()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.database.psql(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.role));
        }
    }
}

/// Opens the store and does everything that there is to do.
fn everything(options: PostgresOptions, client: &mut Client, schema: &str) -> Result<(), Error> {
    // So that the feed is numbered and old rows of it are forgotten.
    client.run(&format!(
        "UPDATE {schema}.doorward_generation SET number = greatest(number, 40000) / 256 * 256 + 255;
         INSERT INTO {schema}.doorward_change_feed (generation, entity, changed_at) VALUES (1, 'api_key', now()), (NULL, 'api_key', now())"
    ));
    let door = Doorward::open(Config::postgres(options.clone()))?;
    let store = PostgresStore::open(options)?;
    let institution = door.create_institution(NewInstitution::new("Acme", []))?.id;
    doorward::store::Backend::generation(&store).wait()?;
    door.update_institution(&institution, InstitutionPatch { name: Some("Acme Bank".to_owned()), regions: None })?;
    let key = door.create_key(&institution, NewKey::new("ci", Role::Admin))?;
    door.import_keys(&institution, vec![imported(&format!("ak_{}", key.record.id))], false)?;
    door.authenticate(key.token.reveal(), &Request::new())?;
    door.list_keys(&keys_of(&institution, PageRequest::default()))?;
    door.update_key(&institution, &key.record.id, KeyPatch { label: Some("CI".to_owned()), ..KeyPatch::default() })?;
    door.rotate_key(&institution, &key.record.id, Duration::from_secs(60))?;
    door.revoke_all_keys(&institution)?;
    door.upsert_policy(&institution, us(), up_to(5), None)?;
    door.merge_policy(&institution, us(), PolicyPatch::from_json("{}").unwrap(), None)?;
    door.policy_history(&PolicyHistoryQuery { institution_id: institution.clone(), region: us(), page: PageRequest::default() })?;
    door.delete_policy(&institution, us(), None)?;
    door.list_audit_events(&AuditQuery::default())?;
    // A use is written by and by; what would be said against it is not said to anybody.
    let used = doorward::model::api_key::KeyUse { id: key.record.id, at: doorward::Timestamp::now() };
    doorward::store::ApiKeyStore::record_use(&store, vec![used]).wait()?;
    door.close(Duration::from_secs(10))
}

#[test]
fn a_role_without_the_right_to_make_tables_works_where_an_administrator_has_made_them() {
    let guarded = Guarded::new();
    PostgresStore::open(guarded.administrators("doorward")).unwrap();
    guarded.grant_all("doorward");
    let mut client = Client::connect(&guarded.database.url());
    everything(guarded.options("doorward"), &mut client, "doorward").unwrap();
    assert_eq!(client.value("SELECT count(*) FROM doorward.doorward_change_feed WHERE generation IS NULL"), "0");
}

#[test]
fn a_role_that_may_not_see_the_settings_works() {
    let guarded = Guarded::new();
    PostgresStore::open(guarded.administrators("doorward")).unwrap();
    guarded.grant_all("doorward");
    guarded.administer("REVOKE ALL ON pg_catalog.pg_settings FROM PUBLIC", "doorward");
    let mut client = Client::connect(&guarded.database.url());
    for millis in [5_000, 5_001, 60_000, 3_600_000] {
        let options = guarded.options("doorward").statement_timeout(Duration::from_millis(millis)).unwrap();
        everything(options, &mut client, "doorward").unwrap();
    }
}

#[test]
fn every_one_of_the_grants_is_needed() {
    let guarded = Guarded::new();
    PostgresStore::open(guarded.administrators("doorward")).unwrap();
    guarded.grant_all("doorward");
    let mut client = Client::connect(&guarded.database.url());
    for grant in GRANTS {
        guarded.administer(&format!("REVOKE {grant} FROM {{role}}"), "doorward");
        let error = everything(guarded.options("doorward"), &mut client, "doorward").expect_err(grant);
        assert_eq!(error.reason(), Reason::PermissionDenied, "{grant}: {error}");
        assert!(error.to_string().contains("docs/operations.md"), "{grant}: {error}");
        guarded.administer(&format!("GRANT {grant} TO {{role}}"), "doorward");
    }
}

#[test]
fn the_same_grants_do_where_tables_were_adopted() {
    let guarded = Guarded::new();
    let mut client = Client::connect(&guarded.database.url());
    client.run(TABLES);
    client.run("ALTER TABLE institutions ALTER verticals SET DEFAULT '{}'");
    PostgresStore::adopt(guarded.administrators("public")).unwrap();
    guarded.grant_all("public");
    everything(guarded.options("public"), &mut client, "public").unwrap();
}

#[test]
fn a_role_that_may_not_make_the_tables_is_told_who_has_to() {
    let guarded = Guarded::new();
    for result in [PostgresStore::open(guarded.options("doorward")), PostgresStore::open(guarded.options("public"))] {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::PermissionDenied), "{error}");
        let message = error.to_string();
        for part in ["DOORWARD_SCHEMA", "administrator", "doorward init", "docs/operations.md"] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn a_role_that_owns_nothing_may_not_adopt() {
    let guarded = Guarded::new();
    let mut client = Client::connect(&guarded.database.url());
    client.run(TABLES);
    guarded.administer("GRANT CREATE ON SCHEMA public TO {role}", "public");
    let error = PostgresStore::adopt(guarded.options("public")).unwrap_err();
    assert_eq!(error.reason(), Reason::PermissionDenied, "{error}");
    assert_eq!(client.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'doorward%'"), "0");
    assert!(PostgresStore::plan(guarded.administrators("public"), Adoption::Allow).unwrap().is_some());
}

#[test]
fn nobody_else_may_make_triggers_of_doorwards_functions() {
    let guarded = Guarded::new();
    PostgresStore::open(guarded.administrators("doorward")).unwrap();
    let mut client = Client::connect(&guarded.database.url());
    let functions = "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'doorward'";
    assert_eq!(client.value(&format!("SELECT count(*) {functions}")), "7");
    let role = &guarded.role;
    let open = format!("SELECT p.proname {functions} AND has_function_privilege('{role}', p.oid, 'EXECUTE')");
    assert_eq!(client.rows(&open), Vec::<Vec<String>>::new());
    let unfixed =
        format!("SELECT p.proname {functions} AND p.proconfig IS DISTINCT FROM '{{\"search_path=pg_catalog, pg_temp\"}}'");
    assert_eq!(client.rows(&unfixed), Vec::<Vec<String>>::new());
}

#[test]
fn two_schemas_in_one_database_do_not_disturb_each_other() {
    let guarded = Guarded::new();
    let mut client = Client::connect(&guarded.database.url());
    let door = |schema| Doorward::open(Config::postgres(guarded.administrators(schema))).unwrap();
    // The one is called as a word of SQL.
    let (one, other) = (door("user"), door("doorward"));
    one.create_institution(NewInstitution::new("Acme", []).with_id(acme())).unwrap();
    assert_eq!(other.get_institution(&acme()).unwrap_err().reason(), Reason::InstitutionNotFound);
    other.create_institution(NewInstitution::new("Another", []).with_id(acme())).unwrap();
    let key = one.create_key(&acme(), NewKey::new("ci", Role::Admin)).unwrap();
    one.upsert_policy(&acme(), sg(), up_to(1), None).unwrap();
    assert!(one.find_by_token(key.token.reveal()).unwrap().is_some());
    assert!(other.find_by_token(key.token.reveal()).unwrap().is_none());
    let generations = r#"SELECT a.number, b.number FROM "user".doorward_generation a, doorward.doorward_generation b"#;
    assert_eq!(client.rows(generations), [["3", "1"]]);
}

#[test]
fn rows_that_row_level_security_would_hide_are_an_error_and_not_missing() {
    let guarded = Guarded::new();
    let administrators = Doorward::open(Config::postgres(guarded.administrators("doorward"))).unwrap();
    let acme = administrators.create_institution(NewInstitution::new("Acme", [us()])).unwrap().id;
    administrators.upsert_policy(&acme, us(), up_to(5), None).unwrap();
    guarded.grant_all("doorward");
    let refused = Position::parse("6", "USD").unwrap();
    for url in [guarded.database.url_as(&guarded.role, None), guarded.pooled_url()] {
        let door = Doorward::open(Config::postgres(PostgresOptions::new(url).unwrap())).unwrap();
        assert!(!door.check_position(&acme, us(), &refused).unwrap().allowed);
        guarded.administer("ALTER TABLE {schema}.institution_policies ENABLE ROW LEVEL SECURITY", "doorward");
        let error = door.check_position(&acme, us(), &refused).unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Database, Reason::PermissionDenied), "{error:?}");
        guarded.administer("ALTER TABLE {schema}.institution_policies DISABLE ROW LEVEL SECURITY", "doorward");
    }
}
