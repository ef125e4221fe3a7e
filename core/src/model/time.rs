//! [`Timestamp`]: UTC, in milliseconds; RFC 3339 with milliseconds and `Z` at every boundary.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Reason, Result};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, from then to the year 9999.
///
/// Written as `2026-01-02T03:04:05.678Z`; any RFC 3339 text is read, what is finer than a millisecond is cut off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last one: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The present, by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// The present for the way of a lookup: the system's clock as of its last tick, at most some milliseconds behind,
    /// at a fifth of the price.
    #[inline]
    pub(crate) fn coarse_now() -> Self {
        #[cfg(target_os = "linux")]
        {
            let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
            let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
            let millis = u64::try_from(now.tv_nsec).unwrap_or_default() / 1_000_000;
            Self(seconds.saturating_mul(1000).saturating_add(millis))
        }
        #[cfg(not(target_os = "linux"))]
        Self::now()
    }

    /// From milliseconds since 1970; later than [`MAX`](Self::MAX) becomes `MAX`.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis < Self::MAX.0 { Self(millis) } else { Self::MAX }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This much later, at most [`MAX`](Self::MAX).
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// From milliseconds as an SQL store holds them.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn from_stored(millis: i64) -> Self {
        Self::from_millis(u64::try_from(millis).unwrap_or_default())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(millis) {
            Ok(time) => f.pad(&format!("{time:.3}")),
            Err(_) => f.pad("9999-12-31T23:59:59.999Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let time: jiff::Timestamp = text.parse().map_err(|error| {
            Error::new(Reason::InvalidFormat, "must be an RFC 3339 time like 2026-01-02T03:04:05.678Z").because(error)
        })?;
        let millis = u64::try_from(time.as_millisecond()).ok().filter(|millis| *millis <= Self::MAX.0);
        millis.map(Self).ok_or_else(|| Error::new(Reason::OutOfRange, "must lie between 1970 and 9999"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_in_utc_with_milliseconds() {
        let time: Timestamp = "2026-01-02T05:04:05.6789+02:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-01-02T03:04:05.678Z");
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn other_texts_and_times_before_1970_are_refused() {
        assert_eq!("yesterday".parse::<Timestamp>().unwrap_err().reason(), Reason::InvalidFormat);
        assert_eq!("2026-01-02".parse::<Timestamp>().unwrap_err().reason(), Reason::InvalidFormat);
        assert_eq!("1969-12-31T23:59:59Z".parse::<Timestamp>().unwrap_err().reason(), Reason::OutOfRange);
    }

    #[test]
    fn the_coarse_clock_is_close_behind() {
        let (coarse, now) = (Timestamp::coarse_now(), Timestamp::now());
        assert!(coarse <= now && now.as_millis() - coarse.as_millis() < 1000, "{coarse} {now}");
    }
}
