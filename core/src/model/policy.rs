//! Policies: the rules of one institution in one region, and how they change.
//!
//! [`PolicyChange::apply`] is the one place that knows what a change makes of a policy; every store calls it.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{
    amount::Amount,
    api_key::check_version,
    audit::Actor,
    code::{Currency, Region, Vocabulary},
    id::{InstitutionId, PolicyId},
    json::Node,
    page::PageRequest,
    time::Timestamp,
};
use crate::error::{Error, Reason, Result};

/// A policy as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// `pol_…`
    pub id: PolicyId,
    /// Whose policy it is.
    pub institution_id: InstitutionId,
    /// Where it holds.
    pub region: Region,
    /// The rules.
    pub config: PolicyConfig,
    /// Raised by every change, and by deletion and creation anew, so that no version number ever means two configs.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

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

    fn check_consistent(&self, region: Region) -> Result<()> {
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

impl PositionRule {
    fn from_members(members: Vec<(String, Node)>) -> Result<Self> {
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

fn amount(field: &'static str, node: Node) -> Result<Option<Amount>> {
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

fn wrong_type(field: &'static str, expected: &str) -> Error {
    Error::new(Reason::InvalidJson, format!("must be {expected}")).field(field)
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

    fn apply(&self, config: &PolicyConfig) -> Result<PolicyConfig> {
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

/// A change to the policy of an institution in a region, as a store is asked to make it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyChange {
    /// Whose policy.
    pub institution_id: InstitutionId,
    /// Where it holds.
    pub region: Region,
    /// What is to happen.
    pub action: PolicyAction,
    /// Change only if the policy has this version; 0 means: only if there is none.
    pub expected_version: Option<u64>,
    /// The id of the policy, should it be created.
    pub new_id: PolicyId,
}

/// What is to happen to a policy.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyAction {
    /// Create it, or replace its config.
    Upsert(PolicyConfig),
    /// Merge into its config.
    Merge(PolicyPatch),
    /// Delete it.
    Delete,
}

impl PolicyChange {
    /// The policy as it is after the change; `None` if it was deleted. `last_version` is the greatest version that this
    /// institution's policy in this region ever had, 0 if it never had one.
    ///
    /// # Errors
    /// `NotFound` / `policy_not_found`; `Conflict` / `version_mismatch`; `Validation` if the merged config breaks a rule.
    pub fn apply(&self, before: Option<&Policy>, last_version: u64, at: Timestamp) -> Result<Option<Policy>> {
        check_version(self.expected_version, before.map_or(0, |policy| policy.version))?;
        let config = match (&self.action, before) {
            (PolicyAction::Upsert(config), _) => config.clone(),
            (PolicyAction::Merge(patch), Some(policy)) => patch.apply(&policy.config)?,
            (PolicyAction::Delete, Some(_)) => return Ok(None),
            (_, None) => return Err(policy_not_found(&self.institution_id, self.region)),
        };
        config.check_consistent(self.region)?;
        Ok(Some(Policy {
            id: before.map_or(&self.new_id, |policy| &policy.id).clone(),
            institution_id: self.institution_id.clone(),
            region: self.region,
            config,
            version: last_version.saturating_add(1),
            created_at: before.map_or(at, |policy| policy.created_at),
            updated_at: at,
        }))
    }

    /// The entry that the history keeps of this change.
    #[must_use]
    pub fn history(
        &self,
        before: Option<&Policy>,
        after: Option<&Policy>,
        last_version: u64,
        actor: &Actor,
        at: Timestamp,
    ) -> PolicyVersion {
        PolicyVersion {
            policy_id: after.or(before).map_or(&self.new_id, |policy| &policy.id).clone(),
            institution_id: self.institution_id.clone(),
            region: self.region,
            version: last_version.saturating_add(1),
            action: match self.action {
                PolicyAction::Upsert(_) => HistoryAction::Upserted,
                PolicyAction::Merge(_) => HistoryAction::Merged,
                PolicyAction::Delete => HistoryAction::Deleted,
            },
            config: after.map(|policy| policy.config.clone()),
            changed_by: actor.clone(),
            changed_at: at,
        }
    }
}

/// One version of a policy, as the history keeps it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersion {
    /// The policy's id.
    pub policy_id: PolicyId,
    /// Whose policy it was.
    pub institution_id: InstitutionId,
    /// Where it held.
    pub region: Region,
    /// The version that this change made.
    pub version: u64,
    /// What happened.
    pub action: HistoryAction,
    /// The config from then on; `None` after a deletion.
    pub config: Option<PolicyConfig>,
    /// Who did it.
    pub changed_by: Actor,
    /// When.
    pub changed_at: Timestamp,
}

/// What happened to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryAction {
    /// Created, or its config replaced.
    Upserted,
    /// A patch was merged.
    Merged,
    /// Deleted.
    Deleted,
}

/// Which policies of an institution to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyQuery {
    /// Whose policies.
    pub institution_id: InstitutionId,
    /// The page, ordered by creation.
    pub page: PageRequest,
}

/// Which policy's history to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyHistoryQuery {
    /// Whose policy.
    pub institution_id: InstitutionId,
    /// Where it holds.
    pub region: Region,
    /// The page, ordered by version.
    pub page: PageRequest,
}

/// The error for a policy that is not there.
pub(crate) fn policy_not_found(institution_id: &InstitutionId, region: Region) -> Error {
    Error::new(Reason::PolicyNotFound, format!("{institution_id} has no policy in {region}")).field("region")
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

    fn change(action: PolicyAction) -> PolicyChange {
        PolicyChange {
            institution_id: "acme".parse().unwrap(),
            region: "US".parse().unwrap(),
            action,
            expected_version: None,
            new_id: PolicyId::generate().unwrap(),
        }
    }

    fn upsert(json: &str) -> Result<Policy> {
        let config = PolicyConfig::from_json(json)?;
        config.check(&Vocabulary::default(), "US".parse()?)?;
        change(PolicyAction::Upsert(config)).apply(None, 0, Timestamp::now()).map(Option::unwrap)
    }

    fn merged(config: &str, patch: &str) -> Result<String> {
        let policy = upsert(config)?;
        let change = change(PolicyAction::Merge(PolicyPatch::from_json(patch)?));
        Ok(change.apply(Some(&policy), 1, Timestamp::now())?.unwrap().config.to_json())
    }

    #[test]
    fn unknown_members_are_kept_and_given_back() {
        let json = r#"{"region":"US","position":{"minAmount":1,"maxAmount":"2.50","allowedCurrencies":["usd"],"tier":{"a":[1,2.5]}},"note":null,"owner":"x"}"#;
        let kept = r#"{"region":"US","position":{"minAmount":1,"maxAmount":2.5,"allowedCurrencies":["USD"],"tier":{"a":[1,2.5]}},"note":null,"owner":"x"}"#;
        assert_eq!(upsert(json).unwrap().config.to_json(), kept);
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

    #[test]
    fn a_merge_that_breaks_a_rule_is_refused() {
        let config = r#"{"position":{"minAmount":1,"maxAmount":5}}"#;
        let reason = |patch| merged(config, patch).unwrap_err().reason();
        assert_eq!(reason(r#"{"position":{"minAmount":6}}"#), Reason::MinAboveMax);
        assert_eq!(reason(r#"{"position":null}"#), Reason::Required);
        assert_eq!(reason(r#"{"region":"SG"}"#), Reason::RegionMismatch);
        assert_eq!(reason(r#"{"position":{"maxAmount":"x"}}"#), Reason::NotADecimal);
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
            let error = upsert(json).unwrap_err();
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

    #[test]
    fn versions_guard_creation_change_and_deletion() {
        let policy = upsert(r#"{"position":{}}"#).unwrap();
        let expecting = |expected_version, before: Option<&Policy>| {
            let change =
                PolicyChange { expected_version: Some(expected_version), ..change(PolicyAction::Upsert(policy.config.clone())) };
            change.apply(before, 1, Timestamp::now()).map(|after| after.unwrap().version)
        };
        assert_eq!(expecting(1, Some(&policy)).unwrap(), 2);
        assert_eq!(expecting(0, Some(&policy)).unwrap_err().reason(), Reason::VersionMismatch);
        assert_eq!(expecting(1, None).unwrap_err().reason(), Reason::VersionMismatch);
        assert_eq!(expecting(0, None).unwrap(), 2);
    }
}
