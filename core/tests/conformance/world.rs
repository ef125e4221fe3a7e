//! What a scenario has while it runs: the door, what was saved, the sessions; and how its steps are taken.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use doorward::{AuthContext, Doorward, Request, testkit::Faults};
use serde_json::{Map, Value};

use crate::{
    expectation,
    face::{Caller, Door, Face},
    operations,
    scenario::{ExpectedError, Scenario, Step},
    stores::{Room, Store},
    value,
};

/// Why an operation gave no answer: doorward refused it, or the scenario asks for what there is not.
pub(crate) enum Trouble {
    Refused(doorward::Error),
    Broken(String),
}

impl From<doorward::Error> for Trouble {
    fn from(error: doorward::Error) -> Self {
        Self::Refused(error)
    }
}

impl From<String> for Trouble {
    fn from(broken: String) -> Self {
        Self::Broken(broken)
    }
}

pub(crate) type Answer = Result<Value, Trouble>;

/// A running scenario.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) face: Face,
    pub(crate) room: Room,
    pub(crate) door: Door,
    pub(crate) faults: Option<Arc<Faults>>,
    /// Contexts that authentication made, by the name under which they were saved.
    pub(crate) contexts: HashMap<String, AuthContext>,
    /// Sessions, by the name under which they were saved.
    pub(crate) sessions: HashMap<String, Caller>,
    variables: BTreeMap<String, String>,
}

/// Plays a scenario to its end; the error says at which step it went otherwise.
pub(crate) fn play(scenario: &Scenario, store: Store, face: Face) -> Result<(), String> {
    let mut world = World::open(scenario, store, face)?;
    let mut saved = Map::from_iter([
        ("backend".to_owned(), store.name().into()),
        ("folder".to_owned(), world.room.folder().display().to_string().into()),
    ]);
    for (index, written) in scenario.steps().enumerate() {
        let place = |broken: String| {
            let step = Value::Object(written.clone()).to_string();
            format!("step {} {}: {broken}", index + 1, step.chars().take(300).collect::<String>())
        };
        let step = value::fill_all(&written, &saved).and_then(read).map_err(place)?;
        if let Some((name, answer)) = world.take(step).map_err(place)? {
            saved.insert(name, answer);
        }
    }
    Ok(())
}

fn read(step: Value) -> Result<Step, String> {
    let mut step: Step = serde_json::from_value(step).map_err(|error| error.to_string())?;
    if step.error.is_some() && (step.expect.is_some() || step.save.is_some()) {
        return Err("a step that fails has no answer to expect or to save".to_owned());
    }
    step.args = match value::generate(Value::Object(step.args))? {
        Value::Object(arguments) => arguments,
        other => return Err(format!("args must be an object: {other}")),
    };
    Ok(step)
}

impl World {
    fn open(scenario: &Scenario, store: Store, face: Face) -> Result<Self, String> {
        let room = Room::new()?;
        let config = store.config(&room, &scenario.config).map_err(|error| error.to_string())?;
        // Only a scenario with faults meets them; every other one has the door as a host opens it.
        let faulty = scenario.steps().any(|step| step.get("op").and_then(Value::as_str) == Some("fault"));
        let (door, faults) = if faulty {
            let faults = Arc::new(Faults::around(store.make(&room).map_err(|error| error.to_string())?));
            (Doorward::with_backend(Arc::<Faults>::clone(&faults), config), Some(faults))
        } else {
            (Doorward::open(config).map_err(|error| error.to_string())?, None)
        };
        let door = Door::new(door, face);
        let variables = scenario.config.clone();
        Ok(Self { store, face, room, door, faults, contexts: HashMap::new(), sessions: HashMap::new(), variables })
    }

    /// Takes a step, and gives what is to be saved.
    fn take(&mut self, step: Step) -> Result<Option<(String, Value)>, String> {
        let answer = self
            .caller(&step.caller)
            .and_then(|caller| operations::call(self, &step.op, caller, step.args, step.save.as_deref()));
        match (answer, &step.error) {
            (Err(Trouble::Broken(broken)), _) => Err(broken),
            (Err(Trouble::Refused(error)), None) => Err(format!("failed with {} / {}: {error}", error.kind(), error.reason())),
            (Err(Trouble::Refused(error)), Some(expected)) => expected.meets(&error).map(|()| None),
            (Ok(answer), Some(_)) => Err(format!("succeeded: {answer}")),
            (Ok(answer), None) => {
                step.expect.as_ref().map_or(Ok(()), |expected| expectation::meets(&answer, expected))?;
                Ok(step.save.map(|name| (name, answer)))
            }
        }
    }

    fn caller(&self, name: &str) -> Result<Caller, Trouble> {
        if name == "system" {
            return Ok(Caller::System(self.door.clone()));
        }
        if let Some(session) = self.sessions.get(name) {
            return Ok(session.clone());
        }
        if let Some(context) = self.contexts.get(name) {
            return Ok(self.door.session(context.clone(), Request::new()));
        }
        if name == "root" {
            let token = self.variables.get("ROOT_API_KEY").ok_or("the scenario has no root token".to_owned())?;
            let context = crate::face::door!(&self.door, authenticate(token.as_str(), &Request::new()))?;
            return Ok(self.door.session(context, Request::new()));
        }
        Err(Trouble::Broken(format!("no caller was saved as {name}")))
    }
}

impl ExpectedError {
    fn meets(&self, error: &doorward::Error) -> Result<(), String> {
        let seen = (error.kind().as_str(), error.reason().as_str(), error.blamed_field());
        // Which field is to blame is compared only where the step names one.
        let field = self.field.as_deref().or(seen.2);
        if seen == (self.kind.as_str(), self.reason.as_str(), field) {
            return Ok(());
        }
        Err(format!(
            "expected {} / {} {field:?}, failed with {} / {} {:?}: {error}",
            self.kind, self.reason, seen.0, seen.1, seen.2
        ))
    }
}
