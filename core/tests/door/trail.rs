//! The audit trail: what is in it, and how it is bounded.

use std::net::IpAddr;

use doorward::{
    Actor, ApiKeyQuery, AuditEvent, AuditQuery, Config, ErrorKind, NewInstitution, NewKey, Outcome, PageRequest, Position,
    Reason, Request, Role, Verdict,
};

use crate::stage::Stage;

/// The newest thousand events of an action.
fn events(stage: &Stage, action: &str) -> Vec<AuditEvent> {
    let query = AuditQuery { action: Some(action.to_owned()), page: PageRequest::first(1000), ..AuditQuery::default() };
    stage.door.list_audit_events(&query).unwrap().items
}

fn counts(events: &[AuditEvent]) -> Vec<u64> {
    events.iter().map(|event| event.entry.payload["count"].as_u64().unwrap()).collect()
}

fn from(address: &str) -> Request {
    Request::new().peer(address.parse().unwrap())
}

fn refused(stage: &Stage, token: &str, request: &Request) {
    assert!(matches!(stage.door.verify(token, request), Verdict::Refused(_)));
}

#[test]
fn equal_refusals_are_one_row_with_their_count() {
    for stage in Stage::each() {
        let request = from("192.0.2.1").method("GET").path("/v1/positions?token=abc").request_id("req-7");
        for _ in 0..100 {
            refused(&stage, "a token that was made elsewhere", &request);
            assert_eq!(stage.door.authenticate("", &request).unwrap_err().reason(), Reason::Missing);
        }
        let events = events(&stage, "authenticate");
        assert_eq!(counts(&events), [100, 100]);
        let event = &events.iter().find(|event| event.entry.error.as_deref() == Some("unknown")).unwrap().entry;
        assert_eq!((&event.actor, event.outcome, event.status_code), (&Actor::Anonymous, Outcome::Refused, Some(401)));
        assert_eq!(event.origin.path.as_deref(), Some("/v1/positions"));
        assert_eq!(event.origin.request_id.as_deref(), Some("req-7"));
        assert_eq!(event.payload["hint"].as_str().unwrap().len(), 8);
    }
}

#[test]
fn a_refusal_of_a_known_key_names_the_key_and_its_institution() {
    for stage in Stage::each() {
        let key = stage.key(Role::Admin);
        stage.door.revoke_key(&stage.acme, &key.record.id).unwrap();
        refused(&stage, key.token.reveal(), &Request::new());
        let event = &events(&stage, "authenticate")[0].entry;
        assert_eq!(event.error.as_deref(), Some("revoked"));
        assert_eq!(event.institution_id.as_ref(), Some(&stage.acme));
        assert_eq!(event.resource_id, Some(key.record.id.to_string()));
        assert_eq!(event.payload["hint"], key.token.hint());
        assert_eq!(event.actor, Actor::Anonymous);
    }
}

#[test]
fn at_most_256_rows_are_begun_in_ten_seconds_and_what_finds_none_is_counted() {
    for stage in Stage::each() {
        for number in 0..1000 {
            refused(&stage, &format!("token number {number} of a flood"), &from("192.0.2.1"));
        }
        // What is like a row that was begun is counted there, however full the trail is.
        refused(&stage, "token number 0 of a flood", &from("192.0.2.1"));
        let events = events(&stage, "authenticate");
        assert_eq!(events.len(), 256);
        assert_eq!(counts(&events).iter().sum::<u64>(), 257);
        assert_eq!(stage.door.metrics().audit_dropped, 744);
        // That the rows were written makes no room for more of them.
        refused(&stage, "one more", &from("192.0.2.1"));
        assert_eq!(self::events(&stage, "authenticate").len(), 256);
        assert_eq!(stage.door.metrics().audit_dropped, 745);
    }
}

#[test]
fn clients_are_told_apart_by_their_ipv6_subnet_or_their_ipv4_address() {
    for stage in Stage::each() {
        for client in ["2001:db8::1", "2001:db8::2:3:4:5", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.2", "::ffff:192.0.2.2"] {
            refused(&stage, "a bad token", &from(client));
        }
        let mut rows: Vec<_> = events(&stage, "authenticate")
            .into_iter()
            .map(|event| (event.entry.origin.client_address.unwrap(), event.entry.payload["count"].as_u64().unwrap()))
            .collect();
        rows.sort_unstable();
        let expected = [("192.0.2.1", 1), ("192.0.2.2", 2), ("2001:db8::1", 2), ("2001:db8:0:1::1", 1)];
        assert_eq!(rows, expected.map(|(address, count)| (address.parse::<IpAddr>().unwrap(), count)));
    }
}

#[test]
fn every_forbidden_act_is_there() {
    for stage in Stage::each() {
        let other = stage.door.create_institution(NewInstitution::new("Other", ["US".parse().unwrap()])).unwrap().id;
        let key = stage.key(Role::ReadOnly);
        let caller = stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
        for number in 0..300 {
            let request = from("2001:db8::1").method("POST").path("/keys").request_id(number.to_string());
            let session = stage.door.session(caller.clone(), request);
            let error = session.create_key(&stage.acme, NewKey::new("x", Role::Admin)).unwrap_err();
            assert_eq!(error.reason(), Reason::RoleNotAllowed);
        }
        let session = stage.door.session(caller, Request::new());
        assert_eq!(session.list_keys(&ApiKeyQuery::of(other.clone())).unwrap_err().kind(), ErrorKind::Forbidden);
        let position = Position::parse("1", "USD").unwrap();
        let us = "US".parse().unwrap();
        let admission = stage.door.admit(key.token.reveal(), &Request::new(), Some(&other), us, &position);
        assert_eq!(admission.unwrap_err().reason(), Reason::OtherInstitution);

        let made = events(&stage, "create_key");
        let forbidden: Vec<_> = made.iter().filter(|event| event.entry.outcome == Outcome::Forbidden).collect();
        assert_eq!(forbidden.len(), 300);
        for (event, number) in forbidden.iter().zip((0..300).rev()) {
            assert_eq!(event.api_key_id.as_ref(), Some(&key.record.id));
            assert_eq!(event.entry.origin.request_id, Some(number.to_string()));
            assert_eq!((event.entry.status_code, event.entry.error.as_deref()), (Some(403), Some("role_not_allowed")));
        }
        for action in ["list_keys", "admit"] {
            let event = &events(&stage, action)[0].entry;
            assert_eq!((event.outcome, event.error.as_deref()), (Outcome::Forbidden, Some("other_institution")));
            assert_eq!(event.institution_id.as_ref(), Some(&other));
        }
        assert_eq!(stage.door.metrics().audit_dropped, 0);
    }
}

#[test]
fn a_forbidden_act_names_no_thing_that_never_was() {
    for stage in Stage::each() {
        let key = stage.key(Role::ReadOnly);
        let caller = stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
        let session = stage.door.session(caller, Request::new());
        session.create_institution(NewInstitution::new("Unnamed", [])).unwrap_err();
        let named = NewInstitution { id: Some("named".parse().unwrap()), ..NewInstitution::new("Named", []) };
        session.create_institution(named).unwrap_err();
        session.create_key(&stage.acme, NewKey::new("a key", Role::Admin)).unwrap_err();

        // The newest first. The id that the caller gave is part of what it asked for.
        let events = [events(&stage, "create_institution"), events(&stage, "create_key")].concat();
        let forbidden = events.iter().map(|event| &event.entry).filter(|entry| entry.outcome == Outcome::Forbidden);
        let filed: Vec<_> = forbidden
            .map(|entry| {
                let institution = entry.institution_id.as_ref().map(ToString::to_string);
                (entry.resource_type.as_deref().unwrap(), entry.resource_id.as_deref(), institution)
            })
            .collect();
        let expected = [
            ("institution", Some("named"), Some("named".to_owned())),
            ("institution", None, None),
            ("api_key", None, Some(stage.acme.to_string())),
        ];
        assert_eq!(filed, expected);
    }
}

#[test]
fn a_change_tells_who_made_it_and_in_which_request() {
    let root = "a root token that is certainly long enough";
    let proxies = || doorward::AddressList::new(["10.0.0.0/8"]).unwrap();
    let stages = [
        Stage::open(|_| Config::memory().root_token(root).unwrap().trusted_proxies(proxies())),
        Stage::open(|file| Config::sqlite(file).root_token(root).unwrap().trusted_proxies(proxies())),
    ];
    for stage in stages {
        let admin = stage.key(Role::Admin);
        for (token, id) in [(root, "by-root"), (admin.token.reveal(), "by-key")] {
            let request = from("10.1.2.3").forwarded_for("203.0.113.9").method("POST").path("/keys?secret=1#x").request_id(id);
            let caller = stage.door.authenticate(token, &request).unwrap();
            stage.door.session(caller, request).create_key(&stage.acme, NewKey::new("made", Role::ReadOnly)).unwrap();
        }
        let events = events(&stage, "create_key");
        let actors: Vec<_> = events.iter().map(|event| event.entry.actor.clone()).collect();
        assert_eq!(actors, [Actor::Key(admin.record.id.clone()), Actor::Root, Actor::System]);
        let [by_key, by_root, by_host] = &events[..] else { panic!("{events:?}") };
        assert_eq!(by_key.entry.origin.request_id.as_deref(), Some("by-key"));
        for event in [by_key, by_root] {
            assert_eq!(event.entry.outcome, Outcome::Succeeded);
            assert_eq!(event.entry.origin.method.as_deref(), Some("POST"));
            assert_eq!(event.entry.origin.path.as_deref(), Some("/keys"));
            assert_eq!(event.entry.origin.client_address, Some("203.0.113.9".parse().unwrap()));
        }
        assert_eq!(by_host.entry.origin, doorward::Origin::default());
        assert_eq!(by_host.entry.resource_id, Some(admin.record.id.to_string()));
    }
}

#[test]
fn successes_and_reads_are_there_only_if_asked_for() {
    for asked in [false, true] {
        let stages = [
            Stage::open(|_| Config::memory().audit_successes(asked, asked)),
            Stage::open(|file| Config::sqlite(file).audit_successes(asked, asked)),
        ];
        for stage in stages {
            let key = stage.key(Role::Admin);
            for _ in 0..5 {
                let caller = stage.door.authenticate(key.token.reveal(), &Request::new()).unwrap();
                stage.door.session(caller, Request::new()).get_institution(&stage.acme).unwrap();
            }
            for action in ["authenticate", "get_institution"] {
                let events = events(&stage, action);
                assert_eq!(counts(&events), if asked { vec![5] } else { vec![] }, "{action}");
                for event in events {
                    assert_eq!(event.entry.outcome, Outcome::Succeeded);
                    assert_eq!(event.api_key_id.as_ref(), Some(&key.record.id));
                }
            }
        }
    }
}
