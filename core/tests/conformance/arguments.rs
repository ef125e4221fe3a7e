//! Reads the arguments of a step. What no operation asked for is left over, and makes the step fail.
//!
//! Texts that a typed argument refuses (an unknown role, a malformed cursor) give the error that reading them gives: in
//! other languages the operation itself reads them.

use std::{str::FromStr, time::Duration};

use doorward::{
    Error, Request,
    model::{
        address::{AddressList, parse_address},
        amount::Amount,
        api_key::{KeyPatch, NewKey, metadata_from_json},
        code::Region,
        decision::Position,
        id::InstitutionId,
        page::PageRequest,
        policy::{PolicyConfig, PolicyPatch},
        rate_limit::RateLimit,
    },
};
use serde_json::{Map, Value};

use crate::world::Trouble;

pub(crate) struct Arguments(Map<String, Value>);

type Read<T> = Result<T, Trouble>;

impl Arguments {
    pub(crate) fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Fails if the step has an argument that the operation does not know.
    pub(crate) fn finish(self) -> Read<()> {
        match self.0.keys().next() {
            Some(name) => Err(Trouble::Broken(format!("an argument that this operation does not know: {name}"))),
            None => Ok(()),
        }
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    pub(crate) fn optional_text(&mut self, name: &str) -> Read<Option<String>> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Trouble::Broken(format!("{name} must be a text: {other}"))),
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Read<String> {
        self.optional_text(name)?.ok_or_else(|| Trouble::Broken(format!("{name} is missing")))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Read<bool> {
        self.take(name)
            .map_or(Ok(false), |value| value.as_bool().ok_or_else(|| Trouble::Broken(format!("{name} must be true or false"))))
    }

    pub(crate) fn number(&mut self, name: &str) -> Read<Option<u64>> {
        let number =
            |value: Value| value.as_u64().ok_or_else(|| Trouble::Broken(format!("{name} must be a whole number: {value}")));
        self.take(name).map(number).transpose()
    }

    pub(crate) fn list(&mut self, name: &str) -> Read<Vec<Value>> {
        match self.take(name) {
            Some(Value::Array(items)) => Ok(items),
            other => Err(Trouble::Broken(format!("{name} must be a list: {other:?}"))),
        }
    }

    /// A text that is read as a value of a type of its own.
    pub(crate) fn parsed<T>(&mut self, name: &str) -> Read<T>
    where
        T: FromStr,
        Trouble: From<T::Err>,
    {
        Ok(self.text(name)?.parse()?)
    }

    /// The same where it may be left out.
    pub(crate) fn optional<T>(&mut self, name: &str) -> Read<Option<T>>
    where
        T: FromStr,
        Trouble: From<T::Err>,
    {
        Ok(self.optional_text(name)?.map(|text| text.parse()).transpose()?)
    }

    pub(crate) fn institution(&mut self) -> Read<InstitutionId> {
        self.parsed("institutionId")
    }

    pub(crate) fn region(&mut self) -> Read<Region> {
        self.parsed("region")
    }

    pub(crate) fn regions(&mut self) -> Read<Option<Vec<Region>>> {
        let Some(value) = self.take("regions") else { return Ok(None) };
        let codes = texts("regions", value)?;
        let read =
            |(index, code): (usize, &String)| code.parse().map_err(|error: Error| error.field(format!("regions[{index}]")));
        Ok(Some(codes.iter().enumerate().map(read).collect::<Result<_, _>>()?))
    }

    pub(crate) fn page(&mut self) -> Read<PageRequest> {
        let mut page = PageRequest::default();
        if let Some(limit) = self.number("limit")? {
            page.limit = usize::try_from(limit).unwrap_or(usize::MAX);
        }
        page.cursor = self.optional("cursor")?;
        if let Some(order) = self.take("order") {
            page.order = serde_json::from_value(order).map_err(|error| error.to_string())?;
        }
        Ok(page)
    }

    fn json(&mut self, name: &str) -> Read<Option<String>> {
        match (self.take(name), self.optional_text(&format!("{name}Text"))?) {
            (Some(value), None) => Ok(Some(value.to_string())),
            (None, text) => Ok(text),
            (Some(_), Some(_)) => Err(Trouble::Broken(format!("{name} is given twice"))),
        }
    }

    pub(crate) fn config(&mut self) -> Read<PolicyConfig> {
        let text = self.json("config")?.ok_or_else(|| "config is missing".to_owned())?;
        Ok(PolicyConfig::from_json(&text)?)
    }

    pub(crate) fn patch(&mut self) -> Read<PolicyPatch> {
        let text = self.json("patch")?.ok_or_else(|| "patch is missing".to_owned())?;
        Ok(PolicyPatch::from_json(&text)?)
    }

    pub(crate) fn position(&mut self) -> Read<Position> {
        let value = self.take("position").ok_or_else(|| "position is missing".to_owned())?;
        position(value, None)
    }

    pub(crate) fn positions(&mut self) -> Read<Vec<Position>> {
        self.list("positions")?.into_iter().enumerate().map(|(index, value)| position(value, Some(index))).collect()
    }

    fn addresses(&mut self) -> Read<Option<AddressList>> {
        let Some(value) = self.take("allowedAddresses") else { return Ok(None) };
        let entries = texts("allowedAddresses", value)?;
        let named = |error: Error| {
            let entry = error.blamed_field().unwrap_or_default().to_owned();
            error.field(format!("allowed_addresses{entry}"))
        };
        Ok(Some(AddressList::new(entries).map_err(named)?))
    }

    fn metadata(&mut self) -> Read<Option<Map<String, Value>>> {
        let text = self.json("metadata")?;
        Ok(text.map(|text| metadata_from_json(&text)).transpose()?)
    }

    /// A key to be created, from the arguments that describe it.
    pub(crate) fn new_key(&mut self) -> Read<NewKey> {
        let mut key = NewKey::new(self.text("label")?, self.parsed("role")?);
        if let Some(at) = self.optional_time("expiresAt")? {
            key = key.expires_at(at);
        }
        if let Some(addresses) = self.addresses()? {
            key = key.allowed_addresses(addresses);
        }
        if let Some(limit) = self.rate_limit()? {
            key = key.rate_limit(limit);
        }
        if let Some(metadata) = self.metadata()? {
            key = key.metadata(metadata);
        }
        Ok(key)
    }

    /// `{"maxRequests": 10, "windowMs": 1000}`
    fn rate_limit(&mut self) -> Read<Option<RateLimit>> {
        let Some(limit) = self.0.remove("rateLimit").filter(|limit| !limit.is_null()) else { return Ok(None) };
        let number = |name: &str| limit.get(name).and_then(Value::as_u64).ok_or_else(|| format!("{name} must be a number"));
        let (requests, window) = (number("maxRequests")?, number("windowMs")?);
        let limit = RateLimit::new(u32::try_from(requests).unwrap_or(u32::MAX), Duration::from_millis(window));
        Ok(Some(limit.map_err(|error| error.inside("rate_limit"))?))
    }

    pub(crate) fn key_patch(&mut self) -> Read<KeyPatch> {
        let removes_expiry = self.0.get("expiresAt").is_some_and(Value::is_null);
        let expires_at = self.optional_time("expiresAt")?;
        let removes_limit = self.0.get("rateLimit").is_some_and(Value::is_null);
        let rate_limit = self.rate_limit()?;
        Ok(KeyPatch {
            label: self.optional_text("label")?,
            expires_at: if removes_expiry { Some(None) } else { expires_at.map(Some) },
            allowed_addresses: self.addresses()?,
            rate_limit: if removes_limit { Some(None) } else { rate_limit.map(Some) },
            metadata: self.metadata()?,
            expected_version: self.number("expectedVersion")?,
        })
    }

    pub(crate) fn optional_time(&mut self, name: &str) -> Read<Option<doorward::model::time::Timestamp>> {
        let field = if name == "expiresAt" { "expires_at" } else { name };
        let read = |text: String| text.parse().map_err(|error: Error| error.field(field.to_owned()));
        Ok(self.optional_text(name)?.map(read).transpose()?)
    }

    pub(crate) fn request(&mut self) -> Read<Request> {
        let mut request = Request::new();
        let Some(value) = self.take("request") else { return Ok(request) };
        let Value::Object(members) = value else { return Err(Trouble::Broken("request must be an object".to_owned())) };
        let mut members = Self::new(members);
        if let Some(method) = members.optional_text("method")? {
            request = request.method(method);
        }
        if let Some(path) = members.optional_text("path")? {
            request = request.path(path);
        }
        if let Some(id) = members.optional_text("requestId")? {
            request = request.request_id(id);
        }
        if let Some(peer) = members.optional_text("peer")? {
            request = request.peer(parse_address(&peer).ok_or_else(|| format!("not an address: {peer}"))?);
        }
        if let Some(forwarded) = members.optional_text("forwardedFor")? {
            request = request.forwarded_for(forwarded);
        }
        members.finish()?;
        Ok(request)
    }
}

fn texts(name: &str, value: Value) -> Read<Vec<String>> {
    serde_json::from_value(value).map_err(|error| Trouble::Broken(format!("{name}: {error}")))
}

fn position(value: Value, index: Option<usize>) -> Read<Position> {
    let Value::Object(members) = value else { return Err(Trouble::Broken(format!("a position must be an object: {value}"))) };
    let mut members = Arguments::new(members);
    let currency = members.text("currency")?;
    let position = match members.take("amount") {
        Some(Value::String(amount)) => Position::parse(&amount, &currency),
        Some(Value::Number(amount)) => Amount::from_json_number(&amount.to_string())
            .map_err(|error| error.field("amount"))
            .and_then(|amount| Ok(Position { amount, currency: currency.parse()? })),
        other => return Err(Trouble::Broken(format!("an amount must be a text or a number: {other:?}"))),
    };
    members.finish()?;
    Ok(position.map_err(|error| match index {
        Some(index) => error.inside(&format!("positions[{index}]")),
        None => error,
    })?)
}
