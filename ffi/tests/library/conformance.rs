//! The scenarios of `tests/conformance` through the C API, played by the runner in `tests/c/conformance` on every store, under
//! the sanitizers and under valgrind; everything is logged meanwhile, and no secret is in it.

use std::{path::Path, process::Command};

use crate::toolchain::{Build, Program, ROOT, run};

const SOURCES: [&str; 6] = [
    "c/conformance/main.c",
    "c/conformance/value.c",
    "c/conformance/expectation.c",
    "c/conformance/arguments.c",
    "c/conformance/operations.c",
    "c/conformance/log.c",
];

fn play(program: &Program, command: &mut Command, store: &str, database_url: Option<&str>) {
    command.arg(Path::new(ROOT).join("tests/conformance")).arg(store).arg(program.folder.path()).args(database_url);
    print!("{}", run(command));
}

fn play_under_sanitizers(store: &str, database_url: Option<&str>) {
    let program = Program::compile(&SOURCES, &["jansson"], Build::Sanitized);
    play(&program, &mut program.command(), store, database_url);
}

/// On the stores that wait for a disk only one scenario in four, unless there is time for all of them.
fn play_under_valgrind(store: &str, database_url: Option<&str>) {
    let program = Program::compile(&SOURCES, &["jansson"], Build::Plain);
    let every = if store == "memory" || std::env::var_os("DOORWARD_SOAK").is_some() { "1" } else { "4" };
    play(&program, program.under_valgrind().env("EVERY", every), store, database_url);
}

#[test]
fn every_scenario_holds_in_c_on_the_memory_store() {
    play_under_sanitizers("memory", None);
}

#[test]
fn every_scenario_is_clean_under_valgrind_on_the_memory_store() {
    play_under_valgrind("memory", None);
}

#[test]
#[cfg(feature = "sqlite")]
fn every_scenario_holds_in_c_on_sqlite() {
    play_under_sanitizers("sqlite", None);
}

#[test]
#[cfg(feature = "sqlite")]
fn every_scenario_is_clean_under_valgrind_on_sqlite() {
    play_under_valgrind("sqlite", None);
}

#[test]
#[cfg(feature = "postgres")]
fn every_scenario_holds_in_c_on_postgres() {
    let database = doorward_test_servers::Database::fresh();
    play_under_sanitizers("postgres", Some(&database.url()));
}

#[test]
#[cfg(feature = "postgres")]
fn every_scenario_is_clean_under_valgrind_on_postgres() {
    let database = doorward_test_servers::Database::fresh();
    play_under_valgrind("postgres", Some(&database.url()));
}
