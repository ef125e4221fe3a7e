//! What the package's JavaScript has from the core's tables: reasons and kinds, the exact text of amounts, the version.

use doorward::{Error, Reason, Result};
use napi_derive::napi;
use serde_json::{json, value::RawValue};

use crate::{answer, arguments::amount, task::caught};

/// Every reason in the order of its number, as the JSON of `[{reason, kind}]`.
#[napi(catch_unwind)]
pub fn reasons() -> String {
    let reason = |reason: &Reason| json!({ "kind": reason.kind().as_str(), "reason": reason.as_str() });
    serde_json::Value::Array(Reason::ALL.iter().map(reason).collect()).to_string()
}

/// The exact decimal text of an amount, which is given as JSON; or an error.
#[napi(catch_unwind)]
pub fn amount_text(json: String) -> String {
    let text: Result<String> = caught(|| {
        let refused = |error| Error::new(Reason::NotADecimal, "must be decimal text, a number or a bigint").because(error);
        let raw: Box<RawValue> = serde_json::from_str(&json).map_err(refused)?;
        Ok(amount(&raw).map_err(|error| error.field("amount"))?.to_string())
    });
    answer::text(text, "amount_text")
}

/// The version of this addon.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
