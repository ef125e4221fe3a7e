//! The host's own data on a key: the rules of JSON that it must keep to.

use serde_json::{Map, Value};

use crate::{
    error::{Error, Reason, Result},
    model::json,
};

/// Reads a key's metadata from JSON text.
///
/// # Errors
/// `Validation`: `invalid_json`, `too_large`, `too_deep`, `duplicate_key`, `nul_character`, `unsafe_number`.
pub fn metadata_from_json(text: &str) -> Result<Map<String, Value>> {
    json::parse_map("metadata", text)
}

/// Data that a host built itself passes the same rules as data read from JSON.
pub(super) fn check_metadata(metadata: &Map<String, Value>) -> Result<()> {
    if metadata.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string(metadata)
        .map_err(|error| Error::new(Reason::InvalidJson, "is not JSON").field("metadata").because(error))?;
    json::parse_map("metadata", &text).map(|_| ())
}
