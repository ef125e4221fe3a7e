//! Reads the arguments of operations. What is wrong with one is told with the name of the field that is to blame.

use doorward::{
    AddressList, ApiKeyId, Error, ImportedKey, InstitutionId, KeyPatch, KeyStatus, NewKey, Order, PageRequest, PolicyConfig,
    PolicyPatch, Position, Reason, Region, Role, Timestamp, metadata_from_json,
};
use pyo3::{
    exceptions::PyAttributeError,
    intern,
    prelude::*,
    types::{PyInt, PyString},
};
use serde_json::{Map, Value};

use crate::{
    amount, document,
    error::{Trouble, wrong_type},
    rate_limit::rate_limit,
    time,
};

pub(crate) type Given<'a, 'py> = &'a Bound<'py, PyAny>;

/// A text. A lone surrogate in it is no character.
pub(crate) fn text<'a>(value: Given<'a, '_>, field: &'static str) -> Result<&'a str, Trouble> {
    item(value).map_err(|trouble| trouble.inside(field))
}

/// A text of a list, whose place is named by whoever reads the list.
fn item<'a>(value: Given<'a, '_>) -> Result<&'a str, Trouble> {
    let text = value.cast::<PyString>().map_err(|_| wrong_type(value, "", "be a text"))?;
    text.to_str().map_err(|_| Error::new(Reason::NotUtf8, "must be Unicode").into())
}

/// An argument that is not left out may be anything: it is read in the call, so that what is wrong with it is told with its name.
pub(crate) enum Preset<'py, T> {
    /// What counts unless another is given.
    Unless(T),
    Given(Bound<'py, PyAny>),
}

impl<'py, T> FromPyObject<'_, 'py> for Preset<'py, T> {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self::Given(value.to_owned()))
    }
}

impl Preset<'_, &'static str> {
    pub(crate) fn text(&self, field: &'static str) -> Result<&str, Trouble> {
        match self {
            Self::Unless(preset) => Ok(preset),
            Self::Given(value) => text(value, field),
        }
    }
}

impl Preset<'_, u64> {
    pub(crate) fn whole(&self, field: &'static str) -> Result<Option<u64>, Trouble> {
        match self {
            Self::Unless(preset) => Ok(Some(*preset)),
            Self::Given(value) => whole(value, field),
        }
    }
}

pub(crate) fn institution(value: Given<'_, '_>) -> Result<InstitutionId, Trouble> {
    Ok(text(value, "institution_id")?.parse()?)
}

pub(crate) fn key(value: Given<'_, '_>) -> Result<ApiKeyId, Trouble> {
    Ok(text(value, "key_id")?.parse()?)
}

pub(crate) fn region(value: Given<'_, '_>) -> Result<Region, Trouble> {
    Ok(text(value, "region")?.parse()?)
}

/// Something that may be `None`.
pub(crate) fn optional<'a, 'py, T>(
    value: Option<Given<'a, 'py>>,
    read: impl FnOnce(Given<'a, 'py>) -> Result<T, Trouble>,
) -> Result<Option<T>, Trouble> {
    value.map(read).transpose()
}

/// The items of a list. A text is no list of characters.
fn items<'py>(value: Given<'_, 'py>, field: &'static str) -> Result<impl Iterator<Item = PyResult<Bound<'py, PyAny>>>, Trouble> {
    let items = if value.is_instance_of::<PyString>() { None } else { value.try_iter().ok() };
    items.ok_or_else(|| wrong_type(value, field, "be a list"))
}

/// Reads each item of a list; errors name its place and what in it is to blame.
fn each<T>(
    value: Given<'_, '_>,
    field: &'static str,
    read: impl Fn(Given<'_, '_>) -> Result<T, Trouble>,
) -> Result<Vec<T>, Trouble> {
    let place = |index: usize| format!("{field}[{index}]");
    items(value, field)?.enumerate().map(|(index, item)| read(&item?).map_err(|trouble| trouble.inside(&place(index)))).collect()
}

/// A list of texts.
fn texts(value: Given<'_, '_>, field: &'static str) -> Result<Vec<String>, Trouble> {
    each(value, field, |text| Ok(item(text)?.to_owned()))
}

/// The texts of a list, joined by commas as a configuration variable has them.
pub(crate) fn joined(value: Given<'_, '_>, field: &'static str) -> Result<String, Trouble> {
    Ok(texts(value, field)?.join(","))
}

pub(crate) fn regions(value: Given<'_, '_>) -> Result<Vec<Region>, Trouble> {
    let read = |(index, code): (usize, &String)| code.parse().map_err(|error: Error| error.field(format!("regions[{index}]")));
    Ok(texts(value, "regions")?.iter().enumerate().map(read).collect::<doorward::Result<_>>()?)
}

pub(crate) fn role(value: Given<'_, '_>) -> Result<Role, Trouble> {
    Ok(text(value, "role")?.parse()?)
}

fn addresses(value: Given<'_, '_>) -> Result<AddressList, Trouble> {
    const FIELD: &str = "allowed_addresses";
    AddressList::new(texts(value, FIELD)?).map_err(|error| {
        let entry = error.blamed_field().unwrap_or_default().to_owned();
        error.field(format!("{FIELD}{entry}")).into()
    })
}

fn metadata(value: Given<'_, '_>) -> Result<Map<String, Value>, Trouble> {
    Ok(metadata_from_json(&document::text(value, "metadata")?)?)
}

pub(crate) fn config(value: Given<'_, '_>) -> Result<PolicyConfig, Trouble> {
    Ok(PolicyConfig::from_json(&document::text(value, "config")?)?)
}

pub(crate) fn patch(value: Given<'_, '_>) -> Result<PolicyPatch, Trouble> {
    Ok(PolicyPatch::from_json(&document::text(value, "patch")?)?)
}

/// A whole number; nothing for one that is negative, or larger than any that counts.
fn whole(value: Given<'_, '_>, field: &'static str) -> Result<Option<u64>, Trouble> {
    if !value.is_instance_of::<PyInt>() && !value.hasattr("__index__")? {
        return Err(wrong_type(value, field, "be an int"));
    }
    Ok(value.extract().ok())
}

/// A whole number that is not negative.
pub(crate) fn number(value: Given<'_, '_>, field: &'static str) -> Result<u64, Trouble> {
    let out_of_range = || Error::new(Reason::OutOfRange, "must be a whole number from 0 to 2^64 - 1").field(field);
    Ok(whole(value, field)?.ok_or_else(out_of_range)?)
}

pub(crate) fn version(value: Given<'_, '_>) -> Result<u64, Trouble> {
    number(value, "expected_version")
}

pub(crate) fn time(value: Given<'_, '_>, field: &'static str) -> Result<Timestamp, Trouble> {
    time::from_python(value, field)
}

/// The page that is asked for.
pub(crate) fn page(
    limit: &Preset<'_, u64>,
    cursor: Option<Given<'_, '_>>,
    order: &Preset<'_, &'static str>,
) -> Result<PageRequest, Trouble> {
    let order = match order.text("order")? {
        "newest_first" => Order::NewestFirst,
        "oldest_first" => Order::OldestFirst,
        _ => return Err(Error::new(Reason::InvalidFormat, "must be newest_first or oldest_first").field("order").into()),
    };
    let cursor = optional(cursor, |cursor| Ok(text(cursor, "cursor")?.parse()?))?;
    // What is negative or endless is as little a limit as 0.
    let limit = limit.whole("limit")?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or_default();
    Ok(PageRequest { limit, cursor, order })
}

pub(crate) fn status(value: Given<'_, '_>) -> Result<KeyStatus, Trouble> {
    Ok(text(value, "status")?.parse()?)
}

/// A key to be created, of its parts.
pub(crate) fn new_key(
    label: Given<'_, '_>,
    role: Given<'_, '_>,
    expires_at: Option<Given<'_, '_>>,
    allowed_addresses: Option<Given<'_, '_>>,
    rate_limit: Option<Given<'_, '_>>,
    metadata: Option<Given<'_, '_>>,
) -> Result<NewKey, Trouble> {
    let mut key = NewKey::new(text(label, "label")?, self::role(role)?);
    if let Some(at) = expires_at {
        key = key.expires_at(time(at, "expires_at")?);
    }
    if let Some(entries) = allowed_addresses {
        key = key.allowed_addresses(addresses(entries)?);
    }
    if let Some(limit) = rate_limit {
        key = key.rate_limit(self::rate_limit(limit)?);
    }
    if let Some(metadata) = metadata {
        key = key.metadata(self::metadata(metadata)?);
    }
    Ok(key)
}

/// What takes the place of something: `...`, which is also the default, leaves that as it is, `None` removes it.
pub(crate) enum Replacement<'py> {
    Kept,
    Given(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Replacement<'py> {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(if value.is(value.py().Ellipsis()) { Self::Kept } else { Self::Given(value.to_owned()) })
    }
}

impl<'py> Replacement<'py> {
    fn read<T>(&self, read: impl FnOnce(Given<'_, 'py>) -> Result<T, Trouble>) -> Result<Option<Option<T>>, Trouble> {
        match self {
            Self::Kept => Ok(None),
            Self::Given(none) if none.is_none() => Ok(Some(None)),
            Self::Given(value) => read(value).map(|value| Some(Some(value))),
        }
    }
}

/// What is to change about a key.
pub(crate) fn key_patch(
    label: Option<Given<'_, '_>>,
    expires_at: &Replacement<'_>,
    allowed_addresses: Option<Given<'_, '_>>,
    rate_limit: &Replacement<'_>,
    metadata: Option<Given<'_, '_>>,
    expected_version: Option<Given<'_, '_>>,
) -> Result<KeyPatch, Trouble> {
    Ok(KeyPatch {
        label: optional(label, |label| Ok(text(label, "label")?.to_owned()))?,
        expires_at: expires_at.read(|at| time(at, "expires_at"))?,
        allowed_addresses: optional(allowed_addresses, addresses)?,
        rate_limit: rate_limit.read(self::rate_limit)?,
        metadata: optional(metadata, self::metadata)?,
        expected_version: optional(expected_version, version)?,
    })
}

/// An attribute of what is made of several. What lacks one is something else.
fn part<'py>(value: Given<'_, 'py>, name: &Bound<'py, PyString>, place: &str, whole: &str) -> Result<Bound<'py, PyAny>, Trouble> {
    value.getattr(name).map_err(|error| match error.is_instance_of::<PyAttributeError>(value.py()) {
        true => wrong_type(value, place, whole),
        false => error.into(),
    })
}

/// A key of a list, by its attributes.
fn described(value: Given<'_, '_>, whole: &str) -> Result<NewKey, Trouble> {
    let part = |name: &str| part(value, &PyString::new(value.py(), name), "", whole);
    let (expires_at, allowed) = (part("expires_at")?, part("allowed_addresses")?);
    let (limit, metadata) = (part("rate_limit")?, part("metadata")?);
    let [expires_at, limit, metadata] = [&expires_at, &limit, &metadata].map(|part| (!part.is_none()).then_some(part));
    new_key(&part("label")?, &part("role")?, expires_at, Some(&allowed), limit, metadata)
}

pub(crate) fn new_keys(value: Given<'_, '_>) -> Result<Vec<NewKey>, Trouble> {
    each(value, "keys", |item| described(item, "be a NewKey"))
}

pub(crate) fn imported_keys(value: Given<'_, '_>) -> Result<Vec<ImportedKey>, Trouble> {
    each(value, "keys", |item| {
        const WHOLE: &str = "be an ImportedKey";
        let key_hash = text(&part(item, intern!(item.py(), "key_hash"), "", WHOLE)?, "key_hash")?.parse()?;
        Ok(ImportedKey { key_hash, key: described(item, WHOLE)? })
    })
}

/// A position, by its attributes.
pub(crate) fn position(value: Given<'_, '_>) -> Result<Position, Trouble> {
    position_at(value, "position")
}

fn position_at(value: Given<'_, '_>, place: &str) -> Result<Position, Trouble> {
    let (py, whole) = (value.py(), "be a Position");
    let amount = part(value, intern!(py, "amount"), place, whole)?;
    let currency = part(value, intern!(py, "currency"), place, whole)?;
    Ok(Position { amount: amount::from_python(&amount, "amount")?, currency: text(&currency, "currency")?.parse()? })
}

pub(crate) fn positions(value: Given<'_, '_>) -> Result<Vec<Position>, Trouble> {
    each(value, "positions", |item| position_at(item, ""))
}
