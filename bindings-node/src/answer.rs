//! What goes back to JavaScript: the JSON of an answer, or `!` and the JSON of an error.

use std::{collections::BTreeMap, time::Duration};

use doorward::{CreatedKey, Error, RateLimitStatus, Reason, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::words;

/// The JSON of an answer.
pub(crate) fn written(answer: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(answer).map_err(|error| Error::new(Reason::Bug, "the answer is not JSON").because(error))
}

/// A key with its token, which its own JSON does not show.
#[derive(Serialize)]
pub(crate) struct Revealed<'a> {
    token: &'a str,
    record: &'a doorward::ApiKey,
}

impl<'a> Revealed<'a> {
    pub(crate) fn of(created: &'a CreatedKey) -> Self {
        Self { token: created.token.reveal(), record: &created.record }
    }
}

/// An answer, or the error that came instead, as one text. `operation` is the one that was called.
pub(crate) fn text(answer: Result<String>, operation: &str) -> String {
    answer.unwrap_or_else(|error| failure(&error, operation))
}

/// A time in whole milliseconds, rounded up: who waits for as long has waited long enough.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// What is left of a rate limit, and the fields that tell a caller.
pub(crate) fn limit(left: &RateLimitStatus) -> Value {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Left<'a> {
        #[serde(flatten)]
        status: &'a RateLimitStatus,
        http_fields: BTreeMap<&'static str, String>,
    }
    json!(Left { status: left, http_fields: left.http_fields().into_iter().collect() })
}

fn failure(error: &Error, operation: &str) -> String {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(Value::from(cause.to_string()));
        source = cause.source();
    }
    let described = json!({
        "kind": error.kind().as_str(),
        "reason": error.reason().as_str(),
        "status": error.kind().http_status(),
        "retryable": error.is_retryable(),
        "retryAfterMs": error.retry_after().map(millis),
        "rateLimit": error.rate_limit().as_ref().map(limit),
        "operation": words::camel(error.operation().unwrap_or(operation)),
        "field": error.blamed_field().map(words::field),
        "message": error.message(),
        "causes": causes,
    });
    format!("!{described}")
}
