//! Programs in C that use the library, and misuse it: under gcc's sanitizers, and under valgrind.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::toolchain::{Build, Program, ROOT, run};

/// Compiles and runs a program of `tests/c`, both ways. Any error or leak fails it.
fn holds(source: &str, arguments: &[&str]) {
    run(Program::compile(&[source], &[], Build::Sanitized).command().args(arguments));
    run(Program::compile(&[source], &[], Build::Plain).under_valgrind().args(arguments));
}

#[test]
fn what_a_program_gets_wrong_is_told_and_hurts_nothing() {
    holds("c/misuse.c", &[]);
}

#[test]
fn threads_share_a_door_while_another_creates_and_revokes() {
    run(Program::compile(&["c/threads.c"], &[], Build::Sanitized).command().arg("1000000"));
    run(Program::compile(&["c/threads.c"], &[], Build::Plain).under_valgrind().arg("20000"));
}

#[test]
fn lookups_tell_a_callback_and_a_forked_child_goes_on_in_memory() {
    holds("c/lookups.c", &[]);
}

#[test]
#[cfg(feature = "sqlite")]
fn lookups_tell_a_callback_and_a_forked_child_goes_on_on_sqlite() {
    // Each in a folder of its own.
    holds("c/lookups.c", &["STORE_BACKEND=sqlite", "DATABASE_URL=sqlite:lookups.db"]);
}

#[test]
#[cfg(feature = "postgres")]
fn lookups_tell_a_callback_and_a_forked_child_goes_on_on_postgres() {
    let database = doorward_test_servers::Database::fresh();
    let url = format!("DATABASE_URL={}", database.url());
    run(Program::compile(&["c/lookups.c"], &[], Build::Sanitized).command().args(["STORE_BACKEND=postgres", &url]));
}

#[test]
fn an_audit_sink_gets_what_was_recorded_in_memory_and_its_user_is_let_go_of_once() {
    holds("c/audit_sink.c", &[]);
}

#[test]
#[cfg(feature = "sqlite")]
fn an_audit_sink_gets_what_was_recorded_in_sqlite_and_its_user_is_let_go_of_once() {
    holds("c/audit_sink.c", &["STORE_BACKEND=sqlite", "DATABASE_URL=sqlite:sink.db"]);
}

#[test]
#[cfg(feature = "postgres")]
fn an_audit_sink_gets_what_was_recorded_in_postgres_and_its_user_is_let_go_of_once() {
    let database = doorward_test_servers::Database::fresh();
    let url = format!("DATABASE_URL={}", database.url());
    run(Program::compile(&["c/audit_sink.c"], &[], Build::Sanitized).command().args(["STORE_BACKEND=postgres", &url]));
}

#[test]
fn a_log_sink_gets_what_is_logged_and_is_exchanged_while_others_log() {
    holds("c/log_sink.c", &[]);
}

#[test]
#[cfg(feature = "testkit")]
fn a_panic_ends_in_internal_and_the_door_goes_on() {
    holds("c/panics.c", &[]);
}

#[test]
fn a_build_that_would_abort_on_panic_is_refused() {
    let errors = |panic: &str| {
        let source = Path::new(ROOT).join("ffi/src/lib.rs");
        let mut compiler = Command::new("rustc");
        compiler.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "-o", "/dev/null", "-C"]);
        let output = compiler.arg(format!("panic={panic}")).arg(source).output().expect("rustc");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // Neither finds the dependencies; what matters is whether the crate itself refuses.
    let refusal = "doorward-ffi needs panic";
    assert!(errors("abort").contains(refusal), "{}", errors("abort"));
    assert!(!errors("unwind").contains(refusal));
}

#[test]
#[cfg(feature = "sqlite")]
fn the_gatekeeper_of_the_examples_answers_line_by_line() {
    let program = Program::compile(&["../../examples/c/gatekeeper.c"], &[], Build::Sanitized);
    let token = run(program.command().arg("setup")).trim().to_owned();
    let asked = ["{} US 1250.50 USD", "{} US 7000 JPY", "{} SG 10 USD", "nobody US 1 USD", "{} US ten USD", "hello"];
    let mut gatekeeper = program.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: String = asked.iter().map(|line| line.replace("{}", &token) + "\n").collect();
    gatekeeper.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = gatekeeper.wait_with_output().unwrap();
    let expected = [
        "allow",
        "deny above_max 5000 7000 currency_not_allowed USD,EUR JPY",
        "deny no_policy",
        "refuse unknown",
        "refuse not_a_decimal",
        "refuse not_a_request",
    ];
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().collect::<Vec<_>>(), expected);
}
