//! `doorward key import`.

use serde_json::{Value, json};

use crate::stage::{Folder, hash_of};

#[test]
fn an_import_stores_all_keys_or_none() {
    let folder = Folder::with_acme("import");
    let line = |token: &str, more: &str| {
        format!("{{\"keyHash\":\"{}\",\"label\":\"{token}\",\"role\":\"admin\"{more}}}\n", hash_of(token))
    };
    let more = r#","expiresAt":"2999-01-01T00:00:00Z","allowedAddresses":["10.0.0.0/8"],"rateLimit":{"maxRequests":5,"windowMs":1000},"metadata":{"from":"legacy"}"#;
    folder.file("keys.jsonl", &format!("{}\n{}", line("old_1", ""), line("old_2", more)));

    let dry = folder.json("key import acme keys.jsonl --dry-run");
    assert_eq!(dry, json!({"dryRun": true, "count": 2, "conflicts": []}));
    assert_eq!(folder.json("key list acme")["items"], json!([]));

    let run = folder.run("key import acme keys.jsonl");
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "2 keys imported, 0 conflicts\n", ""));
    assert_eq!(folder.run_with(&["verify"], b"old_1\n").code, 0);
    let keys = folder.json("key list acme");
    let second = keys["items"].as_array().unwrap().iter().find(|key| key["label"] == "old_2").unwrap();
    assert_eq!(second["metadata"], json!({"from": "legacy"}));
    assert_eq!(second["allowedAddresses"], json!(["10.0.0.0/8"]));
    assert_eq!(second["rateLimit"], json!({"maxRequests": 5, "windowMs": 1000}));
    assert_eq!(second["hint"], hash_of("old_2")[..8]);

    // One that is there already, one twice: the dry run names all, the import stores nothing.
    let again = format!("{}\n{}{}{}", line("new", ""), line("old_1", ""), line("twice", ""), line("twice", ""));
    folder.file("again.jsonl", &again);
    let dry = folder.run("key import acme again.jsonl --dry-run --json");
    assert_eq!(dry.code, 5, "{}", dry.err);
    let conflicts = serde_json::from_str::<Value>(&dry.out).unwrap()["conflicts"].clone();
    let expected = json!([
        {"line": 3, "keyHash": hash_of("old_1"), "reason": "key_exists"},
        {"line": 5, "keyHash": hash_of("twice"), "reason": "duplicate"},
    ]);
    assert_eq!(conflicts, expected);
    let table = folder.run("key import acme again.jsonl --dry-run").out;
    assert!(table.starts_with("LINE") && table.contains("2 conflicts"), "{table}");
    let run = folder.run("key import acme again.jsonl");
    assert_eq!(run.code, 5);
    assert!(run.err.contains("line 3"), "{}", run.err);
    assert_eq!(folder.json("key list acme")["items"].as_array().unwrap().len(), 2);

    let run = folder.run_with(&["key", "import", "acme", "-"], line("piped", "").as_bytes());
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(folder.run_with(&["verify"], b"piped").code, 0);
}

#[test]
fn a_wrong_line_of_an_import_is_named() {
    let folder = Folder::with_acme("lines");
    let hash = hash_of("x");
    for (line, message) in [
        ("nonsense".to_owned(), "line 2: is not a key"),
        (format!(r#"{{"keyHash":"{hash}","label":"x","role":"admin","token":"secret"}}"#), "unknown field `token`"),
        (format!(r#"{{"keyHash":"{hash}","label":"x","role":"owner"}}"#), "line 2, role: "),
        (r#"{"keyHash":"abc","label":"x","role":"admin"}"#.to_owned(), "line 2, key_hash: "),
        (format!(r#"{{"keyHash":"{hash}","label":"","role":"admin"}}"#), "line 2, label: "),
        (format!(r#"{{"keyHash":"{hash}","label":"x","role":"admin","expiresAt":"soon"}}"#), "line 2, expires_at: "),
        (format!(r#"{{"keyHash":"{hash}","label":"x","role":"admin","metadata":{{"a":1,"a":2}}}}"#), "line 2, metadata: "),
        (
            format!(r#"{{"keyHash":"{hash}","label":"x","role":"admin","allowedAddresses":["here"]}}"#),
            "line 2, allowed_addresses[0]: ",
        ),
    ] {
        let good = format!(r#"{{"keyHash":"{}","label":"good","role":"admin"}}"#, hash_of("good"));
        let run = folder.run_with(&["key", "import", "acme", "-"], format!("{good}\n{line}\n").as_bytes());
        assert_eq!(run.code, 1, "{line}: {}", run.err);
        assert!(run.err.contains(message), "{line}: {}", run.err);
    }
    assert_eq!(folder.json("key list acme")["items"], json!([]));
}
