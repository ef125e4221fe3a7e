//! [`RateLimit`]: so many requests in so much time; and [`RateLimitStatus`], what is left of one.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeStruct};

use crate::error::{Error, Reason, Result};

/// So many requests within a window of time.
///
/// Limits are kept by the generic cell rate algorithm (GCRA, ITU-T I.371): there is room for `max_requests` at once, and room
/// comes back evenly, one request every `window / max_requests`. So steady traffic of no more than that is never refused, and
/// there is no edge of a window at which a caller gets twice its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    max_requests: u32,
    window_ms: u32,
}

impl RateLimit {
    /// The most requests of a limit.
    pub const MOST_REQUESTS: u32 = 1_000_000;
    /// The longest window: a day.
    pub const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

    /// A limit of `max_requests`, 1 to 1,000,000, within a window of 1 ms to 24 h, in whole milliseconds.
    ///
    /// # Errors
    /// `Validation` / `out_of_range` naming `max_requests` or `window_ms`.
    pub fn new(max_requests: u32, window: Duration) -> Result<Self> {
        if max_requests == 0 || max_requests > Self::MOST_REQUESTS {
            return Err(Error::new(Reason::OutOfRange, "must lie between 1 and 1,000,000").field("max_requests"));
        }
        let window_ms = u32::try_from(window.as_millis()).ok().filter(|_| window <= Self::LONGEST_WINDOW);
        match window_ms {
            Some(window_ms) if window_ms > 0 => Ok(Self { max_requests, window_ms }),
            _ => Err(Error::new(Reason::OutOfRange, "must lie between 1 and 86,400,000 milliseconds").field("window_ms")),
        }
    }

    /// How many requests fit into the window, and at most at once.
    #[must_use]
    pub fn max_requests(self) -> u32 {
        self.max_requests
    }

    /// The window.
    #[must_use]
    pub fn window(self) -> Duration {
        Duration::from_millis(self.window_ms.into())
    }

    /// The window in milliseconds.
    #[must_use]
    pub fn window_ms(self) -> u32 {
        self.window_ms
    }
}

impl Serialize for RateLimit {
    /// `{"maxRequests":1000,"windowMs":60000}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut limit = serializer.serialize_struct("RateLimit", 2)?;
        limit.serialize_field("maxRequests", &self.max_requests)?;
        limit.serialize_field("windowMs", &self.window_ms)?;
        limit.end()
    }
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Parts {
            max_requests: u32,
            window_ms: u64,
        }
        let parts = Parts::deserialize(deserializer)?;
        Self::new(parts.max_requests, Duration::from_millis(parts.window_ms)).map_err(serde::de::Error::custom)
    }
}

/// What is left of a limit at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// The limit.
    pub limit: RateLimit,
    /// How many requests may come at once now.
    pub remaining: u32,
    /// After how long without a request all of them may.
    pub reset_after: Duration,
}

impl RateLimitStatus {
    /// The status as HTTP fields: names and values of `RateLimit-Policy` and `RateLimit`
    /// (draft-ietf-httpapi-ratelimit-headers-10), in whole seconds, rounded up.
    ///
    /// ```text
    /// RateLimit-Policy: "key";q=1000;w=60
    /// RateLimit: "key";r=998;t=1
    /// ```
    #[must_use]
    pub fn http_fields(&self) -> [(&'static str, String); 2] {
        let (quota, window) = (self.limit.max_requests, whole_seconds(self.limit.window()));
        let (remaining, reset) = (self.remaining, whole_seconds(self.reset_after));
        [("RateLimit-Policy", format!("\"key\";q={quota};w={window}")), ("RateLimit", format!("\"key\";r={remaining};t={reset}"))]
    }
}

impl Serialize for RateLimitStatus {
    /// `{"maxRequests":1000,"windowMs":60000,"remaining":998,"resetAfterMs":120}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut status = serializer.serialize_struct("RateLimitStatus", 4)?;
        status.serialize_field("maxRequests", &self.limit.max_requests)?;
        status.serialize_field("windowMs", &self.limit.window_ms)?;
        status.serialize_field("remaining", &self.remaining)?;
        // Rounded up: who waits for as long has waited long enough.
        let reset_after_ms = u64::try_from(self.reset_after.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        status.serialize_field("resetAfterMs", &reset_after_ms)?;
        status.end()
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused_by_its_name() {
        let field = |requests, ms| {
            let error = RateLimit::new(requests, Duration::from_millis(ms)).unwrap_err();
            error.blamed_field().map(str::to_owned)
        };
        assert_eq!(field(0, 1000).as_deref(), Some("max_requests"));
        assert_eq!(field(1_000_001, 1000).as_deref(), Some("max_requests"));
        assert_eq!(field(1, 0).as_deref(), Some("window_ms"));
        assert_eq!(field(1, 86_400_001).as_deref(), Some("window_ms"));
        assert_eq!(field(1, u64::MAX).as_deref(), Some("window_ms"));
        assert!(RateLimit::new(1_000_000, RateLimit::LONGEST_WINDOW).is_ok());
    }

    #[test]
    fn its_json_is_read_back_and_nothing_else_is() {
        let limit: RateLimit = serde_json::from_str(r#"{"maxRequests":10,"windowMs":500}"#).unwrap();
        assert_eq!(serde_json::to_string(&limit).unwrap(), r#"{"maxRequests":10,"windowMs":500}"#);
        for wrong in [r#"{"maxRequests":0,"windowMs":1}"#, r#"{"maxRequests":1}"#, r#"{"maxRequests":1,"windowMs":1,"x":1}"#] {
            assert!(serde_json::from_str::<RateLimit>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn http_fields_are_in_seconds_and_never_promise_too_much() {
        let limit = RateLimit::new(10, Duration::from_millis(1500)).unwrap();
        let status = RateLimitStatus { limit, remaining: 3, reset_after: Duration::from_millis(1001) };
        let [policy, state] = status.http_fields();
        assert_eq!(policy, ("RateLimit-Policy", "\"key\";q=10;w=2".to_owned()));
        assert_eq!(state, ("RateLimit", "\"key\";r=3;t=2".to_owned()));
    }

    #[test]
    fn its_status_as_json_never_promises_too_much() {
        let limit = RateLimit::new(10, Duration::from_millis(1500)).unwrap();
        let status = RateLimitStatus { limit, remaining: 3, reset_after: Duration::from_micros(120_001) };
        let written = r#"{"maxRequests":10,"windowMs":1500,"remaining":3,"resetAfterMs":121}"#;
        assert_eq!(serde_json::to_string(&status).unwrap(), written);
    }
}
