//! Rate limits: one that a key has or is to have, and what is left of one.

use std::{mem::MaybeUninit, time::Duration};

use doorward::{Error, RateLimit, RateLimitStatus, Result};

use crate::{
    context::dw_context,
    dw_door, dw_error, dw_status,
    guard::{done, free, given, read},
    record::{Record, Written},
    text::{Plain, dw_str},
};

/// So many requests in so much time: all of them at once, and they come back evenly. Zero throughout is no limit.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_limit {
    /// 1 to 1,000,000.
    pub max_requests: u32,
    /// 1 to 86,400,000, which is a day.
    pub window_ms: u32,
}

// SAFETY: integers.
unsafe impl Plain for dw_limit {}

impl dw_limit {
    pub(crate) fn optional(self, field: &str) -> Result<Option<RateLimit>> {
        if self.max_requests == 0 && self.window_ms == 0 {
            return Ok(None);
        }
        let limit = RateLimit::new(self.max_requests, Duration::from_millis(self.window_ms.into()));
        limit.map(Some).map_err(|error: Error| error.inside(field))
    }
}

impl From<Option<RateLimit>> for dw_limit {
    fn from(limit: Option<RateLimit>) -> Self {
        let none = Self { max_requests: 0, window_ms: 0 };
        limit.map_or(none, |limit| Self { max_requests: limit.max_requests(), window_ms: limit.window_ms() })
    }
}

/// What a caller has left of its limit at a moment. Owned: `dw_rate_limit_status_free`; of an error borrowed. `const
/// dw_rate_limit_status *` may be shared.
pub struct dw_rate_limit_status {
    record: Record<RateLimitStatus>,
    policy: Written,
    state: Written,
}

impl dw_rate_limit_status {
    pub(crate) fn new(status: RateLimitStatus) -> Self {
        Self { record: Record::new(status), policy: Written::default(), state: Written::default() }
    }
}

/// What an authenticated caller has left of its rate limit, in this process: puts an owned status into `status`, or NULL if the
/// caller has no limit. Asking takes nothing. Never waits; any thread.
///
/// Errors: `VALIDATION` for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_rate_limit(
    door: Option<&dw_door>,
    context: Option<&dw_context>,
    status: Option<&mut MaybeUninit<Option<Box<dw_rate_limit_status>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    let status: Option<&mut Option<Box<dw_rate_limit_status>>> = status.map(|slot| slot.write(None));
    done(error, || {
        let (door, context) = (given(door, "door")?, given(context, "context")?);
        *given(status, "status")? = door.0.rate_limit(context.value()).map(|left| Box::new(dw_rate_limit_status::new(left)));
        Ok(())
    })
}

/// The limit; zero throughout if `status` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_rate_limit_status_limit(status: Option<&dw_rate_limit_status>) -> dw_limit {
    read(status, None.into(), |status| Some(status.record.value.limit).into())
}

/// How many requests may come at once now.
#[unsafe(no_mangle)]
pub extern "C" fn dw_rate_limit_status_remaining(status: Option<&dw_rate_limit_status>) -> u32 {
    read(status, 0, |status| status.record.value.remaining)
}

/// After how many milliseconds without a request all of them may, rounded up.
#[unsafe(no_mangle)]
pub extern "C" fn dw_rate_limit_status_reset_after_ms(status: Option<&dw_rate_limit_status>) -> u64 {
    read(status, 0, |status| millis(status.record.value.reset_after))
}

/// The value of the HTTP field `RateLimit-Policy` for an answer to the caller (draft-ietf-httpapi-ratelimit-headers-10). Borrowed
/// until the status is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_rate_limit_status_policy_field(status: Option<&dw_rate_limit_status>) -> dw_str {
    read(status, dw_str::ABSENT, |status| {
        let [(_, value), _] = status.record.value.http_fields();
        status.policy.text(|| Some(value))
    })
}

/// The value of the HTTP field `RateLimit`. Borrowed until the status is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_rate_limit_status_field(status: Option<&dw_rate_limit_status>) -> dw_str {
    read(status, dw_str::ABSENT, |status| {
        let [_, (_, value)] = status.record.value.http_fields();
        status.state.text(|| Some(value))
    })
}

/// The whole as JSON: `{"maxRequests":…,"windowMs":…,"remaining":…,"resetAfterMs":…}`. Borrowed until the status is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_rate_limit_status_json(status: Option<&dw_rate_limit_status>) -> dw_str {
    read(status, dw_str::ABSENT, |status| status.record.json())
}

/// Frees the status. NULL is fine; never for one that is borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_rate_limit_status_free(status: Option<Box<dw_rate_limit_status>>) {
    free(status);
}

/// A time in whole milliseconds, rounded up: who waits for as long has waited long enough.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
