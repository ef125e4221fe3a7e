//! The form of the scenario files. What is not described in their README is refused here.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::value;

/// The folder of the scenario files.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/conformance");

/// The scenarios of one topic.
pub(crate) struct File {
    pub(crate) topic: String,
    pub(crate) scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    about: String,
    scenarios: Vec<Scenario>,
}

/// A sequence of steps against a store that was empty before.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// The variables with which the door is opened.
    #[serde(default)]
    pub(crate) config: BTreeMap<String, String>,
    /// The only stores on which it makes sense; all if absent.
    #[serde(default)]
    backends: Option<Vec<String>>,
    /// It runs once with each of these sets of values.
    #[serde(default)]
    with: Vec<Map<String, Value>>,
    pub(crate) steps: Vec<Map<String, Value>>,
}

/// One step, its values filled in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) op: String,
    #[serde(default = "system", rename = "as")]
    pub(crate) caller: String,
    #[serde(default)]
    pub(crate) args: Map<String, Value>,
    pub(crate) save: Option<String>,
    pub(crate) expect: Option<Value>,
    pub(crate) error: Option<ExpectedError>,
    /// For people.
    #[serde(rename = "why")]
    _why: Option<String>,
}

/// The error with which a step must fail.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedError {
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) field: Option<String>,
}

fn system() -> String {
    "system".to_owned()
}

impl Scenario {
    pub(crate) fn runs_on(&self, store: &str) -> bool {
        self.backends.as_ref().is_none_or(|stores| stores.iter().any(|name| name == store))
    }

    /// One scenario for each set of values in `with`.
    fn unfolded(self) -> Result<Vec<Self>, String> {
        if self.with.is_empty() {
            return Ok(vec![self]);
        }
        self.with
            .iter()
            .map(|values| {
                let filled = |step: &Map<String, Value>| value::fill_known(step, values);
                let name = value::fill_known(&Map::from_iter([("name".to_owned(), self.name.clone().into())]), values);
                let name = name.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                if name == self.name {
                    return Err(format!("{name}: the name must tell the sets of `with` apart"));
                }
                Ok(Self { name, with: Vec::new(), steps: self.steps.iter().map(filled).collect(), ..self.clone() })
            })
            .collect()
    }
}

/// Reads every file of the folder.
pub(crate) fn load() -> Result<Vec<File>, String> {
    let folder = Path::new(FOLDER);
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let topic = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "json") || topic == "coverage" {
            continue;
        }
        let broken = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| broken(&error))?;
        let written: Written = serde_json::from_str(&text).map_err(|error| broken(&error))?;
        if written.about.is_empty() || written.scenarios.is_empty() {
            return Err(broken(&"says not what it is about, or has no scenarios"));
        }
        let mut scenarios = Vec::new();
        for scenario in written.scenarios {
            scenarios.extend(scenario.unfolded()?);
        }
        files.push(File { topic, scenarios });
    }
    files.sort_by(|a, b| a.topic.cmp(&b.topic));
    if files.is_empty() { Err(format!("no scenarios in {}", folder.display())) } else { Ok(files) }
}
