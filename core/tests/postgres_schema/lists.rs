//! Lists among very many rows: each page is cut out of an index, the plan that PostgreSQL keeps for later included.

use doorward::{
    Actor, ApiKeyQuery, AuditQuery, Config, Doorward, InstitutionId, KeyStatus, NewInstitution, Order, PageRequest,
    PostgresOptions, Role, Timestamp, store::postgres::PostgresStore,
};
use doorward_test_servers::{Database, Postgres, wait_until};

use crate::{
    application::SOON,
    client::Client,
    records::{institutions, keys_of},
};

/// PostgreSQL plans a statement anew a few times before it may keep a plan.
const PAGES: usize = 8;

/// A server that writes down how it answers.
struct Explained {
    server: Postgres,
    database: String,
}

impl Explained {
    fn new() -> Self {
        let server = Postgres::start();
        let database = server.create_database();
        server.psql(&format!("ALTER DATABASE {database} SET session_preload_libraries = 'auto_explain'"));
        PostgresStore::open(PostgresOptions::new(server.url_for(&database)).unwrap()).unwrap();
        Client::connect(&server.url_for(&database)).run(
            "INSERT INTO doorward.institutions SELECT 'i' || n, 'n', '{}', now() + n * interval '1 ms', now() FROM generate_series(1, 100000) n;
             INSERT INTO doorward.api_keys (id, institution_id, key_hash, label, role, created_at, revoked_at)
                 SELECT 'k' || n, 'i' || n % 2 + 1, md5(n::text) || md5('x' || n), '', CASE n % 3 WHEN 0 THEN 'admin' ELSE 'read_only' END,
                     now() + n * interval '1 ms', CASE n % 5 WHEN 0 THEN now() END FROM generate_series(1, 100000) n;
             INSERT INTO doorward.audit_events (id, occurred_at, created_at, institution_id, method, path, action, actor, outcome)
                 SELECT 'e' || n, now() + n * interval '1 ms', now(), 'i' || n % 10, '', '', 'action-' || n % 10, 'actor-' || n % 10, 'succeeded'
                 FROM generate_series(1, 100000) n;
             ANALYZE",
        );
        server.psql(&format!("ALTER DATABASE {database} SET auto_explain.log_min_duration = 0"));
        server.psql(&format!("ALTER DATABASE {database} SET auto_explain.log_analyze = on"));
        Self { server, database }
    }

    /// The plans of what is done: none may read a whole table or sort.
    fn check(&self, what: &str, list: impl Fn(&Doorward)) {
        let door = Doorward::open(Config::postgres(PostgresOptions::new(self.server.url_for(&self.database)).unwrap())).unwrap();
        let before = self.server.log().len();
        list(&door);
        let mut plans = String::new();
        wait_until("the plans are written down", SOON, || {
            plans = self.server.log().split_off(before);
            plans.matches("plan:").count() >= PAGES
        });
        for table in ["api_keys", "institutions", "audit_events"] {
            assert!(!plans.contains(&format!("Seq Scan on {table}")), "{what}: {plans}");
        }
        assert!(!plans.contains("Sort"), "{what}: {plans}");
    }
}

/// So many pages one after the other.
fn some_pages<T>(order: Order, mut page: impl FnMut(PageRequest) -> doorward::Page<T>) {
    let mut request = PageRequest { limit: 20, order, cursor: None };
    for _ in 0..PAGES {
        let next = page(request.clone());
        assert_eq!(next.items.len(), 20);
        request.cursor = Some(next.next.unwrap());
    }
}

#[test]
fn pages_of_large_lists_are_cut_out_of_indexes() {
    let explained = Explained::new();
    let owner: InstitutionId = "i1".parse().unwrap();
    for order in [Order::NewestFirst, Order::OldestFirst] {
        explained.check("institutions", |door| some_pages(order, |page| door.list_institutions(&institutions(page)).unwrap()));
        explained.check("keys", |door| some_pages(order, |page| door.list_keys(&keys_of(&owner, page)).unwrap()));
        let filtered = |page| ApiKeyQuery {
            role: Some(Role::Admin),
            status: Some(KeyStatus::Active),
            page,
            ..ApiKeyQuery::of(owner.clone())
        };
        explained.check("keys by role and status", |door| some_pages(order, |page| door.list_keys(&filtered(page)).unwrap()));
        for query in [
            AuditQuery::default(),
            AuditQuery { institution_id: Some(owner.clone()), ..AuditQuery::default() },
            AuditQuery { actor: Some(Actor::Key("actor-1".parse().unwrap())), ..AuditQuery::default() },
            AuditQuery { action: Some("action-1".to_owned()), ..AuditQuery::default() },
            AuditQuery { since: Some(Timestamp::default()), until: Some(Timestamp::MAX), ..AuditQuery::default() },
        ] {
            let of = |page| AuditQuery { page, ..query.clone() };
            explained.check("audit events", |door| some_pages(order, |page| door.list_audit_events(&of(page)).unwrap()));
        }
    }
}

#[test]
fn an_action_that_no_text_in_the_database_can_be_has_no_events() {
    let database = Database::fresh();
    let door = Doorward::open(Config::postgres(PostgresOptions::new(database.url()).unwrap())).unwrap();
    door.create_institution(NewInstitution::new("Acme", [])).unwrap();
    let query = AuditQuery { action: Some("create_institution\0".to_owned()), ..AuditQuery::default() };
    assert_eq!(door.list_audit_events(&query).unwrap().items, []);
}
