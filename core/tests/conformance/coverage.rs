//! Whether the scenarios cover what `coverage.json` says: each operation, and each error kind that can befall it. A pair
//! that is claimed and not met, or met and not claimed, fails: the table is always what the scenarios do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use doorward::ErrorKind;
use serde::Deserialize;
use serde_json::Value;

use crate::scenario::{FOLDER, File, Scenario};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    about: String,
    /// Operation to kinds; `ok` stands for success.
    operations: BTreeMap<String, BTreeSet<String>>,
}

/// Steps of the scenarios' own kind, which no language has as an operation.
const STAGE: [&str; 4] = ["fault", "wait", "write_file", "make_folder"];

pub(crate) fn check(files: &[File]) -> Result<(), String> {
    let path = format!("{FOLDER}/coverage.json");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let table: Table = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    if table.about.is_empty() {
        return Err(format!("{path} says not what it is about"));
    }
    let seen = met(files)?;
    let mut differences = Vec::new();
    for (operation, kinds) in &table.operations {
        for kind in kinds {
            if kind != "ok" && !ErrorKind::ALL.iter().any(|known| known.as_str() == kind) {
                differences.push(format!("{operation}: {kind} is no error kind"));
            } else if !seen.get(operation).is_some_and(|seen| seen.contains(kind)) {
                differences.push(format!("{operation}: no scenario meets {kind}"));
            }
        }
    }
    for (operation, kinds) in &seen {
        for kind in kinds {
            if !table.operations.get(operation).is_some_and(|claimed| claimed.contains(kind)) {
                differences.push(format!("{operation}: a scenario meets {kind}, which the table does not have"));
            }
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}

fn met(files: &[File]) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in files.iter().flat_map(|file| &file.scenarios).flat_map(Scenario::steps) {
        let operation = step.get("op").and_then(Value::as_str).ok_or("a step has no operation")?;
        if STAGE.contains(&operation) {
            continue;
        }
        let kind = step.get("error").and_then(|error| error.get("kind")).and_then(Value::as_str);
        // verify answers with a verdict where authenticate fails; health tells of a store that it cannot reach.
        let refused = step.get("expect").filter(|expected| expected.get("granted") == Some(&Value::Bool(false)));
        let refused = refused.and_then(|expected| expected.get("kind")).and_then(Value::as_str);
        seen.entry(operation.to_owned()).or_default().insert(kind.or(refused).unwrap_or("ok").to_owned());
    }
    Ok(seen)
}
