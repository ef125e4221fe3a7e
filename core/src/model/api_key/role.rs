//! What a key lets its holder do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Reason, Result};

/// What a caller may do. `root` is nobody's key: it comes from the configured root token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, for every institution.
    Root,
    /// Everything within the key's institution, but to change the institution itself.
    Admin,
    /// Reading and checking policies of the key's institution.
    ReadOnly,
}

impl Role {
    /// The word: `root`, `admin`, `read_only`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Admin => "admin",
            Self::ReadOnly => "read_only",
        }
    }
}

impl FromStr for Role {
    type Err = Error;

    /// Reads a key's role: `admin` or `read_only`.
    fn from_str(text: &str) -> Result<Self> {
        [Self::Admin, Self::ReadOnly].into_iter().find(|role| role.as_str() == text).ok_or_else(unknown_role)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

pub(super) fn unknown_role() -> Error {
    Error::new(Reason::UnknownRole, "must be admin or read_only").field("role")
}
