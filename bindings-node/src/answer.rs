//! What goes back to JavaScript: the JSON of an answer, or `!` and the JSON of an error.

use doorward::{CreatedKey, Error, Reason, Result};
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

fn failure(error: &Error, operation: &str) -> String {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(Value::from(cause.to_string()));
        source = cause.source();
    }
    let after = error.retry_after().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let described = json!({
        "kind": error.kind().as_str(),
        "reason": error.reason().as_str(),
        "status": error.kind().http_status(),
        "retryable": error.is_retryable(),
        "retryAfter": after,
        "operation": words::camel(error.operation().unwrap_or(operation)),
        "field": error.blamed_field().map(words::field),
        "message": error.message(),
        "causes": causes,
    });
    format!("!{described}")
}
