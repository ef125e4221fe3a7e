//! A record and its JSON, which is written when it is first asked for.
//!
//! Two threads that ask at once may both write it; one of the two texts stays. Neither waits for the other, which in a forked
//! child would be waiting for a thread that is not there.

use once_cell::race::OnceBox;
use serde::Serialize;

use crate::text::dw_str;

pub(crate) struct Record<T> {
    pub(crate) value: T,
    json: OnceBox<String>,
}

impl<T: Serialize> Record<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, json: OnceBox::new() }
    }

    pub(crate) fn json(&self) -> dw_str {
        // Writing a record fails for maps whose keys are not texts; there are none.
        dw_str::of(self.json.get_or_init(|| Box::new(serde_json::to_string(&self.value).unwrap_or_default())))
    }
}

/// A text of a record, written when it is first asked for.
#[derive(Default)]
pub(crate) struct Written(OnceBox<Option<String>>);

impl Written {
    pub(crate) fn text<T: ToString>(&self, value: impl FnOnce() -> Option<T>) -> dw_str {
        dw_str::of_optional(self.0.get_or_init(|| Box::new(value().map(|value| value.to_string()))).as_deref())
    }
}
