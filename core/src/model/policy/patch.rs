//! The merge-patch of a config: how it is read, and what it makes of a config.

use serde_json::{Map, Value};

use super::{PolicyConfig, position::amount};
use crate::{
    error::{Error, Reason, Result},
    model::{code::Vocabulary, json::Node},
};

/// A merge-patch (RFC 7396) for a policy's config: members replace, `null` removes, objects are merged.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyPatch(Map<String, Value>);

impl PolicyPatch {
    /// Reads a patch.
    ///
    /// # Errors
    /// `Validation`, naming the member.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut patch = Map::new();
        for (key, node) in Node::parse_object("patch", text)? {
            let value = match node {
                Node::Object(members) if key == "position" => Value::Object(position_patch(members)?),
                node => node.into_value().map_err(|error| error.field(key.clone()).inside("patch"))?,
            };
            patch.insert(key, value);
        }
        Ok(Self(patch))
    }

    /// Checks the codes that the patch brings in. The rest can be judged only once it is merged.
    pub(crate) fn check(&self, vocabulary: &Vocabulary) -> Result<()> {
        let position = self.0.get("position").and_then(|position| position.get("allowedCurrencies"));
        for (index, code) in position.and_then(Value::as_array).into_iter().flatten().enumerate() {
            if let Some(code) = code.as_str() {
                let named = |error: Error| error.field(format!("patch.position.allowedCurrencies[{index}]"));
                let currency = code.parse().map_err(named)?;
                vocabulary.check_currency(currency).map_err(named)?;
            }
        }
        Ok(())
    }

    pub(super) fn apply(&self, config: &PolicyConfig) -> Result<PolicyConfig> {
        let mut merged =
            serde_json::to_value(config).map_err(|error| Error::new(Reason::Bug, "a config is not JSON").because(error))?;
        merge(&mut merged, &Value::Object(self.0.clone()));
        PolicyConfig::from_json(&merged.to_string())
    }
}

/// Amounts in the patch become what they are in a stored config, so that nothing is rounded on the way.
fn position_patch(members: Vec<(String, Node)>) -> Result<Map<String, Value>> {
    let mut patch = Map::new();
    for (key, node) in members {
        let value = match key.as_str() {
            "minAmount" => exact("minAmount", node)?,
            "maxAmount" => exact("maxAmount", node)?,
            _ => node.into_value().map_err(|error| error.field(key.clone()).inside("patch.position"))?,
        };
        patch.insert(key, value);
    }
    Ok(patch)
}

fn exact(field: &'static str, node: Node) -> Result<Value> {
    let amount = amount(field, node).map_err(|error| error.inside("patch.position"))?;
    serde_json::to_value(amount).map_err(|error| Error::new(Reason::Bug, "an amount is not JSON").because(error))
}

/// RFC 7396, section 2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in members {
            if value.is_null() {
                target.remove(key);
            } else {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(config: &str, patch: &str) -> Result<String> {
        let merged = PolicyPatch::from_json(patch)?.apply(&PolicyConfig::from_json(config)?)?;
        Ok(merged.to_json())
    }

    #[test]
    fn amounts_of_any_length_survive_a_merge_exactly() {
        let json = r#"{"position":{"minAmount":123456789012345678.91,"maxAmount":9999999999999999999999999999}}"#;
        let kept = r#"{"position":{"minAmount":"123456789012345678.91","maxAmount":"9999999999999999999999999999"},"x":1}"#;
        assert_eq!(merged(json, r#"{"x":1}"#).unwrap(), kept);
        let patch = r#"{"position":{"minAmount":123456789012345678.92}}"#;
        assert!(merged(json, patch).unwrap().contains(r#""123456789012345678.92""#));
    }

    #[test]
    fn merge_patch_follows_rfc_7396() {
        let config = r#"{"position":{"minAmount":1,"maxAmount":5},"a":{"b":1,"c":[1]}}"#;
        assert_eq!(
            merged(config, r#"{"position":{"minAmount":null},"a":{"b":null,"c":[2]},"d":{"e":{"f":null}}}"#).unwrap(),
            r#"{"position":{"maxAmount":5},"a":{"c":[2]},"d":{"e":{}}}"#
        );
    }
}
