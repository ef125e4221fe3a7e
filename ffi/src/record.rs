//! A record and its JSON, which is written when it is first asked for.

use std::sync::OnceLock;

use serde::Serialize;

use crate::text::dw_str;

pub(crate) struct Record<T> {
    pub(crate) value: T,
    json: OnceLock<String>,
}

impl<T: Serialize> Record<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, json: OnceLock::new() }
    }

    pub(crate) fn json(&self) -> dw_str {
        // Writing a record fails for maps whose keys are not texts; there are none.
        dw_str::of(self.json.get_or_init(|| serde_json::to_string(&self.value).unwrap_or_default()))
    }
}

/// A text of a record, written when it is first asked for.
#[derive(Default)]
pub(crate) struct Written(OnceLock<Option<String>>);

impl Written {
    pub(crate) fn text<T: ToString>(&self, value: impl FnOnce() -> Option<T>) -> dw_str {
        dw_str::of_optional(self.0.get_or_init(|| value().map(|value| value.to_string())).as_deref())
    }
}
