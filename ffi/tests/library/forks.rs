//! A process forks while its threads are in the midst of calls: the child goes on with the door, on every store, and never hangs.
//!
//! Not under the sanitizers: gcc's AddressSanitizer does not take the locks of its allocator before a fork, so a child whose
//! parent's threads were allocating waits for ever in its `malloc`, on its own thread and on those that it starts (tried with
//! gcc 12; `detect_leaks=0` changes nothing). Forks of a quiet process do run under them, in `lookups.c` and
//! `audit_sink.c`; leaks and errors of a busy one are valgrind's to find.

use crate::toolchain::{Build, Program, run};

/// How many children.
fn children() -> &'static str {
    if std::env::var_os("DOORWARD_SOAK").is_some() { "2000" } else { "60" }
}

fn fork(settings: &[&str]) {
    run(Program::compile(&["c/fork.c"], &[], Build::Plain).command().arg(children()).args(settings));
}

fn fork_under_valgrind(settings: &[&str]) {
    run(Program::compile(&["c/fork.c"], &[], Build::Plain).under_valgrind().arg("3").args(settings));
}

const SQLITE: [&str; 2] = ["STORE_BACKEND=sqlite", "DATABASE_URL=sqlite:fork.db"];

#[test]
fn children_of_a_busy_process_go_on_in_memory() {
    fork(&[]);
}

#[test]
#[cfg(feature = "sqlite")]
fn children_of_a_busy_process_go_on_on_sqlite() {
    fork(&SQLITE);
}

#[test]
#[cfg(feature = "postgres")]
fn children_of_a_busy_process_go_on_on_postgres() {
    let database = doorward_test_servers::Database::fresh();
    fork(&["STORE_BACKEND=postgres", &format!("DATABASE_URL={}", database.url())]);
}

#[test]
fn forking_is_clean_under_valgrind_in_memory() {
    fork_under_valgrind(&[]);
}

#[test]
#[cfg(feature = "sqlite")]
fn forking_is_clean_under_valgrind_on_sqlite() {
    fork_under_valgrind(&SQLITE);
}

#[test]
#[cfg(feature = "postgres")]
fn forking_is_clean_under_valgrind_on_postgres() {
    let database = doorward_test_servers::Database::fresh();
    fork_under_valgrind(&["STORE_BACKEND=postgres", &format!("DATABASE_URL={}", database.url())]);
}
