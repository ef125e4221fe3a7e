//! Strict JSON: what a config or metadata document may hold.
//!
//! `serde_json` alone keeps the last of two equal keys and rounds numbers to doubles in silence. Here a document with
//! duplicate keys, `\u0000`, more than 32 levels or more than 64 KiB is refused, and every number keeps its own text
//! until it is known whether it is an amount (exact) or another number (which a double must carry unchanged). Texts come
//! from `RawValue`, not from the feature `arbitrary_precision`, which would change `serde_json` for the whole host.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Number, Value, value::RawValue};

use crate::error::{Error, Reason, Result};

/// The most bytes of a config or of a key's metadata.
pub const MAX_DOCUMENT: usize = 64 * 1024;
/// The most levels of nesting.
pub const MAX_DEPTH: usize = 32;

/// A JSON value whose numbers are still text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads a document; `field` is what errors name.
    pub(crate) fn parse(field: &'static str, text: &str) -> Result<Self> {
        let read = || {
            if text.len() > MAX_DOCUMENT {
                return Err(Error::new(Reason::TooLarge, "must have at most 64 KiB"));
            }
            Self::read(serde_json::from_str(text).map_err(invalid)?, MAX_DEPTH)
        };
        read().map_err(|error| error.field(field))
    }

    /// Reads an object, the only document that config and metadata can be.
    pub(crate) fn parse_object(field: &'static str, text: &str) -> Result<Vec<(String, Self)>> {
        match Self::parse(field, text)? {
            Self::Object(members) => Ok(members),
            _ => Err(Error::new(Reason::InvalidJson, "must be a JSON object").field(field)),
        }
    }

    fn read(raw: &RawValue, depth: usize) -> Result<Self> {
        let text = raw.get();
        let inner = || depth.checked_sub(1).ok_or_else(|| Error::new(Reason::TooDeep, "must have at most 32 levels"));
        match text.as_bytes().first() {
            Some(b'{') => {
                let inner = inner()?;
                let members: Members<'_> = serde_json::from_str(text).map_err(invalid)?;
                let mut seen = std::collections::HashSet::with_capacity(members.0.len());
                if !members.0.iter().all(|(key, _)| seen.insert(key.as_str())) {
                    return Err(Error::new(Reason::DuplicateKey, "must not have the same key twice"));
                }
                members
                    .0
                    .iter()
                    .map(|(key, raw)| Ok((no_nul(key)?.to_owned(), Self::read(raw, inner)?)))
                    .collect::<Result<_>>()
                    .map(Self::Object)
            }
            Some(b'[') => {
                let inner = inner()?;
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(invalid)?;
                items.into_iter().map(|raw| Self::read(raw, inner)).collect::<Result<_>>().map(Self::List)
            }
            Some(b'"') => {
                let text: String = serde_json::from_str(text).map_err(invalid)?;
                no_nul(&text)?;
                Ok(Self::Text(text))
            }
            Some(b'n') => Ok(Self::Null),
            Some(b't') => Ok(Self::Bool(true)),
            Some(b'f') => Ok(Self::Bool(false)),
            _ => Ok(Self::Number(text.to_owned())),
        }
    }

    /// The value as `serde_json` has it, if no number changes on the way.
    pub(crate) fn into_value(self) -> Result<Value> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(text) => Value::Number(carried_by_a_double(&text)?),
            Self::Text(text) => Value::String(text),
            Self::List(items) => Value::Array(items.into_iter().map(Self::into_value).collect::<Result<_>>()?),
            Self::Object(members) => Value::Object(into_map(members)?),
        })
    }
}

/// The members of an object as a `serde_json` map.
pub(crate) fn into_map(members: Vec<(String, Node)>) -> Result<Map<String, Value>> {
    members.into_iter().map(|(key, node)| Ok((key, node.into_value()?))).collect()
}

/// Reads an object without amounts, such as a key's metadata.
pub(crate) fn parse_map(field: &'static str, text: &str) -> Result<Map<String, Value>> {
    into_map(Node::parse_object(field, text)?).map_err(|error| error.field(field))
}

/// An object's members in their order, duplicates included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A number whose value a double keeps: what is written of the double names the same number.
fn carried_by_a_double(text: &str) -> Result<Number> {
    if let Ok(integer) = text.parse::<i64>()
        && integer.unsigned_abs() <= 1 << 53
        && text != "-0"
    {
        return Ok(integer.into());
    }
    // Compared with what `serde_json` will write: where two texts are equally short and close, it need not be Rust's choice.
    text.parse::<f64>()
        .ok()
        .and_then(Number::from_f64)
        .filter(|number| scientific(&number.to_string()) == scientific(text))
        .ok_or_else(|| Error::new(Reason::UnsafeNumber, "has a number that a double cannot carry; write it as a string"))
}

/// Sign, digits without zeros at either end, and the power of ten of the last digit: equal for equal numbers.
fn scientific(text: &str) -> Option<(bool, String, i64)> {
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    if digits.trim_start_matches('0').is_empty() {
        return Some((negative, String::new(), 0));
    }
    let trailing = i64::try_from(all.len().checked_sub(digits.len())?).ok()?;
    let scale = i64::try_from(fraction.len()).ok()?;
    let power = exponent.parse::<i64>().ok()?.checked_sub(scale)?.checked_add(trailing)?;
    Some((negative, digits.trim_start_matches('0').to_owned(), power))
}

fn no_nul(text: &str) -> Result<&str> {
    if text.contains('\0') {
        return Err(Error::new(Reason::NulCharacter, "must not contain \\u0000, which PostgreSQL cannot store"));
    }
    Ok(text)
}

fn invalid(error: serde_json::Error) -> Error {
    // serde_json's message says where; it quotes nothing of the document.
    Error::new(Reason::InvalidJson, format!("is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> Reason {
        parse_map("metadata", text).unwrap_err().reason()
    }

    #[test]
    fn what_serde_json_would_swallow_is_refused() {
        assert_eq!(reason(r#"{"a":1,"a":2}"#), Reason::DuplicateKey);
        assert_eq!(reason(r#"{"b":{"a":1,"\u0061":2}}"#), Reason::DuplicateKey);
        assert_eq!(reason("{\"a\":\"x\\u0000\"}"), Reason::NulCharacter);
        assert_eq!(reason("{\"\\u0000\":1}"), Reason::NulCharacter);
        assert_eq!(reason("[]"), Reason::InvalidJson);
        assert_eq!(reason("{"), Reason::InvalidJson);
        assert_eq!(reason(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_DOCUMENT))), Reason::TooLarge);
    }

    #[test]
    fn nesting_ends_at_32_levels() {
        let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        parse_map("metadata", &nested(32)).unwrap();
        assert_eq!(reason(&nested(33)), Reason::TooDeep);
        assert!(matches!(reason(&nested(5000)), Reason::TooDeep | Reason::InvalidJson));
        let lists = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        parse_map("metadata", &lists(31)).unwrap();
        assert_eq!(reason(&lists(32)), Reason::TooDeep);
    }

    #[test]
    fn numbers_are_those_that_a_double_carries() {
        for good in
            ["0", "-1", "0.1", "1e3", "1.50", "9007199254740992", "123456789012345", "1e308", "5e-324", "100000000000000000000"]
        {
            parse_map("metadata", &format!("{{\"n\":{good}}}")).unwrap_or_else(|e| panic!("{good}: {e}"));
        }
        for bad in
            ["9007199254740993", "0.1000000000000000055", "1e400", "1e-400", "123456789012345678.91", "1e99999999999999999999"]
        {
            assert_eq!(reason(&format!("{{\"n\":{bad}}}")), Reason::UnsafeNumber, "{bad}");
        }
    }
}
