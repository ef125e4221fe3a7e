//! Rate limits: one that a key has or is to have, and what is left of one.

use std::time::Duration;

use doorward::Error;
use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use crate::{
    arguments::{Given, number},
    error::{Trouble, guarded, wrong_type},
    record::records,
    time::duration,
};

records! {
    /// So many requests in so much time: all of them may come at once, and room comes back evenly.
    plain RateLimit(doorward::RateLimit) {
        /// 1 to 1,000,000.
        max_requests: |record| &record.max_requests(),
        /// In seconds: from a millisecond to a day.
        window: |record| &record.window(),
    } => |fields| {
        let (most, window): (u32, Duration) = (fields.next()?, fields.next()?);
        doorward::RateLimit::new(most, window)?
    };
    + {
        /// The window is a timedelta, or seconds; what is less than a millisecond is cut off.
        ///
        /// Raises `ValidationError` / `out_of_range` naming the one that is.
        #[new]
        #[pyo3(signature = (max_requests, window))]
        fn new(py: Python<'_>, max_requests: &Bound<'_, PyAny>, window: &Bound<'_, PyAny>) -> PyResult<Self> {
            guarded(py, || {
                let most = u32::try_from(number(max_requests, "max_requests")?).unwrap_or(u32::MAX);
                let limit = doorward::RateLimit::new(most, duration(window, "window")?);
                let named = |error: Error| if error.blamed_field() == Some("window_ms") { error.field("window") } else { error };
                Ok(Self(limit.map_err(named)?))
            })
        }
    }

    /// What is left of a rate limit at a moment.
    plain RateLimitStatus(doorward::RateLimitStatus) {
        /// The limit.
        limit: |record| &record.limit,
        /// How many requests may come at once now.
        remaining: |record| &record.remaining,
        /// After how many seconds without a request all of them may.
        reset_after: |record| &record.reset_after,
    } => |fields| doorward::RateLimitStatus {
        limit: fields.next()?,
        remaining: fields.next()?,
        reset_after: fields.next()?,
    };
    + {
        /// The status as HTTP fields for an answer to the caller: `RateLimit-Policy` and `RateLimit`
        /// (draft-ietf-httpapi-ratelimit-headers-10).
        fn http_fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
            let fields = PyDict::new(py);
            for (name, value) in self.0.http_fields() {
                fields.set_item(name, value)?;
            }
            Ok(fields)
        }
    }
}

/// A limit among the arguments.
pub(crate) fn rate_limit(value: Given<'_, '_>) -> Result<doorward::RateLimit, Trouble> {
    let limit = value.cast::<RateLimit>().map_err(|_| wrong_type(value, "rate_limit", "be a RateLimit"))?;
    Ok(limit.get().0)
}
