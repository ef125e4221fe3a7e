//! `doorward verify` and `doorward token …`.

use std::fs;

use serde_json::{Value, json};

use crate::stage::{Folder, finish, hash_of};

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
