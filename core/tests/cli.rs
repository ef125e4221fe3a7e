//! The operator's command, run as a process on real files.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics is a test that fails")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

/// A folder of one test, in which the command runs: its database is `doorward.db` there.
struct Folder(PathBuf);

/// How a run of the command ended.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// With a database that holds the institution `acme`.
    fn with_acme(name: &str) -> Self {
        let folder = Self::new(name);
        folder.ok("init");
        folder.ok("institution create Acme --id acme --region US,SG");
        folder
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.args(arguments).env_clear().current_dir(&self.0);
        command
    }

    fn run_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        finish(self.command(arguments), input)
    }

    fn run(&self, arguments: &str) -> Run {
        self.run_with(&arguments.split_whitespace().collect::<Vec<_>>(), b"")
    }

    /// Runs what must succeed, and gives what it printed.
    fn ok(&self, arguments: &str) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments}: {}", run.err);
        run.out
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{arguments} --json"))).unwrap()
    }

    /// Creates a key and gives its token and id.
    fn key(&self, label: &str) -> (String, String) {
        let created = self.json(&format!("key create acme --label {label} --role admin"));
        (created["token"].as_str().unwrap().to_owned(), created["record"]["id"].as_str().unwrap().to_owned())
    }
}

fn finish(mut command: Command, input: &[u8]) -> Run {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads no input may be gone before it is written.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn hash_of(token: &str) -> String {
    doorward::KeyHash::of(token).to_string()
}

#[test]
fn init_makes_a_database_and_may_be_repeated() {
    let folder = Folder::new("init");
    let out = folder.ok("init");
    assert!(out.contains("sqlite") && out.contains("schema version"), "{out}");
    assert!(folder.0.join("doorward.db").exists());
    folder.ok("init");
    assert_eq!(folder.json("health")["reachable"], true);
}

#[test]
fn a_database_that_is_not_there_is_an_error_and_not_a_new_one() {
    let folder = Folder::new("missing");
    let run = folder.run("key list acme");
    assert_eq!(run.code, 9, "{}", run.err);
    assert!(run.err.contains("doorward init"), "{}", run.err);
    assert!(!folder.0.join("doorward.db").exists());
}

#[test]
fn only_init_makes_tables_in_a_file_that_has_none() {
    let folder = Folder::new("elsewhere");
    folder.file("empty.db", "");
    let others = rusqlite::Connection::open(folder.0.join("others.db")).unwrap();
    others.execute_batch("CREATE TABLE theirs (a)").unwrap();
    for file in ["empty.db", "others.db"] {
        let run = folder.run(&format!("--database-url sqlite:{file} health"));
        assert_eq!(run.code, 9, "{file}: {}", run.err);
        assert!(run.err.contains("DATABASE_URL: ") && run.err.contains("doorward init"), "{}", run.err);
    }
    let tables: i64 = others.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
    assert!(fs::read(folder.0.join("empty.db")).unwrap().is_empty());
}

#[test]
fn the_database_comes_from_the_option_or_the_environment_and_memory_is_refused() {
    let folder = Folder::new("database");
    folder.ok("init --database-url sqlite:one.db");
    assert!(folder.0.join("one.db").exists());

    let mut command = folder.command(&["init"]);
    command.env("DATABASE_URL", "sqlite:two.db");
    assert_eq!(finish(command, b"").code, 0);
    assert!(folder.0.join("two.db").exists());

    let mut command = folder.command(&["init"]);
    command.env("STORE_BACKEND", "memory");
    let run = finish(command, b"");
    assert_eq!(run.code, 9);
    assert!(run.err.contains("STORE_BACKEND"), "{}", run.err);

    let mut command = folder.command(&["init"]);
    command.env("DOORWARD_DEFAULT_DECISION", "maybe");
    let run = finish(command, b"");
    assert_eq!(run.code, 9);
    assert!(run.err.contains("DOORWARD_DEFAULT_DECISION"), "{}", run.err);
}

#[test]
fn institutions_are_created_and_listed_page_by_page() {
    let folder = Folder::with_acme("institutions");
    let other = folder.json("institution create Umbrella --region EU_UK");
    assert!(other["id"].as_str().unwrap().starts_with("inst_"));
    assert_eq!(other["regions"], json!(["EU_UK"]));

    let table = folder.ok("institution list --oldest-first");
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("ID") && lines[0].contains("CREATED"), "{table}");
    assert!(lines[1].starts_with("acme") && lines[1].contains("US, SG") && lines[1].ends_with("UTC"), "{table}");

    let first = folder.run("institution list --limit 1");
    assert!(first.out.contains("Umbrella"), "{}", first.out);
    let cursor = first.err.trim().rsplit(' ').next().unwrap().to_owned();
    let second = folder.run(&format!("institution list --limit 1 --cursor {cursor}"));
    assert!(second.out.contains("acme") && second.err.is_empty(), "{} {}", second.out, second.err);
    assert_eq!(folder.json("institution list --limit 1")["next"].as_str(), Some(cursor.as_str()));
}

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

#[test]
fn verify_says_who_the_holder_of_a_token_is_or_why_it_is_refused() {
    let folder = Folder::with_acme("verify");
    let (token, id) = folder.key("backend");
    let run = folder.run_with(&["verify", "--json"], format!("  {token}\r\n").as_bytes());
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(answer, json!({"granted": true, "role": "admin", "institutionId": "acme", "apiKeyId": id}));

    for (input, reason) in [("", "missing"), ("dw_live_nonsense", "malformed"), ("ak_elsewhere", "unknown")] {
        let run = folder.run_with(&["verify", "--json"], input.as_bytes());
        assert_eq!((run.code, run.err.as_str()), (2, ""));
        assert_eq!(serde_json::from_str::<Value>(&run.out).unwrap(), json!({"granted": false, "reason": reason}));
    }
    assert_eq!(folder.run_with(&["verify"], &[0xff, 0xfe]).out, "refused: malformed\n");
    assert_eq!(folder.run_with(&["verify"], &vec![b'x'; 1024 * 1024]).out, "refused: malformed\n");
    // Refusals are in the trail when the command has ended.
    let trail = folder.ok("audit list --actor anonymous");
    assert!(trail.contains("malformed") && trail.contains("unknown"), "{trail}");
}

#[test]
fn verify_knows_the_clients_address_if_told() {
    let folder = Folder::with_acme("address");
    let token = folder.ok("key create acme --label office --role admin --allow 10.0.0.0/8");
    let verify = |more: &[&str]| folder.run_with(&[&["verify"], more].concat(), token.as_bytes());
    assert_eq!(verify(&["--address", "10.1.2.3"]).code, 0);
    assert_eq!(verify(&["--address", "192.0.2.1"]).out, "refused: address_not_allowed\n");
    assert_eq!(verify(&[]).out, "refused: address_not_allowed\n");
    assert_eq!(verify(&["--address", "nowhere"]).code, 1);
}

#[test]
fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    let folder = Folder::with_acme("argument");
    for arguments in [["verify"].as_slice(), ["token", "check"].as_slice()] {
        let run = folder.run_with(&[arguments, ["dw_live_kFKg2w5FPO8Khj7"].as_slice()].concat(), b"");
        assert_eq!((run.code, run.out.as_str()), (64, ""));
        assert!(run.err.contains("standard input") && !run.err.contains("kFKg2w5F"), "{}", run.err);
    }
}

#[test]
fn a_token_is_checked_without_a_database() {
    let folder = Folder::new("check");
    let token = doorward::TokenFormat::default().generate().unwrap();
    let check = |input: &str| {
        let run = folder.run_with(&["token", "check", "--json"], input.as_bytes());
        (run.code, serde_json::from_str::<Value>(&run.out).unwrap_or_default())
    };
    let (code, answer) = check(token.reveal());
    assert_eq!(code, 0);
    assert_eq!(answer, json!({"shape": "own", "hint": token.hint(), "keyHash": token.hash()}));
    let (code, answer) = check(&token.reveal()[..45]);
    assert_eq!((code, &answer["shape"]), (2, &json!("damaged")));
    let (code, answer) = check("ak_elsewhere");
    assert_eq!((code, &answer["shape"]), (0, &json!("foreign")));
    assert_eq!(answer["hint"], hash_of("ak_elsewhere")[..8]);
    assert_eq!(check("").0, 2);
    assert_eq!(check(&"x".repeat(1000)).0, 2);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);

    let mut command = folder.command(&["token", "check"]);
    command.env("DOORWARD_TOKEN_BRAND", "acme");
    assert!(finish(command, token.reveal().as_bytes()).out.contains("foreign"));
}

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

#[test]
fn the_audit_trail_is_listed_and_filtered() {
    let folder = Folder::with_acme("audit");
    folder.key("backend");
    let table = folder.ok("audit list --oldest-first");
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("TIME"), "{table}");
    assert!(lines[1].contains("create_institution") && lines[2].contains("create_key"), "{table}");
    let count = |filter: &str| folder.json(&format!("audit list {filter}"))["items"].as_array().unwrap().len();
    assert_eq!(count("--action create_key"), 1);
    assert_eq!(count("--institution acme --actor system"), 2);
    assert_eq!(count("--until 2020-01-01T00:00:00Z"), 0);
    assert_eq!(count("--since 2020-01-01T00:00:00Z --limit 1"), 1);
    assert_eq!(folder.run("audit list --since yesterday").code, 1);
}

#[test]
fn an_import_stores_all_keys_or_none() {
    let folder = Folder::with_acme("import");
    let line = |token: &str, more: &str| {
        format!("{{\"keyHash\":\"{}\",\"label\":\"{token}\",\"role\":\"admin\"{more}}}\n", hash_of(token))
    };
    let more = r#","expiresAt":"2999-01-01T00:00:00Z","allowedAddresses":["10.0.0.0/8"],"metadata":{"from":"legacy"}"#;
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

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure_unless_a_token_is_lost() {
    let folder = Folder::with_acme("pipe");
    let run = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = folder.command(arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&["institution", "list"]), (Some(0), String::new()));
    assert_eq!(run(&["--help"]), (Some(0), String::new()));
    let (code, message) = run(&["key", "create", "acme", "--label", "x", "--role", "admin"]);
    assert_eq!(code, Some(74));
    let id = folder.json("key list acme")["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(message.contains(&id) && message.contains("lost"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let folder = Folder::with_acme("full");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = folder.command(&["institution", "list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(74));
}

#[test]
fn every_command_has_help_and_its_examples_run() {
    let folder = Folder::new("help");
    for nouns in [
        "",
        "init",
        "institution create",
        "institution list",
        "key create",
        "key list",
        "key show",
        "key revoke",
        "key rotate",
        "key disable",
        "key enable",
        "key import",
        "verify",
        "policy set",
        "policy merge",
        "policy get",
        "policy list",
        "policy check",
        "policy history",
        "audit list",
        "health",
        "token check",
    ] {
        let help = folder.ok(&format!("{nouns} --help"));
        assert!(help.contains("Usage:") && help.contains("--json"), "{nouns}: {help}");
    }
    let help = folder.ok("--help");
    let examples: Vec<_> = help.split("Examples:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty()).collect();
    assert!(examples.len() >= 6);
    let path = format!("{}:/usr/bin:/bin", Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap().display());
    let schema = doorward_test_servers::Schema::fresh();
    let examples = examples.join("\n").replace("postgres://doorward@db.example/app", schema.url());
    let mut script = Command::new("bash");
    script.args(["-euo", "pipefail", "-c", &examples]).env_clear().env("PATH", path).current_dir(&folder.0);
    script.env("DOORWARD_SCHEMA", schema.name());
    let run = finish(script, b"");
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("allowed"), "{}", run.out);
}

#[test]
fn a_postgres_database_is_made_used_and_asked_by_its_url() {
    let (folder, schema) = (Folder::new("postgres"), doorward_test_servers::Schema::fresh());
    let run = |arguments: &[&str]| {
        let mut command = folder.command(&[&["--database-url", schema.url()], arguments].concat());
        command.env("DOORWARD_SCHEMA", schema.name());
        finish(command, b"")
    };
    // Only init makes tables: a mistyped name is no new and empty database.
    let early = run(&["health"]);
    assert_eq!(early.code, 9, "{}", early.err);
    assert!(early.err.contains("doorward init"), "{}", early.err);
    let plan = run(&["init", "--dry-run"]);
    assert!(plan.code == 0 && plan.out.contains("CREATE TABLE"), "{}{}", plan.out, plan.err);
    assert_eq!(run(&["health"]).code, 9);
    let made = run(&["init"]);
    assert!(made.code == 0 && made.out.contains("postgres"), "{}{}", made.out, made.err);
    assert!(run(&["init", "--dry-run"]).out.contains("Everything is there"));
    assert_eq!(run(&["institution", "create", "Acme", "--id", "acme"]).code, 0);
    let token = run(&["key", "create", "acme", "--label", "x", "--role", "admin"]).out;
    let mut verify = folder.command(&["--database-url", schema.url(), "verify"]);
    verify.env("DOORWARD_SCHEMA", schema.name());
    let verified = finish(verify, token.as_bytes());
    assert!(verified.code == 0 && verified.out.contains("acme"), "{}{}", verified.out, verified.err);
    // For SQLite there is nothing to adopt.
    assert_eq!(folder.run("init --adopt").code, 64);
}

#[test]
fn control_characters_in_the_database_do_not_reach_the_terminal() {
    let folder = Folder::with_acme("control");
    // doorward refuses such a name; another program may have written it.
    let run = folder.run_with(&["institution", "create", "a\u{1b}[2Jb"], b"");
    assert_eq!(run.code, 1);
    let database = rusqlite::Connection::open(folder.0.join("doorward.db")).unwrap();
    assert_eq!(database.execute("UPDATE institutions SET name = ?1 WHERE id = 'acme'", ["a\u{1b}[2Jb"]).unwrap(), 1);
    let table = folder.ok("institution list");
    assert!(table.contains("a\u{fffd}[2Jb") && !table.contains('\u{1b}'), "{table:?}");
    assert_eq!(folder.json("institution list")["items"][0]["name"], "a\u{1b}[2Jb");
}

#[test]
fn control_characters_of_what_is_refused_do_not_reach_the_terminal() {
    let folder = Folder::with_acme("echo");
    let run = folder.run_with(&["policy", "set", "acme", "US", r#"{"position":{},"\u001b[2Jx":1e999}"#], b"");
    assert_eq!(run.err, "error: config.\u{fffd}[2Jx: has a number that a double cannot carry; write it as a string\n");
    let run = folder.run_with(&["key", "import", "acme", "-"], br#"{"\u001b[2Jx":1}"#);
    assert!(run.err.contains("unknown field `\u{fffd}[2Jx`"), "{:?}", run.err);
}

#[test]
fn a_cause_that_says_the_same_is_not_said_twice() {
    let folder = Folder::new("twice");
    folder.file("text.db", &"this is no database ".repeat(100));
    let run = folder.run("--database-url sqlite:text.db health");
    assert_eq!(run.err.matches("not an SQLite database").count(), 1, "{}", run.err);
}
