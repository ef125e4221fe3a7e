//! What reaches standard output and the terminal.

use std::{fs, process::Stdio};

use crate::stage::Folder;

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
