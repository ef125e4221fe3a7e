//! Reads the arguments of a call from their JSON. What is missing, of the wrong type or not known is refused by its name.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use doorward::{
    AddressList, Amount, Error, ImportedKey, InstitutionId, KeyPatch, NewKey, PageRequest, PolicyConfig, PolicyPatch, Position,
    RateLimit, Reason, Region, Result, Timestamp, metadata_from_json,
};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

/// The members of an object that are not yet read.
pub(crate) struct Arguments<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Arguments<'a> {
    /// The arguments of a call.
    pub(crate) fn parse(text: &'a str) -> Result<Self> {
        let members = serde_json::from_str(text);
        members.map(Self).map_err(|error| Error::new(Reason::InvalidJson, "the arguments are not JSON").because(error))
    }

    /// Refuses what was not read: a misspelt name must not pass for an absent one.
    pub(crate) fn finish(self) -> Result<()> {
        match self.0.into_keys().next() {
            Some(name) => Err(Error::new(Reason::InvalidFormat, "is not a name that is known here").field(name)),
            None => Ok(()),
        }
    }

    /// A member that is neither absent nor null.
    fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name).filter(|raw| raw.get() != "null")
    }

    fn required(&mut self, name: &str) -> Result<&'a RawValue> {
        self.take(name).ok_or_else(|| Error::new(Reason::Required, "must be given").field(name.to_owned()))
    }

    /// An object, whose members the caller reads and finishes. An absent one has no members.
    pub(crate) fn object(&mut self, name: &str) -> Result<Self> {
        let Some(raw) = self.take(name) else { return Ok(Self(BTreeMap::new())) };
        members(raw).map_err(|error| error.field(name.to_owned()))
    }

    fn list(&mut self, name: &str) -> Result<Vec<&'a RawValue>> {
        read(self.required(name)?, "a list").map_err(|error| error.field(name.to_owned()))
    }

    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>> {
        let text = self.take(name).map(text).transpose();
        text.map_err(|error| error.field(name.to_owned()))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String> {
        text(self.required(name)?).map_err(|error| error.field(name.to_owned()))
    }

    fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        let items: Vec<&RawValue> = read(raw, "a list of texts").map_err(|error| error.field(name.to_owned()))?;
        let item = |(index, raw)| text(raw).map_err(|error| error.field(format!("{name}[{index}]")));
        items.into_iter().enumerate().map(item).collect::<Result<_>>().map(Some)
    }

    /// Names and values of headers.
    pub(crate) fn headers(&mut self) -> Result<Option<Vec<(String, String)>>> {
        let headers = self.take("headers").map(|raw| read(raw, "pairs of texts")).transpose();
        headers.map_err(|error| error.field("headers"))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<bool> {
        let flag = self.take(name).map(|raw| read(raw, "true or false")).transpose();
        flag.map(Option::unwrap_or_default).map_err(|error| error.field(name.to_owned()))
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<Option<u64>> {
        let number = |raw: &RawValue| match raw.get().parse() {
            Ok(number) => Ok(number),
            Err(_) if read::<f64>(raw, "a number").is_ok() => {
                Err(Error::new(Reason::OutOfRange, "must be a whole number, 0 or more"))
            }
            Err(_) => Err(wrong_type("a number")),
        };
        let number = self.take(name).map(number).transpose();
        number.map_err(|error| error.field(name.to_owned()))
    }

    pub(crate) fn millis(&mut self, name: &str) -> Result<Option<Duration>> {
        Ok(self.number(name)?.map(Duration::from_millis))
    }

    /// A text that is read as a value of a type of its own.
    pub(crate) fn parsed<T: FromStr<Err = Error>>(&mut self, name: &str) -> Result<T> {
        self.text(name)?.parse()
    }

    /// The same where it may be left out.
    pub(crate) fn optional<T: FromStr<Err = Error>>(&mut self, name: &str) -> Result<Option<T>> {
        self.optional_text(name)?.map(|text| text.parse()).transpose()
    }

    pub(crate) fn institution(&mut self) -> Result<InstitutionId> {
        self.parsed("institutionId")
    }

    pub(crate) fn region(&mut self) -> Result<Region> {
        self.parsed("region")
    }

    pub(crate) fn regions(&mut self) -> Result<Option<Vec<Region>>> {
        let Some(codes) = self.texts("regions")? else { return Ok(None) };
        let region =
            |(index, code): (usize, &String)| code.parse().map_err(|error: Error| error.field(format!("regions[{index}]")));
        codes.iter().enumerate().map(region).collect::<Result<_>>().map(Some)
    }

    /// `limit`, `cursor` and `order` of a list's query.
    pub(crate) fn page(&mut self) -> Result<PageRequest> {
        let mut page = PageRequest::default();
        if let Some(limit) = self.number("limit")? {
            page.limit = usize::try_from(limit).unwrap_or(usize::MAX);
        }
        page.cursor = self.optional("cursor")?;
        if let Some(order) = self.optional_text("order")? {
            let expected = "must be newest_first or oldest_first";
            page.order =
                serde_json::from_value(order.into()).map_err(|_| Error::new(Reason::InvalidFormat, expected).field("order"))?;
        }
        Ok(page)
    }

    pub(crate) fn time(&mut self, name: &str) -> Result<Option<Timestamp>> {
        let time = self.optional_text(name)?.map(|text| text.parse()).transpose();
        time.map_err(|error: Error| error.field(name.to_owned()))
    }

    /// A JSON document: itself, or a text that holds it.
    fn document(&mut self, name: &str) -> Result<Option<String>> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        if raw.get().starts_with('"') { text(raw).map(Some) } else { Ok(Some(raw.get().to_owned())) }
    }

    pub(crate) fn config(&mut self) -> Result<PolicyConfig> {
        let document = self.document("config")?;
        PolicyConfig::from_json(&document.ok_or_else(|| Error::new(Reason::Required, "must be given").field("config"))?)
    }

    pub(crate) fn patch(&mut self) -> Result<PolicyPatch> {
        let document = self.document("patch")?;
        PolicyPatch::from_json(&document.ok_or_else(|| Error::new(Reason::Required, "must be given").field("patch"))?)
    }

    fn metadata(&mut self) -> Result<Option<Map<String, Value>>> {
        self.document("metadata")?.map(|text| metadata_from_json(&text)).transpose()
    }

    fn addresses(&mut self) -> Result<Option<AddressList>> {
        let list = self.texts("allowedAddresses")?.map(AddressList::new).transpose();
        list.map_err(|error| error.inside("allowed_addresses"))
    }

    /// The members of a key that is to be created.
    fn key_members(&mut self) -> Result<NewKey> {
        let mut key = NewKey::new(self.text("label")?, self.parsed("role")?);
        key.expires_at = self.time("expiresAt")?;
        if let Some(addresses) = self.addresses()? {
            key = key.allowed_addresses(addresses);
        }
        key.rate_limit = self.rate_limit()?;
        if let Some(metadata) = self.metadata()? {
            key = key.metadata(metadata);
        }
        Ok(key)
    }

    /// A rate limit, which has both of its members.
    fn rate_limit(&mut self) -> Result<Option<RateLimit>> {
        let Some(raw) = self.take("rateLimit") else { return Ok(None) };
        let read = || {
            let mut members = members(raw)?;
            let [most, window] = ["maxRequests", "windowMs"]
                .map(|name| members.number(name)?.ok_or_else(|| Error::new(Reason::Required, "must be given").field(name)));
            let (most, window) = (most?, window?);
            members.finish()?;
            RateLimit::new(u32::try_from(most).unwrap_or(u32::MAX), Duration::from_millis(window))
        };
        read().map(Some).map_err(|error| error.inside("rateLimit"))
    }

    pub(crate) fn new_key(&mut self) -> Result<NewKey> {
        let mut members = self.object("key")?;
        let key = members.key_members()?;
        members.finish()?;
        Ok(key)
    }

    pub(crate) fn new_keys(&mut self) -> Result<Vec<NewKey>> {
        self.each("keys", Self::key_members)
    }

    pub(crate) fn imported_keys(&mut self) -> Result<Vec<ImportedKey>> {
        self.each("keys", |members| Ok(ImportedKey { key_hash: members.parsed("keyHash")?, key: members.key_members()? }))
    }

    pub(crate) fn key_patch(&mut self) -> Result<KeyPatch> {
        let mut members = self.object("patch")?;
        let [removes_expiry, removes_limit] =
            ["expiresAt", "rateLimit"].map(|name| members.0.get(name).is_some_and(|raw| raw.get() == "null"));
        let (expires_at, rate_limit) = (members.time("expiresAt")?, members.rate_limit()?);
        let patch = KeyPatch {
            label: members.optional_text("label")?,
            expires_at: if removes_expiry { Some(None) } else { expires_at.map(Some) },
            allowed_addresses: members.addresses()?,
            rate_limit: if removes_limit { Some(None) } else { rate_limit.map(Some) },
            metadata: members.metadata()?,
            expected_version: members.number("expectedVersion")?,
        };
        members.finish()?;
        Ok(patch)
    }

    pub(crate) fn position(&mut self) -> Result<Position> {
        let mut members = self.object("position")?;
        let position = members.position_members()?;
        members.finish()?;
        Ok(position)
    }

    pub(crate) fn positions(&mut self) -> Result<Vec<Position>> {
        self.each("positions", Self::position_members)
    }

    fn position_members(&mut self) -> Result<Position> {
        let amount = amount(self.required("amount")?).map_err(|error| error.field("amount"))?;
        Ok(Position { amount, currency: self.parsed("currency")? })
    }

    /// Reads a list of objects; errors name the place (`keys[3].label`).
    fn each<T>(&mut self, name: &str, item: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let one = |(index, raw)| {
            let place = format!("{name}[{index}]");
            let mut members = members(raw).map_err(|error| error.field(place.clone()))?;
            item(&mut members).and_then(|value| members.finish().map(|()| value)).map_err(|error| error.inside(&place))
        };
        self.list(name)?.into_iter().enumerate().map(one).collect()
    }

    pub(crate) fn expected_version(&mut self) -> Result<Option<u64>> {
        let mut check = self.object("check")?;
        let version = check.number("expectedVersion")?;
        check.finish()?;
        Ok(version)
    }
}

/// An amount: a number from its own text, or a decimal text.
pub(crate) fn amount(raw: &RawValue) -> Result<Amount> {
    match raw.get().as_bytes().first() {
        Some(b'"') => text(raw)?.parse(),
        Some(b'-' | b'0'..=b'9') => Amount::from_json_number(raw.get()),
        _ => Err(Error::new(Reason::NotADecimal, "must be decimal text, a number or a bigint")),
    }
}

fn members(raw: &RawValue) -> Result<Arguments<'_>> {
    if !raw.get().starts_with('{') {
        return Err(wrong_type("an object"));
    }
    read(raw, "an object").map(Arguments)
}

fn text(raw: &RawValue) -> Result<String> {
    if !raw.get().starts_with('"') {
        return Err(wrong_type("a text"));
    }
    // The one thing that a text of JavaScript can have and UTF-8 cannot.
    serde_json::from_str(raw.get()).map_err(|_| Error::new(Reason::NotUtf8, "must not have half of a surrogate pair"))
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, expected: &str) -> Result<T> {
    serde_json::from_str(raw.get()).map_err(|_| wrong_type(expected))
}

fn wrong_type(expected: &str) -> Error {
    Error::new(Reason::InvalidJson, format!("must be {expected}"))
}
