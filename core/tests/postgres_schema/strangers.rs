//! What others have put beside the tables does not answer in doorward's place.

use doorward::{NewKey, Order, PageRequest, PolicyPatch, Position, Request, Role};

use crate::{
    application::{Application, TABLES},
    records::{acme, keys_of, pages, policies_of, up_to, us},
};

/// Operators, for types that PostgreSQL has none for, which say yes and keep count of how often they were asked.
const OPERATORS: &str = r"
    CREATE SEQUENCE public.asked;
    GRANT ALL ON SEQUENCE public.asked TO PUBLIC;
    DO $do$
    DECLARE l text; r text; o text;
    BEGIN
        FOR l, r IN VALUES ('varchar', 'text'), ('text', 'varchar'), ('varchar', 'varchar'), ('oid', 'regtype'), ('oid', 'regclass') LOOP
            EXECUTE format('CREATE FUNCTION public.yes(%s, %s) RETURNS boolean LANGUAGE plpgsql AS
                $$ BEGIN PERFORM nextval(''public.asked''); RETURN true; END $$', l, r);
            FOREACH o IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>='] LOOP
                EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, PROCEDURE = public.yes)', o, l, r);
            END LOOP;
        END LOOP;
    END $do$;
";

#[test]
fn operators_of_a_role_that_may_create_some_are_never_asked() {
    let application =
        Application::with(&TABLES.replace(" text NOT NULL", " varchar(80) NOT NULL").replace("id text", "id varchar(80)"));
    let mut administrator = application.administrator();
    administrator.run("GRANT CREATE ON SCHEMA public TO PUBLIC");
    application.client().run(OPERATORS);
    administrator.run(
        "INSERT INTO institutions VALUES ('acme', 'Acme', '{US}', '{}');
         INSERT INTO api_keys VALUES ('k', 'acme', repeat('0', 64), 'l', 'admin')",
    );
    application.adopt().unwrap();
    let door = application.door();
    assert!(door.verify("ak_nobody", &Request::new()).granted().is_none());
    let position = Position::parse("1", "USD").unwrap();
    assert!(door.admit("ak_nobody", &Request::new(), None, us(), &position).is_err());
    let made = door.create_key(&acme(), NewKey::new("made", Role::Admin)).unwrap();
    door.upsert_policy(&acme(), us(), up_to(5), None).unwrap();
    door.merge_policy(&acme(), us(), PolicyPatch::from_json(r#"{"note": 1}"#).unwrap(), None).unwrap();
    assert!(door.check_position(&acme(), us(), &position).unwrap().allowed);
    assert_eq!(pages(1, Order::OldestFirst, |page| door.list_keys(&keys_of(&acme(), page)).unwrap()).len(), 2);
    assert_eq!(door.list_policies(&policies_of(&acme(), PageRequest::first(9))).unwrap().items.len(), 1);
    door.delete_policy(&acme(), us(), None).unwrap();
    door.revoke_key(&acme(), &made.record.id).unwrap();
    door.revoke_all_keys(&acme()).unwrap();
    assert_eq!(administrator.value("SELECT is_called::text FROM public.asked"), "false");
}
