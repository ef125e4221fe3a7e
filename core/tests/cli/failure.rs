//! Failures: exit codes, and how errors are told.

use std::fs;

use serde_json::{Value, json};

use crate::stage::Folder;

#[test]
fn the_exit_code_is_the_number_of_the_errors_kind() {
    let folder = Folder::with_acme("codes");
    folder.file("text.db", &"this is no database ".repeat(100));
    fs::create_dir(folder.0.join("folder.db")).unwrap();
    for (arguments, code, word) in [
        ("key create acme --label x --role owner", 1, "role"),
        ("key list acme --limit 0", 1, "limit"),
        ("key list acme --cursor xyz", 1, "cursor"),
        ("policy check acme XX 1 USD", 1, "region"),
        ("policy check acme US -1 USD", 1, "amount"),
        ("policy check acme US 1 QQQ", 1, "currency"),
        ("key rotate acme ak_x --grace soon", 1, "grace"),
        ("key show acme ak_x", 4, "ak_x"),
        ("key list nobody", 4, "nobody"),
        ("policy get acme US", 4, "US"),
        ("institution create Acme --id acme", 5, "acme"),
        ("health --database-url sqlite:text.db", 7, "database"),
        ("health --database-url sqlite:folder.db", 9, "folder.db"),
        ("health --database-url postgres://u:hunter2@h/d?sslmode=often", 9, "DATABASE_URL"),
        ("key import acme nothing.jsonl", 74, "nothing.jsonl"),
        ("policy set acme US @nothing.json", 74, "nothing.json"),
        ("", 64, "Usage"),
        ("key", 64, "Usage"),
        ("key create acme", 64, "--label"),
        ("no-such-command", 64, "no-such-command"),
        ("key revoke acme", 64, "<KEY>"),
    ] {
        let run = folder.run(arguments);
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{arguments}: {}", run.err);
        assert!(run.err.contains(word) && !run.err.contains("hunter2"), "{arguments}: {}", run.err);
    }
}

#[test]
fn errors_are_json_for_programs_and_a_line_for_people() {
    let folder = Folder::with_acme("errors");
    let run = folder.run("key create acme --label x --role owner --json");
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    let error: Value = serde_json::from_str(&run.err).unwrap();
    let expected =
        json!({"kind": "Validation", "reason": "unknown_role", "field": "role", "message": "must be admin or read_only"});
    assert_eq!(error, json!({ "error": expected }));
    assert_eq!(folder.run("key create acme --label x --role owner").err, "error: role: must be admin or read_only\n");

    let run = folder.run("policy set acme US @nothing.json --json");
    assert_eq!(serde_json::from_str::<Value>(&run.err).unwrap()["error"]["kind"], "InputOutput");
}

#[test]
fn a_cause_that_says_the_same_is_not_said_twice() {
    let folder = Folder::new("twice");
    folder.file("text.db", &"this is no database ".repeat(100));
    let run = folder.run("--database-url sqlite:text.db health");
    assert_eq!(run.err.matches("not an SQLite database").count(), 1, "{}", run.err);
}
