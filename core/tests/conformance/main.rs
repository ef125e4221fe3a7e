//! Runs every scenario of `tests/conformance` on each store, through the blocking and the async face, and holds each store
//! to every case of `doorward::testkit`. One test per scenario, store and face, so that a runner lists them by name.

#![expect(clippy::arithmetic_side_effects, reason = "a test that panics is a test that fails")]

mod arguments;
mod coverage;
mod expectation;
mod face;
mod operations;
mod scenario;
mod stores;
mod value;
mod world;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{face::Face, stores::Store};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = kit();
    match scenario::load() {
        Ok(files) => {
            trials.extend(files.iter().flat_map(|file| file.scenarios.iter().flat_map(|scenario| runs(&file.topic, scenario))));
            trials.push(Trial::test("every_operation_meets_every_error_kind_that_can_befall_it", move || {
                coverage::check(&files).map_err(Failed::from)
            }));
        }
        Err(broken) => trials.push(Trial::test("the_scenario_files_are_of_the_described_form", move || Err(broken.into()))),
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// The cases of the testkit, against each store.
fn kit() -> Vec<Trial> {
    let trials = Store::ALL.iter().flat_map(|store| {
        doorward::testkit::cases().map(move |case| {
            Trial::test(format!("testkit::{}::{}", store.name(), named(case.name())), move || {
                let room = stores::Room::new()?;
                case.run(store.make(&room).map_err(|error| error.to_string())?).map_err(|failure| failure.to_string().into())
            })
        })
    });
    trials.collect()
}

/// A scenario, on each store and through each face.
fn runs(topic: &str, scenario: &scenario::Scenario) -> Vec<Trial> {
    let mut trials = Vec::new();
    for store in Store::ALL.iter().filter(|store| scenario.runs_on(store.name())) {
        for face in [Face::Blocking, Face::Async] {
            let name = format!("{topic}::{}::{}::{}", store.name(), face.name(), named(&scenario.name));
            let scenario = scenario.clone();
            trials.push(Trial::test(name, move || world::play(&scenario, *store, face).map_err(Failed::from)));
        }
    }
    trials
}

/// A sentence as the name of a test.
fn named(sentence: &str) -> String {
    sentence.replace(' ', "_").replace(',', "")
}
