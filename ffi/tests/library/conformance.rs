//! The scenarios of `tests/conformance` through the C API, played by the runner in `tests/c/conformance` on every store, under
//! the sanitizers; everything is logged meanwhile, and no secret is in it.

use std::path::Path;

use crate::toolchain::{Build, Program, ROOT, run};

const SOURCES: [&str; 6] = [
    "c/conformance/main.c",
    "c/conformance/value.c",
    "c/conformance/expectation.c",
    "c/conformance/arguments.c",
    "c/conformance/operations.c",
    "c/conformance/log.c",
];

fn play(store: &str, database_url: Option<&str>) {
    let program = Program::compile(&SOURCES, &["jansson"], Build::Sanitized);
    let mut command = program.command();
    command.arg(Path::new(ROOT).join("tests/conformance")).arg(store).arg(program.folder.path()).args(database_url);
    print!("{}", run(&mut command));
}

#[test]
fn every_scenario_holds_in_c_on_the_memory_store() {
    play("memory", None);
}

#[test]
#[cfg(feature = "sqlite")]
fn every_scenario_holds_in_c_on_sqlite() {
    play("sqlite", None);
}

#[test]
#[cfg(feature = "postgres")]
fn every_scenario_holds_in_c_on_postgres() {
    let database = doorward_test_servers::Database::fresh();
    play("postgres", Some(&database.url()));
}
