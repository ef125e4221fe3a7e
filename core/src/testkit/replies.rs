//! Replies: the same answer whether waited for or awaited, and a change that is made whether or not anyone waits.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    case::{Case, Check, Failure, ensure, equal},
    stage::{Stage, answer},
};

pub(super) const CASES: &[Case] = &[
    Case::new("an answer can be waited for and awaited", waited_and_awaited),
    Case::new("many replies on their way at once are all answered, waited for in any order", many_at_once),
    Case::new("a change whose reply is dropped is made all the same", dropped),
    Case::new("a store says what it is", status),
];

fn waited_and_awaited(stage: &Stage) -> Check {
    let (first, second) = (stage.new_institution()?, stage.new_institution()?);
    stage.store.insert_institution(first.clone(), stage.entry()?).wait()?;
    answer(stage.store.insert_institution(second.clone(), stage.entry()?))?;
    equal(answer(stage.store.find_institution(&first.id))?, Some(first), "awaited after waiting")?;
    equal(stage.store.find_institution(&second.id).wait()?, Some(second), "waited for after awaiting")
}

fn many_at_once(stage: &Stage) -> Check {
    let institution = stage.institution()?;
    let keys = (0..200).map(|_| stage.new_key(&institution)).collect::<Result<Vec<_>, _>>()?;
    let mut replies = Vec::new();
    for key in &keys {
        replies.push(stage.store.insert_keys(vec![key.clone()], stage.entry()?));
    }
    for (number, reply) in replies.into_iter().enumerate().rev() {
        if number % 2 == 0 {
            reply.wait()?
        } else {
            answer(reply)?
        };
    }
    keys.iter().try_for_each(|key| equal(&stage.found_key(key)?, key, "a key of many"))
}

fn dropped(stage: &Stage) -> Check {
    let institution = stage.new_institution()?;
    drop(stage.store.insert_institution(institution.clone(), stage.entry()?));
    let begun = Instant::now();
    while answer(stage.store.find_institution(&institution.id))?.is_none() {
        if begun.elapsed() > Duration::from_secs(30) {
            return Err(Failure::new("a change whose reply was dropped was not made within 30 s"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn status(stage: &Stage) -> Check {
    let status = answer(stage.store.status())?;
    ensure(!status.backend.is_empty(), "the status names the backend")?;
    let generation = answer(stage.store.generation())?;
    ensure(!generation.epoch.is_empty(), "the generation names its epoch")
}
