//! Whether a key is good: the words for it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Reason, Result};

/// Whether a key is good, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// Good.
    Active,
    /// Switched off until it is enabled again.
    Disabled,
    /// Past its expiry, for good.
    Expired,
    /// Revoked, for good.
    Revoked,
}

impl KeyStatus {
    /// The word: `active`, `disabled`, `expired`, `revoked`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl FromStr for KeyStatus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Active, Self::Disabled, Self::Expired, Self::Revoked];
        let message = "must be active, disabled, expired or revoked";
        all.into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Error::new(Reason::InvalidFormat, message).field("status"))
    }
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
