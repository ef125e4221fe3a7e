//! `doorward key …`, but for `import`.

use std::fs;

use serde_json::{Value, json};

use crate::stage::Folder;

#[test]
fn a_token_stands_alone_on_standard_output_once_and_nowhere_else() {
    let folder = Folder::with_acme("token");
    let run = folder.run("key create acme --label backend --role admin");
    assert_eq!(run.code, 0, "{}", run.err);
    let token = run.out.strip_suffix('\n').unwrap();
    assert!(token.starts_with("dw_live_") && token.len() == 46, "{token}");
    let secret = &token[16..];
    assert!(run.err.contains("cannot be shown again") && !run.err.contains(secret), "{}", run.err);

    let id = folder.json("key list acme")["items"][0]["id"].as_str().unwrap().to_owned();
    for arguments in ["key list acme".to_owned(), format!("key show acme {id}"), "audit list".to_owned()] {
        let (people, programs) = (folder.run(&arguments), folder.run(&format!("{arguments} --json")));
        for text in [people.out, people.err, programs.out, programs.err] {
            assert!(!text.contains(secret), "{arguments}: {text}");
        }
    }
    for entry in fs::read_dir(&folder.0).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        assert!(!content.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[test]
fn a_key_has_what_it_was_created_with() {
    let folder = Folder::with_acme("create");
    let arguments = [
        "key",
        "create",
        "acme",
        "--label",
        "nightly report",
        "--role",
        "read_only",
        "--expires-in",
        "90d",
        "--allow",
        "10.0.0.0/8, 192.0.2.7",
        "--metadata",
        r#"{"team":"core"}"#,
        "--json",
    ];
    let run = folder.run_with(&arguments, b"");
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let key = serde_json::from_str::<Value>(&run.out).unwrap()["record"].clone();
    assert_eq!(key["label"], "nightly report");
    assert_eq!(key["role"], "read_only");
    assert_eq!(key["status"], "active");
    assert_eq!(key["allowedAddresses"], json!(["10.0.0.0/8", "192.0.2.7"]));
    assert_eq!(key["metadata"], json!({"team": "core"}));
    assert!(key["expiresAt"].is_string());

    let shown = folder.ok(&format!("key show acme {}", key["id"].as_str().unwrap()));
    assert!(shown.contains("nightly report") && shown.contains("10.0.0.0/8, 192.0.2.7"), "{shown}");
}

#[test]
fn a_list_of_addresses_that_names_none_does_not_mean_from_anywhere() {
    let folder = Folder::with_acme("nowhere");
    for addresses in ["", " ", ","] {
        let arguments = ["key", "create", "acme", "--label", "office", "--role", "admin", "--allow", addresses];
        let run = folder.run_with(&arguments, b"");
        assert_eq!(run.code, 1, "{addresses:?}: {}", run.out);
        assert!(run.err.starts_with("error: allow: "), "{}", run.err);
    }
    let run = folder.run("key create acme --label office --role admin --allow 10.0.0.0/8,here");
    assert!(run.err.starts_with("error: allow[1]: "), "{}", run.err);
    assert_eq!(folder.json("key list acme")["items"], json!([]));
}

#[test]
fn a_key_has_the_limit_that_it_was_given_until_it_is_removed() {
    let folder = Folder::with_acme("limit");
    let created = folder.json("key create acme --label ci --role admin --rate-limit 2/1d");
    let (id, token) = (created["record"]["id"].as_str().unwrap(), created["token"].as_str().unwrap());
    assert_eq!(created["record"]["rateLimit"], json!({"maxRequests": 2, "windowMs": 86_400_000}));
    let limit = || {
        let shown = folder.ok(&format!("key show acme {id}"));
        let line = shown.lines().find(|line| line.starts_with("rate limit")).unwrap_or_default();
        line.trim_start_matches("rate limit").trim_matches([':', ' ']).to_owned()
    };
    assert_eq!(limit(), "2/1d");
    assert_eq!(folder.run_with(&["verify"], token.as_bytes()).code, 0);

    folder.ok(&format!("key update acme {id} --rate-limit 100/1500ms"));
    assert_eq!(limit(), "100/1500ms");
    folder.ok(&format!("key update acme {id} --label nightly"));
    assert_eq!(limit(), "100/1500ms");
    folder.ok(&format!("key update acme {id} --no-rate-limit"));
    assert_eq!(limit(), "-");
    let wrong = [
        ("100", "rate_limit: "),
        ("100/m", "rate_limit: "),
        ("0/1m", "rate_limit.max_requests: "),
        ("1/2d", "rate_limit.window_ms: "),
    ];
    for (text, message) in wrong {
        for arguments in ["key create acme --label x --role admin", &format!("key update acme {id}")] {
            let run = folder.run(&format!("{arguments} --rate-limit {text}"));
            assert!(run.code == 1 && run.err.starts_with(&format!("error: {message}")), "{text}: {}", run.err);
        }
    }
}

#[test]
fn what_a_key_was_created_with_is_changed_and_the_rest_stays() {
    let folder = Folder::with_acme("update");
    let (_, id) = folder.key("backend");
    let change = |arguments: &str| folder.json(&format!("key update acme {id} {arguments}"));
    let changed = change("--expires-in 90d --allow 10.0.0.0/8 --metadata {\"a\":1}");
    assert_eq!((&changed["label"], &changed["version"]), (&json!("backend"), &json!(2)));
    assert!(changed["expiresAt"].is_string() && changed["metadata"] == json!({"a": 1}));
    assert_eq!(changed["allowedAddresses"], json!(["10.0.0.0/8"]));
    let changed = change("--no-expiry --allow-anywhere --label front");
    assert_eq!((&changed["label"], &changed["expiresAt"]), (&json!("front"), &json!(null)));
    assert_eq!((&changed["allowedAddresses"], &changed["metadata"]), (&json!([]), &json!({"a": 1})));

    let run = folder.run(&format!("key update acme {id}"));
    assert!(run.code == 1 && run.err.contains("nothing that is to change"), "{}", run.err);
    let run = folder.run(&format!("key update acme {id} --no-rate-limit --rate-limit 1/1s"));
    assert!(run.err.contains("cannot be used with"), "{}", run.err);
}

#[test]
fn keys_are_disabled_enabled_rotated_and_revoked() {
    let folder = Folder::with_acme("life");
    let (token, id) = folder.key("backend");
    let verify = |token: &str| folder.run_with(&["verify"], token.as_bytes()).code;

    assert_eq!(folder.json(&format!("key disable acme {id}"))["status"], "disabled");
    assert_eq!(verify(&token), 2);
    assert_eq!(folder.json(&format!("key enable acme {id}"))["status"], "active");
    assert_eq!(verify(&token), 0);

    let new = folder.ok(&format!("key rotate acme {id} --grace 1h"));
    assert_eq!((verify(&token), verify(&new)), (0, 0));
    let again = folder.run(&format!("key rotate acme {id} --grace 0s"));
    assert_eq!(again.code, 5, "{}", again.err);

    assert_eq!(folder.json(&format!("key revoke acme {id}"))["status"], "revoked");
    assert_eq!((verify(&token), verify(&new)), (2, 0));
    assert_eq!(folder.json("key revoke acme --all"), json!({"revoked": 1}));
    assert_eq!(verify(&new), 2);
}

#[test]
fn keys_are_listed_by_role_and_status() {
    let folder = Folder::with_acme("list");
    let (_, first) = folder.key("first");
    folder.key("second");
    folder.ok("key create acme --label reader --role read_only");
    folder.ok(&format!("key revoke acme {first}"));
    let labels = |filter: &str| -> Vec<String> {
        let page = folder.json(&format!("key list acme --oldest-first {filter}"));
        page["items"].as_array().unwrap().iter().map(|key| key["label"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(labels(""), ["second", "reader"]);
    assert_eq!(labels("--include-revoked"), ["first", "second", "reader"]);
    assert_eq!(labels("--status revoked"), ["first"]);
    assert_eq!(labels("--role read_only"), ["reader"]);

    let table = folder.ok("key list acme");
    assert!(table.contains("LAST USED") && table.contains("dw_live_") && table.contains("active"), "{table}");
}
