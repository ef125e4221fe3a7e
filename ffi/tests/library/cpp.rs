//! The headers for C++: they compile in every way that C++ programs are compiled, cover the whole C header, and own rightly.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::{
    symbols::declared,
    toolchain::{Build, Program, ROOT, run},
};

const PARTS: [&str; 8] = [
    "doorward.hpp",
    "doorward/words.hpp",
    "doorward/result.hpp",
    "doorward/arguments.hpp",
    "doorward/records.hpp",
    "doorward/session.hpp",
    "doorward/sinks.hpp",
    "doorward/door.hpp",
];

/// A compiler that only looks: any warning fails the test.
fn check(compiler: &str, flags: &[&str], source: &Path) {
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only"]).args(flags);
    run(command.arg("-I").arg(Path::new(ROOT).join("include")).arg(source));
}

#[test]
fn every_header_compiles_alone_and_twice_and_is_listed_here() {
    let folder = Path::new(ROOT).join("include/doorward");
    let there: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| format!("doorward/{}", entry.unwrap().file_name().to_str().unwrap()))
        .chain(["doorward.hpp".to_owned()])
        .collect();
    assert_eq!(there, PARTS.map(str::to_owned).into());
    let folder = tempfile::tempdir().unwrap();
    for part in PARTS {
        let source = folder.path().join("alone.cpp");
        fs::write(&source, format!("#include <{part}>\n#include <doorward.h>\n#include <{part}>\nint main() {{ return 0; }}\n"))
            .unwrap();
        check("g++", &["-std=c++17"], &source);
    }
}

#[test]
fn a_program_that_uses_everything_compiles_without_a_warning_in_every_way() {
    let source = Path::new(ROOT).join("ffi/tests/cpp/owners.cpp");
    for compiler in ["g++", "clang++"] {
        check(compiler, &["-std=c++17"], &source);
        check(compiler, &["-std=c++20"], &source);
        check(compiler, &["-std=c++17", "-fno-exceptions", "-fno-rtti"], &source);
    }
}

#[test]
fn owners_give_what_the_library_gives_and_free_it_once() {
    run(&mut Program::compile(&["cpp/owners.cpp"], &[], Build::Sanitized).command());
    run(&mut Program::compile(&["cpp/owners.cpp"], &[], Build::Plain).under_valgrind());
}

#[test]
fn every_function_and_every_number_of_the_c_header_is_to_be_had() {
    let code: String = PARTS.map(|part| fs::read_to_string(Path::new(ROOT).join("include").join(part)).unwrap()).concat();
    let code = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let named: BTreeSet<&str> = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let header = fs::read_to_string(Path::new(ROOT).join("include/doorward.h")).unwrap();
    let numbers: BTreeSet<&str> = header
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("DW_"))
        .collect();
    assert!(numbers.len() > 20, "{numbers:?}");
    let functions = declared();
    let missing: Vec<&str> = functions.iter().map(String::as_str).chain(numbers).filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "in no header for C++: {missing:?}");
}
