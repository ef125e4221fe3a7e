//! The closed lists of words: from the core's enums to the members of those in `doorward.words`, and back from their texts.

use doorward::{ErrorKind, HistoryAction, KeyStatus, Outcome, PolicySource, Role, ViolationCode};
use pyo3::{prelude::*, sync::PyOnceLock};

/// The members of one of the enums of `doorward.words`, by their texts. Kept: an enum's members are for ever.
pub(crate) type Members = PyOnceLock<Vec<(&'static str, Py<PyAny>)>>;

/// A word of a closed list, which Python has as a member of an enum.
pub(crate) trait Word: Copy + 'static {
    /// Its enum in Python.
    const CLASS: &str;
    const ALL: &[Self];

    fn text(self) -> &'static str;

    fn members() -> &'static Members;

    /// The word with this text.
    fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.text() == text)
    }

    fn member(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let members = Self::members().get_or_try_init(py, || {
            let class = py.import("doorward.words")?.getattr(Self::CLASS)?;
            let member = |word: &Self| Ok((word.text(), class.call1((word.text(),))?.unbind()));
            Self::ALL.iter().map(member).collect::<PyResult<Vec<_>>>()
        })?;
        let member = members.iter().find(|(text, _)| *text == self.text());
        Ok(member.map_or_else(|| py.None(), |(_, member)| member.clone_ref(py)))
    }
}

macro_rules! words {
    ($( $name:ident { $($member:ident = $text:literal),* } )*) => { $(
        impl Word for $name {
            const CLASS: &str = stringify!($name);
            const ALL: &[Self] = &[$(Self::$member),*];

            fn text(self) -> &'static str {
                match self { $(Self::$member => $text),* }
            }

            fn members() -> &'static Members {
                static MEMBERS: Members = PyOnceLock::new();
                &MEMBERS
            }
        }
    )* };
}

words! {
    Role { Root = "root", Admin = "admin", ReadOnly = "read_only" }
    KeyStatus { Active = "active", Disabled = "disabled", Expired = "expired", Revoked = "revoked" }
    PolicySource { Found = "found", None = "none", Unreadable = "unreadable", Given = "given" }
    ViolationCode { BelowMin = "below_min", AboveMax = "above_max", CurrencyNotAllowed = "currency_not_allowed" }
    HistoryAction { Upserted = "upserted", Merged = "merged", Deleted = "deleted" }
    Outcome { Succeeded = "succeeded", Forbidden = "forbidden", Refused = "refused", Unstated = "unstated" }
}

impl Word for ErrorKind {
    const CLASS: &str = "ErrorKind";
    const ALL: &[Self] = Self::ALL;

    fn text(self) -> &'static str {
        self.as_str()
    }

    fn members() -> &'static Members {
        static MEMBERS: Members = PyOnceLock::new();
        &MEMBERS
    }
}
