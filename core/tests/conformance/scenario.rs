//! The form of the scenario files. What is not described in their README is refused here.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Deserializer};
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
    /// Shared by all runs: what differs between them is filled in when a run begins.
    #[serde(deserialize_with = "shared")]
    steps: Arc<Vec<Map<String, Value>>>,
    /// The one of the sets in `with` that is this run's.
    #[serde(skip)]
    values: Map<String, Value>,
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

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Vec<Map<String, Value>>>, D::Error> {
    Vec::deserialize(deserializer).map(Arc::new)
}

fn system() -> String {
    "system".to_owned()
}

impl Scenario {
    pub(crate) fn runs_on(&self, store: &str) -> bool {
        self.backends.as_ref().is_none_or(|stores| stores.iter().any(|name| name == store))
    }

    /// The steps, with the values of this run.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Map<String, Value>> + '_ {
        self.steps.iter().map(|step| value::fill_known(step, &self.values))
    }

    /// One scenario for each set of values in `with`.
    fn unfolded(mut self) -> Vec<Self> {
        let sets = std::mem::take(&mut self.with);
        if sets.is_empty() {
            return vec![self];
        }
        let run = |values: Map<String, Value>| {
            let name = value::fill_known(&Map::from_iter([("name".to_owned(), self.name.clone().into())]), &values);
            let name = name.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            Self { name, values, ..self.clone() }
        };
        sets.into_iter().map(run).collect()
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
        let scenarios: Vec<_> = written.scenarios.into_iter().flat_map(Scenario::unfolded).collect();
        let mut names = HashSet::new();
        if let Some(twice) = scenarios.iter().find(|scenario| !names.insert(&scenario.name)) {
            return Err(broken(&format!("two runs have one name: {}", twice.name)));
        }
        files.push(File { topic, scenarios });
    }
    files.sort_by(|a, b| a.topic.cmp(&b.topic));
    if files.is_empty() { Err(format!("no scenarios in {}", folder.display())) } else { Ok(files) }
}
