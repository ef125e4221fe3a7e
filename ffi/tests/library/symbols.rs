//! What the shared library exports is what the header declares, and nothing else.

use std::{collections::BTreeSet, path::Path, process::Command};

use crate::{
    declarations::functions,
    toolchain::{library_folder, run},
};

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

/// The functions of the header but for the one that is inline.
pub(crate) fn declared() -> BTreeSet<String> {
    let names = functions().into_iter().filter_map(|function| function.split(':').next().map(str::to_owned));
    names.filter(|name| name != "dw_str_from").collect()
}
