//! What the shared library exports is what the header declares, and nothing else.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::toolchain::{ROOT, library_folder, run};

#[test]
fn the_shared_library_exports_what_the_header_declares_and_nothing_else() {
    let names = exported(&library_folder().join("libdoorward_ffi.so"));
    // What a build for tests exports besides is in no header; without the feature it must not be there.
    let of_tests = |name: &String| cfg!(feature = "testkit") && name.starts_with("dw_test_");
    assert_eq!(names.into_iter().filter(|name| !of_tests(name)).collect::<BTreeSet<_>>(), declared());
}

/// The symbols that a shared library exports.
pub(crate) fn exported(library: &Path) -> BTreeSet<String> {
    let listed = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    listed.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect()
}

/// The functions of the header: names that begin a list of parameters and end a declaration.
pub(crate) fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(Path::new(ROOT).join("include/doorward.h")).expect("the header");
    let code: String =
        header.lines().filter(|line| !line.trim_start().starts_with(['*', '/', '#'])).collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices('(') {
        let before = code.get(..at).unwrap_or_default();
        let name: String = before.chars().rev().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let name: String = name.chars().rev().collect();
        if name.starts_with("dw_") && name != "dw_str_from" {
            names.insert(name);
        }
    }
    assert!(names.len() > 80, "{names:?}");
    names
}
