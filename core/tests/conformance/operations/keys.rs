//! API keys.

use std::time::Duration;

use doorward::{
    CreatedKey, Error,
    model::{
        api_key::{ApiKeyQuery, ImportedKey},
        id::ApiKeyId,
    },
};
use serde_json::{Value, json};

use super::json as answer;
use crate::{
    arguments::Arguments,
    face::{Caller, call},
    world::{Answer, Trouble},
};

pub(super) const NAMES: &[&str] = &[
    "create_key",
    "create_keys",
    "import_keys",
    "get_key",
    "list_keys",
    "update_key",
    "rotate_key",
    "enable_key",
    "disable_key",
    "revoke_key",
    "revoke_all_keys",
];

pub(super) fn call(caller: &Caller, operation: &str, mut arguments: Arguments) -> Answer {
    let institution = arguments.institution()?;
    match operation {
        "create_key" => {
            let key = arguments.new_key()?;
            arguments.finish()?;
            created(&call!(caller, create_key(&institution, key))?)
        }
        "create_keys" => {
            let keys = each(&mut arguments, Arguments::new_key)?;
            arguments.finish()?;
            call!(caller, create_keys(&institution, keys))?.iter().map(created).collect()
        }
        "import_keys" => {
            let keys = each(&mut arguments, |key| Ok(ImportedKey { key_hash: key.parsed("keyHash")?, key: key.new_key()? }))?;
            let dry_run = arguments.flag("dryRun")?;
            arguments.finish()?;
            answer(call!(caller, import_keys(&institution, keys, dry_run))?)
        }
        "list_keys" => {
            let query = ApiKeyQuery {
                institution_id: institution,
                include_revoked: arguments.flag("includeRevoked")?,
                role: arguments.optional("role")?,
                status: arguments.optional("status")?,
                page: arguments.page()?,
            };
            arguments.finish()?;
            answer(call!(caller, list_keys(&query))?)
        }
        "revoke_all_keys" => {
            arguments.finish()?;
            answer(call!(caller, revoke_all_keys(&institution))?)
        }
        _ => {
            let id: ApiKeyId = arguments.parsed("keyId")?;
            match operation {
                "update_key" => {
                    let patch = arguments.key_patch()?;
                    arguments.finish()?;
                    answer(call!(caller, update_key(&institution, &id, patch))?)
                }
                "rotate_key" => {
                    let grace = Duration::from_millis(arguments.number("graceMs")?.unwrap_or_default());
                    arguments.finish()?;
                    created(&call!(caller, rotate_key(&institution, &id, grace))?)
                }
                _ => {
                    arguments.finish()?;
                    answer(match operation {
                        "get_key" => call!(caller, get_key(&institution, &id)),
                        "enable_key" => call!(caller, enable_key(&institution, &id)),
                        "disable_key" => call!(caller, disable_key(&institution, &id)),
                        "revoke_key" => call!(caller, revoke_key(&institution, &id)),
                        other => return Err(Trouble::Broken(format!("no such operation: {other}"))),
                    }?)
                }
            }
        }
    }
}

/// The JSON of a created key, with the token that its own JSON does not show.
fn created(key: &CreatedKey) -> Answer {
    Ok(json!({ "token": key.token.reveal(), "record": answer(&key.record)? }))
}

/// Reads the list `keys`; errors name the place.
fn each<T>(arguments: &mut Arguments, read: impl Fn(&mut Arguments) -> Result<T, Trouble>) -> Result<Vec<T>, Trouble> {
    let item = |(index, value): (usize, Value)| {
        let Value::Object(members) = value else { return Err(Trouble::Broken(format!("a key must be an object: {value}"))) };
        let mut members = Arguments::new(members);
        let key = read(&mut members).map_err(|trouble| match trouble {
            Trouble::Refused(error) => Trouble::Refused(inside(error, index)),
            broken => broken,
        })?;
        members.finish()?;
        Ok(key)
    };
    arguments.list("keys")?.into_iter().enumerate().map(item).collect()
}

fn inside(error: Error, index: usize) -> Error {
    error.inside(&format!("keys[{index}]"))
}
