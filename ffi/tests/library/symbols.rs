//! What the shared library exports is what the header declares, and nothing else.

use std::{collections::BTreeSet, process::Command};

use crate::{
    declarations::functions,
    toolchain::{library_folder, run},
};

#[test]
fn the_shared_library_exports_what_the_header_declares_and_nothing_else() {
    let listed = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library_folder().join("libdoorward_ffi.so")));
    let names = listed.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned);
    // What a build for tests exports besides is in no header; without the feature it must not be there.
    let of_tests = |name: &String| cfg!(feature = "testkit") && name.starts_with("dw_test_");
    let exported: BTreeSet<String> = names.filter(|name| !of_tests(name)).collect();
    let declared = functions().iter().filter_map(|function| function.split(':').next().map(str::to_owned)).collect();
    // It is inline.
    assert_eq!(exported, &declared - &BTreeSet::from(["dw_str_from".to_owned()]));
}
