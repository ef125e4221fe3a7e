//! What a program gets wrong, in every place that the header has: under gcc's sanitizers, and under valgrind.

use std::collections::BTreeSet;

use crate::{
    declarations::{functions, structs},
    toolchain::{Build, Program, run},
};

const SOURCES: [&str; 5] =
    ["c/misuse/main.c", "c/misuse/calls.c", "c/misuse/structs.c", "c/misuse/places.c", "c/misuse/nothing.c"];

/// What callbacks are given: there is nothing in it to get wrong.
const OF_CALLBACKS: [&str; 2] = ["dw_log_record:", "dw_audit_event:"];

#[test]
fn what_a_program_gets_wrong_in_any_place_of_the_header_is_told_and_hurts_nothing() {
    let written = run(&mut Program::compile(&SOURCES, &[], Build::Sanitized).command());
    let covered: BTreeSet<String> = written.lines().map(|line| line.trim_end().to_owned()).collect();
    let declared: BTreeSet<String> = functions()
        .union(&structs())
        .filter(|line| !OF_CALLBACKS.iter().any(|name| line.starts_with(name)))
        .map(|line| line.trim_end().to_owned())
        .collect();
    let missing: Vec<_> = declared.difference(&covered).collect();
    assert!(missing.is_empty(), "nobody tries to misuse these, or not in all their places: {missing:#?}");
    let unknown: Vec<_> = covered.difference(&declared).collect();
    assert!(unknown.is_empty(), "the header has these otherwise: {unknown:#?}");
}

#[test]
fn misuse_is_clean_under_valgrind() {
    run(&mut Program::compile(&SOURCES, &[], Build::Plain).under_valgrind());
}
