//! Values in steps: `${saved.member}` is replaced by what was saved, and `{"$repeat": …}` and its like by what they make.

use std::time::Duration;

use doorward::model::time::Timestamp;
use serde_json::{Map, Value};

/// Replaces what names a member of `known`, and leaves every other `${…}` as it is.
pub(crate) fn fill_known(step: &Map<String, Value>, known: &Map<String, Value>) -> Map<String, Value> {
    let filled = step.iter().map(|(key, value)| (key.clone(), fill(value, &|path| look_up(known, path)).0));
    filled.collect()
}

/// Replaces every `${…}`.
pub(crate) fn fill_all(step: &Map<String, Value>, saved: &Map<String, Value>) -> Result<Value, String> {
    let (filled, missing) = fill(&Value::Object(step.clone()), &|path| look_up(saved, path));
    missing.map_or(Ok(filled), |path| Err(format!("nothing was saved as ${{{path}}}")))
}

fn look_up(saved: &Map<String, Value>, path: &str) -> Option<Value> {
    let mut parts = path.split('.');
    let first = saved.get(parts.next()?)?;
    let found = parts.try_fold(first, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    });
    found.cloned()
}

/// The value with its references replaced, and one that could not be.
fn fill(value: &Value, find: &dyn Fn(&str) -> Option<Value>) -> (Value, Option<String>) {
    match value {
        Value::String(text) => fill_text(text, find),
        Value::Array(items) => {
            let (items, missing): (Vec<_>, Vec<_>) = items.iter().map(|item| fill(item, find)).unzip();
            (Value::Array(items), missing.into_iter().flatten().next())
        }
        Value::Object(members) => {
            let mut first_missing = None;
            let filled = members.iter().map(|(key, value)| {
                let (value, missing) = fill(value, find);
                first_missing = first_missing.take().or(missing);
                (key.clone(), value)
            });
            let filled = filled.collect();
            (Value::Object(filled), first_missing)
        }
        other => (other.clone(), None),
    }
}

fn fill_text(text: &str, find: &dyn Fn(&str) -> Option<Value>) -> (Value, Option<String>) {
    // A text that is one reference becomes the value itself, whatever its type.
    if let Some(path) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
        && !path.contains('$')
    {
        return find(path).map_or_else(|| (text.into(), Some(path.to_owned())), |value| (value, None));
    }
    let (mut filled, mut rest, mut missing) = (String::new(), text, None);
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let (path, tail) = after.split_once('}').unwrap_or((after, ""));
        match find(path) {
            Some(Value::String(value)) => filled.push_str(&value),
            Some(value) => filled.push_str(&value.to_string()),
            None => {
                filled.push_str(&format!("${{{path}}}"));
                missing = Some(path.to_owned());
            }
        }
        rest = tail;
    }
    filled.push_str(rest);
    (filled.into(), missing)
}

/// Makes what the generators among the arguments say.
pub(crate) fn generate(value: Value) -> Result<Value, String> {
    match value {
        Value::Array(items) => items.into_iter().map(generate).collect::<Result<_, _>>().map(Value::Array),
        Value::Object(members) => {
            if members.keys().any(|key| key.starts_with('$')) {
                return generator(&members);
            }
            members.into_iter().map(|(key, value)| Ok((key, generate(value)?))).collect::<Result<_, _>>().map(Value::Object)
        }
        other => Ok(other),
    }
}

fn generator(members: &Map<String, Value>) -> Result<Value, String> {
    let broken = || format!("not a generator: {}", Value::Object(members.clone()));
    let times = members.get("times").and_then(Value::as_u64).and_then(|times| usize::try_from(times).ok());
    match (members.iter().next(), members.len(), times) {
        (Some((key, value)), 2, Some(times)) if key == "$repeat" => match value {
            Value::String(text) => Ok(text.repeat(times).into()),
            Value::Array(items) => generate(Value::Array(items.iter().cycle().take(items.len() * times).cloned().collect())),
            _ => Err(broken()),
        },
        (Some((key, Value::Array(parts))), 1, _) if key == "$concat" => {
            let parts = parts.iter().map(|part| match generate(part.clone())? {
                Value::String(text) => Ok(text),
                _ => Err(broken()),
            });
            parts.collect::<Result<String, _>>().map(Value::from)
        }
        (Some((key, Value::String(offset))), 1, _) if key == "$time" => Ok(time(offset)?.to_string().into()),
        _ => Err(broken()),
    }
}

/// The present and an offset: `+1h`, `-5m`, `+30s`, `+0s`.
pub(crate) fn time(offset: &str) -> Result<Timestamp, String> {
    let broken = || format!("not an offset of time like +1h: {offset}");
    let (number, unit) = offset.split_at_checked(offset.len().saturating_sub(1)).ok_or_else(broken)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(broken()),
    };
    let amount: i64 = number.parse().map_err(|_| broken())?;
    let distance = Duration::from_secs(amount.unsigned_abs() * seconds);
    let now = Timestamp::now();
    if amount >= 0 {
        return Ok(now.plus(distance));
    }
    Ok(Timestamp::from_millis(now.as_millis().saturating_sub(u64::try_from(distance.as_millis()).unwrap_or(u64::MAX))))
}
