//! The library as CMake and cargo-c install it, and programs outside the tree that are built with it in every way that the
//! README tells.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    symbols::{declared, exported},
    toolchain::{ROOT, library_folder, run},
};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What a program names that is linked with the shared library: the version up to what may break.
const SONAME: &str = concat!("libdoorward.so.", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

#[test]
fn what_is_installed_serves_programs_outside_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let build = build(&folder);
    let (first, prefix) = (folder.path().join("first"), folder.path().join("moved to"));
    run(Command::new("cmake").arg("--install").arg(&build).arg("--prefix").arg(&first));
    // What was installed may be moved: every program below is built where nothing was installed.
    fs::rename(&first, &prefix).unwrap();

    a_staged_install_puts_the_same_files_below_its_own_root(&build, &prefix);
    the_libraries_have_no_debug_information(&prefix);
    let gate = folder.path().join("gate");
    fs::create_dir(&gate).unwrap();
    for name in ["CMakeLists.txt", "gate.c", "gate.cpp"] {
        fs::copy(Path::new(ROOT).join("ffi/tests/outside").join(name), gate.join(name)).unwrap();
    }
    the_shared_library_has_a_soname_and_exports_what_the_header_declares(&prefix);
    programs_are_built_by_pkg_config(&gate, &prefix);
    programs_are_built_by_cmake(&gate, &prefix);

    if std::env::var_os("DOORWARD_SOAK").is_some() {
        let other = folder.path().join("cargo-c");
        install_by_cargo_c(&other);
        let same: BTreeSet<String> = files(&prefix).into_iter().filter(|file| !file.starts_with("./lib/cmake/")).collect();
        assert_eq!(files(&other), same);
        the_shared_library_has_a_soname_and_exports_what_the_header_declares(&other);
        programs_are_built_by_pkg_config(&gate, &other);
    }
}

/// Compiled with the profile of this test and in its target folder, where all dependencies lie ready. That leaves the shared
/// library alone with which other tests link: only the static one is asked of cargo.
fn build(folder: &TempDir) -> PathBuf {
    let (build, library) = (folder.path().join("build"), library_folder());
    let profile = library.parent().unwrap();
    let target = profile.parent().unwrap();
    let profile = profile.file_name().unwrap().to_str().unwrap();
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(Path::new(ROOT).join("ffi")).arg("-B").arg(&build);
    configure.arg(format!("-DDOORWARD_CARGO_PROFILE={}", if profile == "debug" { "dev" } else { profile }));
    run(configure.arg(format!("-DDOORWARD_TARGET_DIR={}", target.display())));
    run(Command::new("cmake").arg("--build").arg(&build));
    build
}

/// With the features that CMake takes unasked.
fn install_by_cargo_c(prefix: &Path) {
    let mut install = Command::new("cargo");
    install.args(["cinstall", "--locked", "-p", "doorward-ffi", "--features", "postgres", "--profile", "dev"]).current_dir(ROOT);
    run(install.arg("--prefix").arg(prefix).arg("--libdir").arg(prefix.join("lib")));
}

fn the_shared_library_has_a_soname_and_exports_what_the_header_declares(prefix: &Path) {
    let file = prefix.join("lib").join(format!("libdoorward.so.{VERSION}")).canonicalize().unwrap();
    for link in ["libdoorward.so", SONAME] {
        assert_eq!(prefix.join("lib").join(link).canonicalize().unwrap(), file);
    }
    let library = prefix.join("lib/libdoorward.so");
    assert!(run(Command::new("readelf").arg("-d").arg(&library)).contains(&format!("Library soname: [{SONAME}]")));
    assert_eq!(exported(&library), declared());
}

fn the_libraries_have_no_debug_information(prefix: &Path) {
    for library in ["lib/libdoorward.so", "lib/libdoorward.a"].map(|name| prefix.join(name)) {
        assert!(!run(Command::new("readelf").args(["-S", "-W"]).arg(library)).contains(" .debug_info"));
    }
}

/// As packages are made, which are installed later than they are built.
fn a_staged_install_puts_the_same_files_below_its_own_root(build: &Path, prefix: &Path) {
    let root = tempfile::tempdir().unwrap();
    run(Command::new("cmake").arg("--install").arg(build).args(["--prefix", "/opt/doorward"]).env("DESTDIR", root.path()));
    let staged = files(&root.path().join("opt/doorward"));
    assert_eq!(staged, files(prefix));
    assert!(staged.contains("./include/doorward.h") && staged.contains("./include/doorward/door.hpp"), "{staged:?}");
}

fn files(folder: &Path) -> BTreeSet<String> {
    run(Command::new("find").arg(".").args(["-not", "-type", "d"]).current_dir(folder)).lines().map(str::to_owned).collect()
}

fn programs_are_built_by_pkg_config(gate: &Path, prefix: &Path) {
    for compiler in ["gcc -std=c11 gate.c", "g++ -std=c++17 gate.cpp"] {
        let shared = "$(pkg-config --cflags --libs doorward)";
        let archive = "$(pkg-config --static --cflags --libs doorward | sed 's/-ldoorward/-l:libdoorward.a/')";
        for (flags, linked) in [(shared, Linked::Shared), (archive, Linked::Static)] {
            // By eval, since the prefix has a space in it, which pkg-config quotes.
            let line = format!("eval {compiler} -Wall -Wextra -Wpedantic -Werror \"{flags}\" -o program");
            let mut shell = Command::new("sh");
            shell.args(["-euc", &line]).current_dir(gate);
            run(shell.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
            answers(&gate.join("program"), linked, Some(&prefix.join("lib")));
        }
    }
}

fn programs_are_built_by_cmake(gate: &Path, prefix: &Path) {
    let mut configure = Command::new("cmake");
    configure.args(["-S", ".", "-B", "build"]).current_dir(gate);
    run(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())));
    run(Command::new("cmake").args(["--build", "build"]).current_dir(gate));
    for language in ["c", "cpp"] {
        answers(&gate.join("build").join(format!("{language}-shared")), Linked::Shared, None);
        answers(&gate.join("build").join(format!("{language}-static")), Linked::Static, None);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linked {
    Shared,
    Static,
}

/// The program runs on a database of its own, and asks for the shared library by its soname, or for none.
fn answers(program: &Path, linked: Linked, library_path: Option<&Path>) {
    let needed = run(Command::new("readelf").arg("-d").arg(program));
    match linked {
        Linked::Shared => assert!(needed.contains(&format!("Shared library: [{SONAME}]")), "{program:?}: {needed}"),
        Linked::Static => assert!(!needed.contains("libdoorward"), "{program:?}: {needed}"),
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.arg("sqlite:gate.db").current_dir(folder.path());
    // What cargo has put there for the tests is not there for others.
    command.env_remove("LD_LIBRARY_PATH");
    command.envs(library_path.map(|path| ("LD_LIBRARY_PATH", path)));
    assert_eq!(run(&mut command), format!("granted by {VERSION}\n"), "{program:?}");
    assert!(folder.path().join("gate.db").is_file());
}
