//! The header is what the sources give. `WRITE_HEADER=1 cargo test -p doorward-ffi --test library header` writes it.

use std::{fs, path::Path, process::Command};

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, ExportConfig, Language, RenameRule, Style};

use crate::toolchain::{ROOT, library_folder, run};

/// The sources that make up the header, in its order. What tests need (`testkit.rs`) is not among them.
const SOURCES: [&str; 20] = [
    "version",
    "error",
    "text",
    "user",
    "log",
    "audit",
    "door",
    "request",
    "context",
    "rate_limit",
    "verdict",
    "lookup",
    "session",
    "institution",
    "key",
    "policy",
    "decision",
    "page",
    "guard",
    "record",
];

#[test]
fn the_committed_header_is_what_the_sources_give() {
    let path = Path::new(ROOT).join("include/doorward.h");
    let written = header();
    if std::env::var_os("WRITE_HEADER").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == written,
        "include/doorward.h is not what the sources give: WRITE_HEADER=1 cargo test -p doorward-ffi --test library header"
    );
}

fn header() -> String {
    let part = |name: &str| fs::read_to_string(Path::new(ROOT).join("ffi/header").join(name)).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let versions = format!(
        "/** The version of this header. */\n#define DW_VERSION \"{version}\"\n#define DW_VERSION_MAJOR {}\n\
         #define DW_VERSION_MINOR {}\n#define DW_VERSION_PATCH {}",
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    );
    let config = Config {
        language: Language::C,
        cpp_compat: true,
        style: Style::Both,
        documentation_style: DocumentationStyle::C,
        usize_is_size_t: true,
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h", "string.h"].map(str::to_owned).to_vec(),
        // These two hold the include guard: cbindgen's own would end before the trailer.
        header: Some(part("conventions.h").trim_end().to_owned()),
        autogen_warning: Some("/* Written by cbindgen from ffi/src; do not edit. */".to_owned()),
        after_includes: Some(versions),
        trailer: Some(part("trailer.h").trim_end().to_owned()),
        enumeration: EnumConfig { rename_variants: RenameRule::QualifiedScreamingSnakeCase, ..EnumConfig::default() },
        // Named by number in structs, and so by no signature.
        export: ExportConfig { include: vec!["dw_order".to_owned()], ..ExportConfig::default() },
        ..Config::default()
    };
    let builder = SOURCES.iter().fold(Builder::new().with_config(config), |builder, source| {
        builder.with_src(Path::new(ROOT).join("ffi/src").join(format!("{source}.rs")))
    });
    let mut text = Vec::new();
    builder.generate().expect("the sources can be read").write(&mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn the_header_compiles_alone_and_twice_as_c11_and_as_cpp17_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let compilers =
        [("gcc", "-std=c11", "c"), ("clang", "-std=c11", "c"), ("g++", "-std=c++17", "cpp"), ("clang++", "-std=c++17", "cpp")];
    for (compiler, standard, ending) in compilers {
        let source = folder.path().join(format!("alone.{ending}"));
        fs::write(&source, "#include <doorward.h>\n#include <doorward.h>\nint main(void) { return 0; }\n").unwrap();
        let mut command = Command::new(compiler);
        command.args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]);
        run(command.arg("-I").arg(Path::new(ROOT).join("include")).arg(source));
    }
}

#[test]
fn library_and_header_agree_about_their_versions() {
    let source = r#"#include <doorward.h>
int main(void) {
    dw_str version = dw_version();
    return !(version.len == strlen(DW_VERSION) && !memcmp(version.data, DW_VERSION, version.len) && dw_abi_version() == DW_ABI_VERSION);
}
"#;
    let folder = tempfile::tempdir().unwrap();
    let (file, program) = (folder.path().join("version.c"), folder.path().join("version"));
    fs::write(&file, source).unwrap();
    let library = library_folder();
    let mut compiler = Command::new("gcc");
    compiler.arg("-I").arg(Path::new(ROOT).join("include")).arg(file).arg("-L").arg(&library).arg("-ldoorward_ffi");
    run(compiler.arg(format!("-Wl,-rpath,{}", library.display())).arg("-o").arg(&program));
    run(&mut Command::new(program));
}
