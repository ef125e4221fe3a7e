//! Whether an answer is what a step expects: the expected members must be there and equal, further ones may be.

use doorward::model::time::Timestamp;
use serde_json::{Map, Value};

use crate::value;

/// Compares an answer with what is expected; the error says where they differ.
pub(crate) fn meets(seen: &Value, expected: &Value) -> Result<(), String> {
    at("answer", seen, expected)
}

fn at(place: &str, seen: &Value, expected: &Value) -> Result<(), String> {
    let differs = || Err(format!("{place}: expected {expected}, saw {seen}"));
    match (seen, expected) {
        (_, Value::Object(members)) if members.keys().any(|key| key.starts_with('$')) => matcher(place, seen, members),
        (Value::Object(seen_members), Value::Object(members)) => members.iter().try_for_each(|(key, expected)| {
            let Some(seen) = seen_members.get(key) else { return Err(format!("{place}: has no member {key}: {seen}")) };
            at(&format!("{place}.{key}"), seen, expected)
        }),
        (Value::Array(seen_items), Value::Array(items)) => {
            if seen_items.len() != items.len() {
                return Err(format!("{place}: expected {} items, saw {}: {seen}", items.len(), seen_items.len()));
            }
            let pairs = seen_items.iter().zip(items).enumerate();
            pairs.into_iter().try_for_each(|(index, (seen, expected))| at(&format!("{place}[{index}]"), seen, expected))
        }
        // A number is a number, however it is written.
        (Value::Number(a), Value::Number(b)) if a == b || a.as_f64() == b.as_f64() => Ok(()),
        _ if seen == expected => Ok(()),
        _ => differs(),
    }
}

fn matcher(place: &str, seen: &Value, members: &Map<String, Value>) -> Result<(), String> {
    let expected = Value::Object(members.clone());
    let verdict = |holds: bool| if holds { Ok(()) } else { Err(format!("{place}: expected {expected}, saw {seen}")) };
    let Some((key, argument)) = members.iter().next().filter(|_| members.len() == 1) else {
        return Err(format!("{place}: not a matcher: {expected}"));
    };
    match (key.as_str(), argument) {
        ("$any", Value::Bool(true)) => verdict(!seen.is_null()),
        ("$prefix", Value::String(prefix)) => {
            verdict(seen.as_str().is_some_and(|text| text.starts_with(prefix) && text.len() > prefix.len()))
        }
        ("$time", Value::String(offset)) => {
            let wanted = value::time(offset)?;
            let time = seen.as_str().filter(|text| text.len() == 24 && text.ends_with('Z'));
            let time = time.and_then(|text| text.parse::<Timestamp>().ok());
            verdict(time.is_some_and(|time| time.as_millis().abs_diff(wanted.as_millis()) <= 60_000))
        }
        ("$length", Value::Number(length)) => {
            let seen = match seen {
                Value::Array(items) => Some(items.len()),
                Value::String(text) => Some(text.chars().count()),
                Value::Object(members) => Some(members.len()),
                _ => None,
            };
            verdict(seen.map(Value::from) == Some(Value::Number(length.clone())))
        }
        ("$contains", Value::Array(items)) => {
            let seen = seen.as_array().map(Vec::as_slice).unwrap_or_default();
            verdict(items.iter().all(|item| seen.iter().any(|seen| at(place, seen, item).is_ok())))
        }
        ("$not", unwanted) => verdict(at(place, seen, unwanted).is_err()),
        ("$without", Value::Array(names)) => {
            verdict(names.iter().all(|name| name.as_str().is_some_and(|name| seen.get(name).is_none())))
        }
        ("$atLeast", Value::Number(least)) => verdict(seen.as_f64() >= least.as_f64() && seen.is_number()),
        _ => Err(format!("{place}: not a matcher: {expected}")),
    }
}
