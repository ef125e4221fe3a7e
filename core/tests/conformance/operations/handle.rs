//! The handle itself: opening, closing, health, metrics; and what sets the stage for a scenario.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use doorward::{Doorward, Reason, testkit::Fault};
use serde_json::{Value, json};

use super::json as answer;
use crate::{
    arguments::Arguments,
    face::{Door, door},
    world::{Answer, Trouble, World},
};

pub(super) const NAMES: &[&str] = &["open", "close", "health", "metrics", "fault", "wait", "write_file", "make_folder"];

pub(super) fn call(world: &mut World, operation: &str, mut arguments: Arguments) -> Answer {
    match operation {
        "open" => open(world, arguments),
        "close" => {
            let deadline = Duration::from_millis(arguments.number("deadlineMs")?.unwrap_or(10_000));
            arguments.finish()?;
            door!(&world.door, close(deadline))?;
            Ok(Value::Null)
        }
        "health" => {
            arguments.finish()?;
            answer(door!(&world.door, health()))
        }
        "metrics" => {
            arguments.finish()?;
            match &world.door {
                Door::Blocking(door) => answer(door.metrics()),
                Door::Async(door) => answer(door.metrics()),
            }
        }
        "fault" => fault(world, arguments),
        "wait" => {
            let time = arguments.number("ms")?.ok_or_else(|| "ms is missing".to_owned())?;
            arguments.finish()?;
            thread::sleep(Duration::from_millis(time));
            Ok(Value::Null)
        }
        "write_file" => {
            let (name, text) = (arguments.text("name")?, arguments.text("text")?);
            arguments.finish()?;
            fs::write(world.room.folder().join(name), text).map_err(|error| error.to_string())?;
            Ok(Value::Null)
        }
        "make_folder" => {
            let name = arguments.text("name")?;
            arguments.finish()?;
            fs::create_dir_all(world.room.folder().join(name)).map_err(|error| error.to_string())?;
            Ok(Value::Null)
        }
        other => Err(Trouble::Broken(format!("no such operation: {other}"))),
    }
}

/// Opens a door with these variables. With `"stay": true` it takes the place of the scenario's door, on the same records
/// where the store outlives its handle; else it is closed at once.
fn open(world: &mut World, mut arguments: Arguments) -> Answer {
    let mut variables: BTreeMap<String, String> = match arguments.take("variables") {
        Some(value) => serde_json::from_value(value).map_err(|error| format!("variables: {error}"))?,
        None => BTreeMap::new(),
    };
    let stay = arguments.flag("stay")?;
    arguments.finish()?;
    let config = if stay {
        world.store.config(&world.room, &variables)?
    } else {
        variables.entry("STORE_BACKEND".to_owned()).or_insert_with(|| "memory".to_owned());
        doorward::Config::from_variables(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))?
    };
    let opened = Doorward::open(config)?;
    if stay {
        world.door = Door::new(opened, world.face);
    } else {
        opened.close(Duration::from_secs(10))?;
    }
    Ok(Value::Null)
}

/// Lets every call to the store go wrong from now on: with an error of this reason, or in another way. `"none"` ends it.
fn fault(world: &World, mut arguments: Arguments) -> Answer {
    let word = arguments.text("kind")?;
    arguments.finish()?;
    let faults = world.faults.as_ref().ok_or_else(|| Trouble::Broken("the store has no faults".to_owned()))?;
    let fault = match word.as_str() {
        "none" => {
            faults.heal();
            return Ok(Value::Null);
        }
        "panic" => Fault::Panic,
        "abandon" => Fault::Abandon,
        word => Fault::Fail(
            *Reason::ALL
                .iter()
                .find(|reason| reason.as_str() == word)
                .ok_or_else(|| Trouble::Broken(format!("no such fault: {word}")))?,
        ),
    };
    faults.fail_all(fault);
    Ok(json!({ "fault": word }))
}
