//! The rule about positions within a config, and its JSON. Whether a position keeps to it is in `model/decision.rs`.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use crate::{
    error::{Error, Reason, Result},
    model::{amount::Amount, code::Currency, json::Node},
};

/// The rules about positions. What is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PositionRule {
    /// The least amount that is allowed, itself included.
    pub min_amount: Option<Amount>,
    /// The greatest amount that is allowed, itself included.
    pub max_amount: Option<Amount>,
    /// The currencies that are allowed. An empty list allows none; an absent one allows all.
    pub allowed_currencies: Option<Vec<Currency>>,
    /// Further members, kept and given back.
    pub other: Map<String, Value>,
}

impl PositionRule {
    pub(super) fn from_members(members: Vec<(String, Node)>) -> Result<Self> {
        let mut rule = Self::default();
        for (key, node) in members {
            match key.as_str() {
                "minAmount" => rule.min_amount = amount("minAmount", node)?,
                "maxAmount" => rule.max_amount = amount("maxAmount", node)?,
                "allowedCurrencies" => rule.allowed_currencies = currencies(node)?,
                _ => {
                    let value = node.into_value().map_err(|error| error.field(key.clone()))?;
                    rule.other.insert(key, value);
                }
            }
        }
        Ok(rule)
    }
}

pub(super) fn amount(field: &'static str, node: Node) -> Result<Option<Amount>> {
    match node {
        Node::Null => Ok(None),
        Node::Number(text) => Amount::from_json_number(&text).map(Some).map_err(|error| error.field(field)),
        Node::Text(text) => text.parse().map(Some).map_err(|error: Error| error.field(field)),
        _ => Err(wrong_type(field, "a number or a decimal string")),
    }
}

fn currencies(node: Node) -> Result<Option<Vec<Currency>>> {
    const FIELD: &str = "allowedCurrencies";
    let items = match node {
        Node::Null => return Ok(None),
        Node::List(items) => items,
        _ => return Err(wrong_type(FIELD, "a list of currency codes")),
    };
    let read = |(index, item)| {
        let field = format!("{FIELD}[{index}]");
        match item {
            Node::Text(code) => code.parse().map_err(|error: Error| error.field(field)),
            _ => Err(wrong_type(FIELD, "a list of currency codes").field(field)),
        }
    };
    items.into_iter().enumerate().map(read).collect::<Result<_>>().map(Some)
}

pub(super) fn wrong_type(field: &'static str, expected: &str) -> Error {
    Error::new(Reason::InvalidJson, format!("must be {expected}")).field(field)
}

impl Serialize for PositionRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(min) = &self.min_amount {
            map.serialize_entry("minAmount", min)?;
        }
        if let Some(max) = &self.max_amount {
            map.serialize_entry("maxAmount", max)?;
        }
        if let Some(currencies) = &self.allowed_currencies {
            map.serialize_entry("allowedCurrencies", currencies)?;
        }
        self.other.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}
