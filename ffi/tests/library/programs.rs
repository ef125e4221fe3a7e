//! Programs in C that use the library: under gcc's sanitizers, and under valgrind.

use std::{path::Path, process::Command};

use crate::toolchain::{Build, Program, ROOT, instrumented_library, run};

/// Compiles and runs a program of `tests/c`, both ways. Any error or leak fails it.
fn holds(source: &str, arguments: &[&str]) {
    run(Program::compile(&[source], &[], Build::Sanitized).command().args(arguments));
    if instrumented_library().is_none() {
        run(Program::compile(&[source], &[], Build::Plain).under_valgrind().args(arguments));
    }
}

#[test]
fn threads_share_a_door_for_a_million_calls_while_another_creates_and_revokes() {
    print!("{}", run(Program::compile(&["c/threads.c"], &[], Build::Sanitized).command().arg("1000000")));
}

#[test]
fn threads_share_a_door_under_valgrind() {
    let calls = if std::env::var_os("DOORWARD_SOAK").is_some() { "100000" } else { "5000" };
    run(Program::compile(&["c/threads.c"], &[], Build::Plain).under_valgrind().arg(calls));
}

/// What was freed, and is passed nevertheless, has to be noticed: else the silence of the tools in all other tests says nothing.
#[test]
fn the_tools_notice_that_the_library_reads_what_was_freed() {
    let program = Program::compile(&["c/freed.c"], &[], Build::Plain);
    let (mut command, report) = match instrumented_library() {
        Some(_) => (program.command(), "heap-use-after-free"),
        None => (program.under_valgrind(), "Invalid read"),
    };
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(report) && said.contains("dw_get_institution"), "{said}");
}

#[test]
fn verdicts_hold_nothing_of_what_was_there_before() {
    holds("c/verdicts.c", &[]);
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
