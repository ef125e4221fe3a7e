//! The help texts, and that the examples in them run.

use std::{path::Path, process::Command};

use crate::stage::{Folder, finish};

#[test]
fn every_command_has_help_and_its_examples_run() {
    let folder = Folder::new("help");
    for nouns in [
        "",
        "init",
        "institution create",
        "institution list",
        "key create",
        "key update",
        "key list",
        "key show",
        "key revoke",
        "key rotate",
        "key disable",
        "key enable",
        "key import",
        "verify",
        "policy set",
        "policy merge",
        "policy get",
        "policy list",
        "policy check",
        "policy history",
        "audit list",
        "health",
        "token check",
    ] {
        let help = folder.ok(&format!("{nouns} --help"));
        assert!(help.contains("Usage:") && help.contains("--json"), "{nouns}: {help}");
    }
    let help = folder.ok("--help");
    let examples: Vec<_> = help.split("Examples:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty()).collect();
    assert!(examples.len() >= 6);
    let path = format!("{}:/usr/bin:/bin", Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap().display());
    let schema = doorward_test_servers::Schema::fresh();
    let examples = examples.join("\n").replace("postgres://doorward@db.example/app", schema.url());
    let mut script = Command::new("bash");
    script.args(["-euo", "pipefail", "-c", &examples]).env_clear().env("PATH", path).current_dir(&folder.0);
    script.env("DOORWARD_SCHEMA", schema.name());
    let run = finish(script, b"");
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("allowed"), "{}", run.out);
}
