//! `doorward policy …`.

use serde_json::{Value, json};

use crate::stage::Folder;

#[test]
fn a_policy_is_set_merged_and_shown_with_its_history() {
    let folder = Folder::with_acme("policy");
    let config = r#"{"position":{"minAmount":100,"maxAmount":5000,"allowedCurrencies":["USD"]}}"#;
    let run = folder.run_with(&["policy", "set", "acme", "US", config, "--json"], b"");
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(serde_json::from_str::<Value>(&run.out).unwrap()["version"], 1);

    folder.file("patch.json", r#"{"position":{"maxAmount":"12345678901234567.89"}}"#);
    let merged = folder.json("policy merge acme US @patch.json --expected-version 1");
    assert_eq!(merged["config"]["position"]["maxAmount"], "12345678901234567.89");
    let stale = folder.run("policy merge acme US @patch.json --expected-version 1");
    assert_eq!(stale.code, 5, "{}", stale.err);

    let run = folder.run_with(&["policy", "set", "acme", "SG", "-"], br#"{"position":{}}"#);
    assert_eq!(run.code, 0, "{}", run.err);

    assert!(folder.ok("policy get acme US").contains("12345678901234567.89"));
    let table = folder.ok("policy list acme");
    assert!(table.contains("CURRENCIES") && table.contains("12345678901234567.89") && table.contains("all"), "{table}");
    let history = folder.json("policy history acme US");
    assert_eq!(history["items"][0]["action"], "merged");
    assert_eq!(history["items"][1]["changedBy"], "system");
    let history = folder.ok("policy history acme US --oldest-first");
    assert!(history.lines().nth(1).unwrap().contains("upserted"), "{history}");
}

#[test]
fn a_policy_decides_and_the_exit_code_says_how() {
    let folder = Folder::with_acme("decide");
    assert!(folder.ok("policy check acme US 1 USD").contains("there is no policy"));
    let config = r#"{"position":{"maxAmount":5000,"allowedCurrencies":["USD"]}}"#;
    folder.run_with(&["policy", "set", "acme", "US", config], b"");

    assert!(folder.ok("policy check acme US 5000.00 usd").starts_with("allowed (by version 1 of pol_"));
    let refused = folder.run("policy check acme US 5000.01 EUR");
    assert_eq!((refused.code, refused.err.as_str()), (3, ""));
    let lines: Vec<_> = refused.out.lines().collect();
    assert!(lines[0].starts_with("not allowed"), "{}", refused.out);
    assert!(lines[2].starts_with("above_max") && lines[2].ends_with("5000.01"), "{}", refused.out);
    assert!(lines[3].starts_with("currency_not_allowed"), "{}", refused.out);
    let refused = folder.run("policy check acme US 5000.01 USD --json");
    assert_eq!(refused.code, 3);
    let decision: Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!(decision["violations"], json!([{"code": "above_max", "limit": "5000", "value": "5000.01"}]));
}
