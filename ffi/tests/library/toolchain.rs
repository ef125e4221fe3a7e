//! Compilers, and the library that they link with: the one that cargo has built together with the running test.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The folder of a library whose Rust side is instrumented for AddressSanitizer too, if programs are to be tried against one:
/// `tests/run --all` builds it. valgrind and that exclude one another.
pub(crate) fn instrumented_library() -> Option<PathBuf> {
    std::env::var_os("DOORWARD_INSTRUMENTED_LIBRARY").map(PathBuf::from)
}

/// The folder of `libdoorward_ffi.so` and `libdoorward_ffi.a`.
pub(crate) fn library_folder() -> PathBuf {
    if let Some(folder) = instrumented_library() {
        return folder;
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().expect("a test lies in target/debug/deps").to_owned();
    assert!(folder.join("libdoorward_ffi.so").is_file(), "no shared library in {}", folder.display());
    folder
}

/// Runs a command, and gives what it wrote to standard output. Anything but success fails the test and shows all of it.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; `tests/run` says what is needed"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// How a program is built.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Build {
    Plain,
    /// With AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer.
    Sanitized,
}

/// A program that was compiled from C, and the folder in which it lies and may work; gone afterwards.
pub(crate) struct Program {
    pub(crate) folder: TempDir,
    path: PathBuf,
    build: Build,
}

impl Program {
    /// Compiles these sources, relative to `ffi/tests`, with gcc against the shared library. A name that ends in `.cpp` is C++.
    pub(crate) fn compile(sources: &[&str], libraries: &[&str], build: Build) -> Self {
        // What an instrumented library asks for is in such a program alone.
        let build = if instrumented_library().is_some() { Build::Sanitized } else { build };
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("program");
        let library = library_folder();
        let is_cpp = sources.iter().any(|source| source.ends_with(".cpp"));
        let mut compiler = Command::new(if is_cpp { "g++" } else { "gcc" });
        compiler.args([if is_cpp { "-std=c++17" } else { "-std=c11" }, "-D_GNU_SOURCE", "-g", "-O1", "-pthread"]);
        compiler.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        if matches!(build, Build::Sanitized) {
            compiler.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]);
        }
        compiler.arg("-I").arg(Path::new(ROOT).join("include"));
        compiler.args(sources.iter().map(|source| Path::new(ROOT).join("ffi/tests").join(source)));
        compiler.arg("-L").arg(&library).arg("-ldoorward_ffi").arg(format!("-Wl,-rpath,{}", library.display()));
        compiler.args(libraries.iter().map(|library| format!("-l{library}")));
        run(compiler.arg("-o").arg(&path));
        Self { folder, path, build }
    }

    /// The program as a command.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        self.set_up(&mut command);
        command
    }

    /// The program under valgrind: a leak or an error fails it. What valgrind calls possible leaks points at how the standard
    /// library starts threads.
    pub(crate) fn under_valgrind(&self) -> Command {
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--leak-check=full", "--error-exitcode=99", "--errors-for-leak-kinds=definite,indirect"]);
        let suppressions = Path::new(ROOT).join("ffi/tests/c/valgrind.supp");
        command.arg(format!("--suppressions={}", suppressions.display()));
        command.args(["--show-leak-kinds=definite,indirect", "--fair-sched=yes"]).arg(&self.path);
        self.set_up(&mut command);
        command
    }

    fn set_up(&self, command: &mut Command) {
        // Cargo's own setting comes before what the program was linked with.
        command.current_dir(self.folder.path()).env("LD_LIBRARY_PATH", library_folder());
        if matches!(self.build, Build::Sanitized) {
            command.env("ASAN_OPTIONS", "detect_leaks=1:quarantine_size_mb=16").env("UBSAN_OPTIONS", "print_stacktrace=1");
        }
    }
}
