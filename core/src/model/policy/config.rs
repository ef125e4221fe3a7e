//! A policy's config: what it holds, its JSON, and the rules that it must keep to.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::position::{PositionRule, wrong_type};
use crate::{
    error::{Error, Reason, Result},
    model::{
        code::{Region, Vocabulary},
        json::Node,
    },
};

/// The rules of a policy: `{region?, position: {…}}`, and whatever else the host keeps in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyConfig {
    /// If given, the policy's region.
    pub region: Option<Region>,
    /// The rules about positions.
    pub position: PositionRule,
    /// Further members, kept and given back.
    pub other: Map<String, Value>,
}

impl PolicyConfig {
    /// A config with these rules about positions.
    #[must_use]
    pub fn new(position: PositionRule) -> Self {
        Self { region: None, position, other: Map::new() }
    }

    /// Reads a config. Amounts are read from their own text, exactly.
    ///
    /// # Errors
    /// `Validation`, naming the member (`config.position.minAmount`).
    pub fn from_json(text: &str) -> Result<Self> {
        let mut config = Self::default();
        let mut position = None;
        for (key, node) in Node::parse_object("config", text)? {
            match (key.as_str(), node) {
                ("region", Node::Null) => {}
                ("region", Node::Text(code)) => {
                    config.region = Some(code.parse().map_err(|error: Error| error.inside("config"))?)
                }
                ("region", _) => return Err(wrong_type("region", "a region code").inside("config")),
                ("position", Node::Object(members)) => {
                    position = Some(PositionRule::from_members(members).map_err(|error| error.inside("config.position"))?);
                }
                ("position", Node::Null) => {}
                ("position", _) => return Err(wrong_type("position", "an object").inside("config")),
                (_, node) => {
                    let value = node.into_value().map_err(|error| error.field(key.clone()).inside("config"))?;
                    config.other.insert(key, value);
                }
            }
        }
        // A config that lost its `position` by mistake would lift every limit.
        config.position = position.ok_or_else(|| Error::new(Reason::Required, "must be given").field("config.position"))?;
        Ok(config)
    }

    /// Checks the config against what is known, and against the region for which it is meant.
    ///
    /// # Errors
    /// `Validation`: `region_mismatch`, `unknown_currency`, `duplicate`, `min_above_max`, `too_large`.
    pub fn check(&self, vocabulary: &Vocabulary, region: Region) -> Result<()> {
        self.check_consistent(region)?;
        self.check_other()?;
        for (index, currency) in self.position.allowed_currencies.iter().flatten().enumerate() {
            let field = format!("config.position.allowedCurrencies[{index}]");
            vocabulary.check_currency(*currency).map_err(|error| error.field(field))?;
        }
        // A config that a host built member by member passes the same rules as one read from JSON.
        Node::parse("config", &self.to_json()).map(|_| ())
    }

    /// Refuses a rule among the further members, where it would be shown and not be held to.
    fn check_other(&self) -> Result<()> {
        let places = [("config", &self.other, ["region", "position"].as_slice())];
        let rules = ["minAmount", "maxAmount", "allowedCurrencies"];
        for (place, other, names) in places.into_iter().chain([("config.position", &self.position.other, rules.as_slice())]) {
            if let Some(name) = names.iter().find(|name| other.contains_key(**name)) {
                let message = "is a member of its own and cannot be a further one";
                return Err(Error::new(Reason::Duplicate, message).field(format!("{place}.{name}")));
            }
        }
        Ok(())
    }

    pub(super) fn check_consistent(&self, region: Region) -> Result<()> {
        if let Some(given) = self.region.filter(|given| *given != region) {
            let message = format!("{given} is not the region of the policy, {region}");
            return Err(Error::new(Reason::RegionMismatch, message).field("config.region"));
        }
        if let (Some(min), Some(max)) = (self.position.min_amount, self.position.max_amount)
            && min > max
        {
            return Err(Error::new(Reason::MinAboveMax, "must not be greater than maxAmount").field("config.position.minAmount"));
        }
        let currencies = self.position.allowed_currencies.as_deref().unwrap_or_default();
        for (index, currency) in currencies.iter().enumerate() {
            if currencies.iter().take(index).any(|earlier| earlier == currency) {
                let field = format!("config.position.allowedCurrencies[{index}]");
                return Err(Error::new(Reason::Duplicate, "must not occur twice").field(field));
            }
        }
        Ok(())
    }

    /// The config as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Writing to a string fails for maps whose keys are not strings; there are none here.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for PolicyConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(region) = &self.region {
            map.serialize_entry("region", region)?;
        }
        map.serialize_entry("position", &self.position)?;
        self.other.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

/// Reads the config of a stored row.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn stored_config(text: &str) -> Result<PolicyConfig> {
    // Rows of an adopted table may hold what a new config may not, such as a length over the limit: only what cannot be
    // understood is damaged.
    PolicyConfig::from_json(text)
        .map_err(|error| Error::new(Reason::DamagedRecord, "a stored policy cannot be read").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(json: &str) -> Result<PolicyConfig> {
        let config = PolicyConfig::from_json(json)?;
        config.check(&Vocabulary::default(), "US".parse()?)?;
        Ok(config)
    }

    #[test]
    fn unknown_members_are_kept_and_given_back() {
        let json = r#"{"region":"US","position":{"minAmount":1,"maxAmount":"2.50","allowedCurrencies":["usd"],"tier":{"a":[1,2.5]}},"note":null,"owner":"x"}"#;
        let kept = r#"{"region":"US","position":{"minAmount":1,"maxAmount":2.5,"allowedCurrencies":["USD"],"tier":{"a":[1,2.5]}},"note":null,"owner":"x"}"#;
        assert_eq!(checked(json).unwrap().to_json(), kept);
    }

    #[test]
    fn a_config_that_breaks_a_rule_is_refused_by_name() {
        for (json, reason, field) in [
            (r#"{}"#, Reason::Required, "config.position"),
            (r#"{"position":[]}"#, Reason::InvalidJson, "config.position"),
            (r#"{"position":{"minAmount":-1}}"#, Reason::NegativeAmount, "config.position.minAmount"),
            (r#"{"position":{"maxAmount":1e-9}}"#, Reason::TooPrecise, "config.position.maxAmount"),
            (r#"{"position":{"maxAmount":"NaN"}}"#, Reason::NotADecimal, "config.position.maxAmount"),
            (r#"{"position":{"minAmount":2,"maxAmount":1}}"#, Reason::MinAboveMax, "config.position.minAmount"),
            (r#"{"position":{"allowedCurrencies":["USD","usd"]}}"#, Reason::Duplicate, "config.position.allowedCurrencies[1]"),
            (r#"{"position":{"allowedCurrencies":["XQQ"]}}"#, Reason::UnknownCurrency, "config.position.allowedCurrencies[0]"),
            (r#"{"position":{"allowedCurrencies":"USD"}}"#, Reason::InvalidJson, "config.position.allowedCurrencies"),
            (r#"{"position":{},"region":"SG"}"#, Reason::RegionMismatch, "config.region"),
            (r#"{"position":{},"n":1e999}"#, Reason::UnsafeNumber, "config.n"),
        ] {
            let error = checked(json).unwrap_err();
            assert_eq!((error.reason(), error.blamed_field()), (reason, Some(field)), "{json}");
        }
    }

    #[test]
    fn a_rule_among_the_further_members_is_refused() {
        let mut config = PolicyConfig::from_json(r#"{"position":{}}"#).unwrap();
        config.position.other.insert("maxAmount".to_owned(), Value::from(5));
        let error = config.check(&Vocabulary::default(), "US".parse().unwrap()).unwrap_err();
        assert_eq!((error.reason(), error.blamed_field()), (Reason::Duplicate, Some("config.position.maxAmount")));
    }
}
