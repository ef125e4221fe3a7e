//! Policies, and what is asked of them.

use doorward::model::policy::{PolicyHistoryQuery, PolicyQuery};

use super::json;
use crate::{
    arguments::Arguments,
    face::{Caller, call},
    world::{Answer, Trouble},
};

pub(super) const NAMES: &[&str] = &[
    "upsert_policy",
    "merge_policy",
    "get_policy",
    "list_policies",
    "delete_policy",
    "policy_history",
    "check_position",
    "check_positions",
    "dry_run",
];

pub(super) fn call(caller: &Caller, operation: &str, mut arguments: Arguments) -> Answer {
    let institution = arguments.institution()?;
    if operation == "list_policies" {
        let query = PolicyQuery { institution_id: institution, page: arguments.page()? };
        arguments.finish()?;
        return json(call!(caller, list_policies(&query))?);
    }
    let region = arguments.region()?;
    match operation {
        "upsert_policy" => {
            let (config, version) = (arguments.config()?, arguments.number("expectedVersion")?);
            arguments.finish()?;
            json(call!(caller, upsert_policy(&institution, region, config, version))?)
        }
        "merge_policy" => {
            let (patch, version) = (arguments.patch()?, arguments.number("expectedVersion")?);
            arguments.finish()?;
            json(call!(caller, merge_policy(&institution, region, patch, version))?)
        }
        "get_policy" => {
            arguments.finish()?;
            json(call!(caller, get_policy(&institution, region))?)
        }
        "delete_policy" => {
            let version = arguments.number("expectedVersion")?;
            arguments.finish()?;
            json(call!(caller, delete_policy(&institution, region, version))?)
        }
        "policy_history" => {
            let query = PolicyHistoryQuery { institution_id: institution, region, page: arguments.page()? };
            arguments.finish()?;
            json(call!(caller, policy_history(&query))?)
        }
        "check_position" => {
            let position = arguments.position()?;
            arguments.finish()?;
            json(call!(caller, check_position(&institution, region, &position))?)
        }
        "check_positions" => {
            let positions = arguments.positions()?;
            arguments.finish()?;
            json(call!(caller, check_positions(&institution, region, &positions))?)
        }
        "dry_run" => {
            let (config, positions) = (arguments.config()?, arguments.positions()?);
            arguments.finish()?;
            json(call!(caller, dry_run(&institution, region, &config, &positions))?)
        }
        other => Err(Trouble::Broken(format!("no such operation: {other}"))),
    }
}
