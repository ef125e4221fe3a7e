//! From the name of an operation to its call. A name that is not here makes the scenario fail.

mod access;
mod handle;
mod institutions;
mod keys;
mod policies;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    arguments::Arguments,
    face::Caller,
    world::{Answer, Trouble, World},
};

/// The operations of every language, and the two of the scenarios' own kind that set the stage (`fault`, `wait`).
pub(crate) fn call(
    world: &mut World,
    operation: &str,
    caller: Caller,
    members: Map<String, Value>,
    save: Option<&str>,
) -> Answer {
    let arguments = Arguments::new(members);
    // Operations of the handle itself are called by the host, never by a caller whom it authenticated.
    let handle = handle::NAMES.contains(&operation) || access::NAMES.contains(&operation);
    if handle && !matches!(caller, Caller::System(_)) {
        return Err(Trouble::Broken(format!("{operation} is called by the system alone")));
    }
    match operation {
        name if handle::NAMES.contains(&name) => handle::call(world, name, arguments),
        name if access::NAMES.contains(&name) => access::call(world, name, arguments, save),
        name if institutions::NAMES.contains(&name) => institutions::call(&caller, name, arguments),
        name if keys::NAMES.contains(&name) => keys::call(&caller, name, arguments),
        name if policies::NAMES.contains(&name) => policies::call(&caller, name, arguments),
        unknown => Err(Trouble::Broken(format!("no such operation: {unknown}"))),
    }
}

/// The answer as JSON.
fn json(answer: impl Serialize) -> Answer {
    serde_json::to_value(answer).map_err(|error| Trouble::Broken(format!("the answer is not JSON: {error}")))
}
