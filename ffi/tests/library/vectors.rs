//! The facts of `tests/vectors` through the C API, by a runner in C; and that the runner fails on what it does not know.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::toolchain::{Build, Program, ROOT, run};

const SOURCES: [&str; 6] = [
    "c/vectors/main.c",
    "c/vectors/addresses.c",
    "c/vectors/amounts.c",
    "c/vectors/credentials.c",
    "c/vectors/policies.c",
    "c/vectors/tokens.c",
];

fn facts() -> PathBuf {
    Path::new(ROOT).join("tests/vectors")
}

/// The runner on the store of these settings.
fn reproduce(settings: &[&str]) {
    let program = Program::compile(&SOURCES, &["jansson"], Build::Sanitized);
    print!("{}", run(program.command().arg(facts()).args(settings)));
}

#[test]
fn every_fact_is_reproduced_in_c_on_the_memory_store() {
    reproduce(&[]);
}

#[test]
fn every_fact_is_clean_under_valgrind() {
    run(Program::compile(&SOURCES, &["jansson"], Build::Plain).under_valgrind().arg(facts()));
}

#[test]
#[cfg(feature = "sqlite")]
fn every_fact_is_reproduced_in_c_on_sqlite() {
    reproduce(&["STORE_BACKEND=sqlite", "DATABASE_URL=sqlite:facts.db"]);
}

#[test]
#[cfg(feature = "postgres")]
fn every_fact_is_reproduced_in_c_on_postgres() {
    let database = doorward_test_servers::Database::fresh();
    reproduce(&["STORE_BACKEND=postgres", &format!("DATABASE_URL={}", database.url())]);
}

#[test]
fn a_fact_that_is_not_known_or_not_true_fails_the_runner() {
    let program = Program::compile(&SOURCES, &["jansson"], Build::Sanitized);
    let fails = |file: &str, from: &str, to: &str| {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(facts()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let output = program.command().arg(folder.path()).output().unwrap();
        assert!(!output.status.success(), "{file} with {to} instead of {from} went unnoticed");
    };
    fails("regions.json", "", "[]");
    fails("tokens.json", "\"env\": ", "\"era\": \"x\",\n  \"env\": ");
    fails("tokens.json", "a591f378", "b591f378");
    fails("tokens.json", "\"valid\": false", "\"valid\": true");
    fails("policies.json", "\"above_max\"", "\"below_min\"");
    fails("policies.json", "\"amount\": \"709485.26\"", "\"amount\": \"709485.28\"");
    fails("amounts.json", "\"exact\": \"100.5\"", "\"exact\": \"100.50\"");
    fails("amounts.json", "\"1e40\"", "\"1e4\"");
    fails("credentials.json", "\"token\": \"fromkey\"", "\"token\": \"fromauth\"");
    fails("addresses.json", "false", "true");
}
