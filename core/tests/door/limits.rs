//! Rate limits as a host meets them.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use doorward::{AuditQuery, Config, ErrorKind, KeyPatch, NewKey, RateLimit, Reason, Request, Role, Verdict};

use crate::stage::Stage;

fn per_day(requests: u32) -> RateLimit {
    RateLimit::new(requests, RateLimit::LONGEST_WINDOW).unwrap()
}

fn stages(config: fn(Config) -> Config) -> [Stage; 2] {
    [Stage::open(move |_| config(Config::memory())), Stage::open(move |file| config(Config::sqlite(file)))]
}

#[test]
fn many_threads_with_one_key_are_let_in_exactly_as_often_as_it_may() {
    for stage in stages(|config| config.rate_limit(per_day(500))) {
        let key = stage.key(Role::Admin);
        let position = doorward::Position::parse("1", "USD").unwrap();
        let granted = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (stage, key, position, granted) = (&stage, &key, &position, &granted);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let token = key.token.reveal();
                        let good = match thread {
                            0 => stage.door.admit(token, &Request::new(), None, "US".parse().unwrap(), position).is_ok(),
                            1 => stage.door.authenticate(token, &Request::new()).is_ok(),
                            2 => match stage.door.verify_with(token, &Request::new(), |_| ()) {
                                Ok(()) | Err(Verdict::Granted(_)) => true,
                                Err(_) => false,
                            },
                            _ => matches!(stage.door.verify(token, &Request::new()), Verdict::Granted(_)),
                        };
                        granted.fetch_add(u32::from(good), Relaxed);
                    }
                });
            }
        });
        assert_eq!(granted.into_inner(), 500);
    }
}

#[test]
fn who_is_refused_is_told_when_to_come_again_and_is_let_in_then() {
    for stage in stages(|config| config.rate_limit(RateLimit::new(1, Duration::from_millis(50)).unwrap())) {
        let key = stage.key(Role::ReadOnly);
        let (mut let_in, mut refused) = (0, 0);
        while refused < 3 {
            let error = match stage.door.authenticate(key.token.reveal(), &Request::new()) {
                Ok(context) => {
                    assert_eq!(stage.door.rate_limit(&context).unwrap().limit.max_requests(), 1);
                    let_in += 1;
                    continue;
                }
                Err(error) => error,
            };
            refused += 1;
            assert_eq!((error.kind(), error.reason()), (ErrorKind::RateLimited, Reason::TooManyRequests));
            assert!(error.is_retryable());
            let status = error.rate_limit().unwrap();
            assert_eq!((status.limit.max_requests(), status.limit.window()), (1, Duration::from_millis(50)));
            assert!(status.remaining <= 1 && status.reset_after <= Duration::from_millis(50), "{status:?}");
            let wait = error.retry_after().unwrap();
            assert!(wait <= Duration::from_millis(50), "{wait:?}");
            std::thread::sleep(wait);
            assert!(stage.door.authenticate(key.token.reveal(), &Request::new()).is_ok());
        }
        assert!(let_in > 0);
    }
}

#[test]
fn a_new_limit_of_a_key_holds_from_the_next_request_on() {
    for stage in Stage::each() {
        let key = stage.door.create_key(&stage.acme, NewKey::new("x", Role::Admin).rate_limit(per_day(1))).unwrap();
        let verify = || stage.door.verify(key.token.reveal(), &Request::new());
        assert!(matches!(verify(), Verdict::Granted(_)));
        assert!(matches!(verify(), Verdict::RateLimited(_)));
        let limit = |rate_limit| KeyPatch { rate_limit: Some(rate_limit), ..KeyPatch::default() };
        stage.door.update_key(&stage.acme, &key.record.id, limit(Some(per_day(2)))).unwrap();
        assert!(matches!(verify(), Verdict::Granted(_)));
        assert!(matches!(verify(), Verdict::Granted(_)));
        assert!(matches!(verify(), Verdict::RateLimited(_)));
        stage.door.update_key(&stage.acme, &key.record.id, limit(None)).unwrap();
        assert!((0..100).all(|_| matches!(verify(), Verdict::Granted(_))));
    }
}

#[test]
fn refusals_for_too_many_requests_are_in_the_trail_and_the_counts() {
    for stage in stages(|config| config.rate_limit(per_day(1))) {
        let key = stage.key(Role::Admin);
        for _ in 0..4 {
            let _ = stage.door.verify(key.token.reveal(), &Request::new());
        }
        let counted = stage.door.metrics().counts;
        let refused = counted.iter().find(|count| count.operation == "verify" && count.outcome == "rate_limited");
        assert_eq!(refused.map(|count| count.total), Some(3), "{counted:?}");
        let events = stage.door.list_audit_events(&AuditQuery::default()).unwrap().items;
        let refused: Vec<_> = events.iter().filter(|event| event.entry.error.as_deref() == Some("rate_limited")).collect();
        assert_eq!(refused.len(), 1, "{events:?}");
        assert_eq!(refused[0].entry.status_code, Some(429));
        assert_eq!(refused[0].entry.payload["count"], 3);
        assert_eq!(refused[0].entry.resource_id, Some(key.record.id.to_string()));
    }
}

#[test]
fn a_flood_of_addresses_takes_no_more_than_its_share_of_memory_and_blocks_nobody_else() {
    let limit = RateLimit::new(1, RateLimit::LONGEST_WINDOW).unwrap();
    let stage = Stage::open(move |_| Config::memory().failure_limit(limit));
    let from = |n: u32| Request::new().peer(IpAddr::from(n.to_be_bytes()));
    for n in 0..200_000 {
        assert_eq!(stage.door.verify("ak_nobodys", &from(n)), Verdict::Refused(Reason::Unknown));
    }
    assert!(matches!(stage.door.verify("ak_nobodys", &from(199_999)), Verdict::RateLimited(_)));
    // The first were forgotten: to be so, a caller has to come from 65,536 other addresses.
    assert_eq!(stage.door.verify("ak_nobodys", &from(0)), Verdict::Refused(Reason::Unknown));
    let key = stage.key(Role::Admin);
    assert!(matches!(stage.door.verify(key.token.reveal(), &from(3_000_000_000)), Verdict::Granted(_)));
    assert!(matches!(stage.door.verify(key.token.reveal(), &from(199_999)), Verdict::RateLimited(_)));
}
