//! The gatekeeper of `examples/c`: what it answers to lines of any kind, with which code it exits, and that it leaks nothing.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use crate::toolchain::{Build, Program, run};

fn gatekeeper() -> Program {
    Program::compile(&["../../examples/c/gatekeeper.c"], &[], Build::Sanitized)
}

/// Feeds it, and gives what came of it.
fn fed(command: &mut Command, input: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = piped.spawn().unwrap();
    // It may have ended before it has read everything.
    let _ = running.stdin.take().unwrap().write_all(input);
    running.wait_with_output().unwrap()
}

/// The lines that it answers; it succeeds, and says nothing beside.
fn answers(command: &mut Command, input: &[u8]) -> Vec<String> {
    let output = fed(command, input);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Sets up, and asks what a program that starts from it would ask.
fn answers_line_by_line(program: &Program, set: impl Fn(&mut Command)) {
    let command = || {
        let mut command = program.command();
        set(&mut command);
        command
    };
    let token = run(command().arg("setup")).trim().to_owned();
    let asked = [
        ("{} US 1250.50 USD", "allow"),
        ("{} US 7000 JPY", "deny above_max 5000 7000 currency_not_allowed USD,EUR JPY"),
        ("{} US 0.5 EUR", "deny below_min 1 0.5"),
        ("{} SG 10 USD", "deny no_policy"),
        ("nobody US 1 USD", "refuse unknown"),
        ("{}0 US 1 USD", "refuse malformed"),
        ("{} US ten USD", "refuse not_a_decimal amount"),
        ("{} MARS 1 USD", "refuse unknown_region region"),
        ("{} US 1 XYZ", "refuse unknown_currency currency"),
    ];
    let lines: String = asked.iter().map(|(line, _)| line.replace("{}", &token) + "\n").collect();
    let expected: Vec<_> = asked.iter().map(|(_, answer)| *answer).collect();
    assert_eq!(answers(&mut command(), lines.as_bytes()), expected);
}

#[test]
#[cfg(feature = "sqlite")]
fn it_answers_line_by_line_with_its_records_in_a_file() {
    let program = gatekeeper();
    answers_line_by_line(&program, |_| ());
    assert!(program.folder.path().join("gatekeeper.db").is_file());
}

#[test]
#[cfg(feature = "postgres")]
fn it_answers_line_by_line_with_its_records_in_postgres() {
    let (program, database) = (gatekeeper(), doorward_test_servers::Database::fresh());
    answers_line_by_line(&program, |command| {
        command.env("DATABASE_URL", database.url());
    });
    assert!(!program.folder.path().join("gatekeeper.db").exists());
}

#[test]
#[cfg(feature = "sqlite")]
fn it_answers_whatever_a_line_holds() {
    let program = gatekeeper();
    let token = run(program.command().arg("setup")).trim().to_owned();
    let line = |text: &str| text.replace("{}", &token).into_bytes();
    let asked: Vec<(Vec<u8>, &str)> = vec![
        (line(""), "refuse not_a_request"),
        (line("  \t "), "refuse not_a_request"),
        (line("hello"), "refuse not_a_request"),
        (line("{} US 1250.50"), "refuse not_a_request"),
        (line("{} US 1250.50 USD please"), "refuse not_a_request"),
        (line("  {}\tUS   1250.50  USD  "), "allow"),
        (line("{} US 1250.50 USD\r"), "allow"),
        (line("{} US 1250.50 usd"), "allow"),
        (line("{} US 1250.50 U\0SD"), "refuse unknown_currency currency"),
        (b"\xff\xfe US 1 USD".to_vec(), "refuse malformed"),
        ([line("{} US 1 "), b"\xc3\x28".to_vec()].concat(), "refuse not_utf8 currency"),
        (line(&format!("{} US 1 USD", "x".repeat(600))), "refuse malformed"),
        (line(&format!("{{}} US {} USD", "1".repeat(600))), "refuse too_precise amount"),
        (line(&format!("{{}} {} 1 USD", "U".repeat(600))), "refuse unknown_region region"),
        (line(&format!("{{}} US 1 USD{}", " ".repeat(2000))), "refuse too_long"),
        (vec![b'x'; 3_000_000], "refuse too_long"),
        (line("{} US 1 USD"), "allow"),
    ];
    let input: Vec<u8> = asked.iter().flat_map(|(line, _)| [line.as_slice(), b"\n"].concat()).collect();
    let expected: Vec<_> = asked.iter().map(|(_, answer)| *answer).collect();
    assert_eq!(answers(&mut program.command(), &input), expected);
    // The last line may lack its end, and there may be no line at all.
    assert_eq!(answers(&mut program.command(), &line("{} US 1 USD")), ["allow"]);
    assert_eq!(answers(&mut program.command(), b""), Vec::<String>::new());
}

#[test]
#[cfg(feature = "sqlite")]
fn its_exit_code_says_what_went_wrong() {
    let program = gatekeeper();
    let ends = |command: &mut Command, code: i32, says: &str| {
        let output = fed(command, b"nobody US 1 USD\n");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && said.contains(says), "{code}: {output:?}");
    };
    ends(program.command().arg("help"), 64, "usage: gatekeeper");
    ends(program.command().args(["setup", "twice"]), 64, "usage: gatekeeper");
    ends(program.command().env("DATABASE_URL", "mysql://db/app"), 9, "DATABASE_URL");
    ends(program.command().env("DATABASE_URL", "sqlite:no/such/folder/keys.db"), 9, "opening");
    let full = |command: &mut Command| {
        let disk = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut running = command.stdin(Stdio::piped()).stdout(disk).stderr(Stdio::piped()).spawn().unwrap();
        running.stdin.take().unwrap().write_all(b"nobody US 1 USD\n").unwrap();
        let output = running.wait_with_output().unwrap();
        assert!(output.status.code() == Some(74) && output.stderr.starts_with(b"gatekeeper: cannot write"), "{output:?}");
    };
    full(&mut program.command());
    full(program.command().arg("setup"));
    let folder = std::fs::File::open(program.folder.path()).unwrap();
    let output = program.command().stdin(folder).output().unwrap();
    assert!(output.status.code() == Some(74) && output.stderr.starts_with(b"gatekeeper: cannot read"), "{output:?}");
}

#[test]
#[cfg(feature = "postgres")]
fn a_database_that_cannot_be_reached_is_an_error_and_its_password_stays_secret() {
    let url = "postgres://gatekeeper:hunter2@127.0.0.1:1/app";
    let output = fed(gatekeeper().command().env("DATABASE_URL", url), b"");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(8) && said.contains("opening") && !said.contains("hunter2"), "{output:?}");
}
