//! Lists come in pages: [`PageRequest`], [`Page`], and the opaque [`Cursor`] between them (keyset pagination).

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, Serializer};

use super::time::Timestamp;
use crate::error::{Error, Reason, Result};

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The latest first.
    #[default]
    NewestFirst,
    /// The earliest first.
    OldestFirst,
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most, 1 to 1000.
    pub limit: usize,
    /// Where the previous page ended; `None` for the first page.
    pub cursor: Option<Cursor>,
    /// Which end comes first.
    pub order: Order,
}

impl Default for PageRequest {
    /// The first page of 50, newest first.
    fn default() -> Self {
        Self { limit: 50, cursor: None, order: Order::NewestFirst }
    }
}

impl PageRequest {
    /// The most items on one page.
    pub const MAX_LIMIT: usize = 1000;

    /// The first page, with at most so many items.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// # Errors
    /// `Validation`: `out_of_range` (limit), `invalid_cursor` when the cursor comes from a list of another kind or order.
    pub(crate) fn check(&self, list: List) -> Result<()> {
        if !(1..=Self::MAX_LIMIT).contains(&self.limit) {
            return Err(Error::new(Reason::OutOfRange, "must be between 1 and 1000").field("limit"));
        }
        match &self.cursor {
            Some(cursor) if cursor.list != list || cursor.order != self.order => Err(invalid()),
            // These two are ordered by a number.
            Some(cursor) if matches!(list, List::AuditEvents | List::PolicyHistory) && !cursor.has_number() => Err(invalid()),
            _ => Ok(()),
        }
    }

    /// The position after which the page begins.
    #[must_use]
    pub fn after(&self) -> Option<(Timestamp, &str)> {
        self.cursor.as_ref().map(|cursor| (cursor.time, &*cursor.id))
    }

    /// Cuts a page out of items that were fetched with one more than the limit; `position` gives time and id of an item.
    pub fn cut<T>(&self, list: List, mut items: Vec<T>, position: impl Fn(&T) -> (Timestamp, String)) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = items.last().filter(|_| more).map(|last| {
            let (time, id) = position(last);
            Cursor { list, order: self.order, time, id }
        });
        Page { items, next }
    }
}

/// A part of a list, and where the next part begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items, in the order that was asked for.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

/// The lists that have cursors. A cursor of one list is refused by the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// Institutions.
    Institutions,
    /// API keys of an institution.
    Keys,
    /// Policies of an institution.
    Policies,
    /// Versions of one policy.
    PolicyHistory,
    /// Audit events.
    AuditEvents,
}

impl List {
    const CODES: [(Self, &str); 5] = [
        (Self::Institutions, "i"),
        (Self::Keys, "k"),
        (Self::Policies, "p"),
        (Self::PolicyHistory, "h"),
        (Self::AuditEvents, "a"),
    ];
}

/// A place in a list. Opaque: kept and given back as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor {
    list: List,
    order: Order,
    time: Timestamp,
    id: String,
}

impl Cursor {
    fn has_number(&self) -> bool {
        self.id.bytes().all(|byte| byte.is_ascii_digit()) && self.id.parse::<u64>().is_ok()
    }

    /// The same place in a list that the id alone orders.
    pub(crate) fn without_time(mut self) -> Self {
        self.time = Timestamp::default();
        self
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = List::CODES.iter().find(|(list, _)| *list == self.list).map_or("", |(_, code)| code);
        let order = match self.order {
            Order::NewestFirst => "n",
            Order::OldestFirst => "o",
        };
        let plain = format!("1{list}{order}{}.{}", self.time.as_millis(), self.id);
        f.write_str(&URL_SAFE_NO_PAD.encode(plain))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // The longest id has 128 characters; what is much longer was not made here and is not worth decoding.
        let bytes = Some(text).filter(|text| text.len() <= 1024).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let plain = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid)?;
        let read = || {
            let rest = plain.strip_prefix('1')?;
            let (list, rest) = List::CODES.iter().find_map(|(list, code)| Some((*list, rest.strip_prefix(code)?)))?;
            let (order, rest) = match rest.split_at_checked(1)? {
                ("n", rest) => (Order::NewestFirst, rest),
                ("o", rest) => (Order::OldestFirst, rest),
                _ => return None,
            };
            let (time, id) = rest.split_once('.')?;
            if id.is_empty() || id.chars().any(char::is_control) || time.starts_with('+') {
                return None;
            }
            Some(Self { list, order, time: Timestamp::from_millis(time.parse().ok()?), id: id.to_owned() })
        };
        read().ok_or_else(invalid)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn invalid() -> Error {
    Error::new(Reason::InvalidCursor, "is not a cursor of this list").field("cursor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_fits_only_its_own_list_and_order() {
        let request = PageRequest::first(2);
        let items = vec![5_u64, 4, 3];
        let page = request.cut(List::Keys, items, |n| (Timestamp::from_millis(*n), format!("ak_{n}")));
        assert_eq!(page.items, [5, 4]);
        let cursor: Cursor = page.next.unwrap().to_string().parse().unwrap();
        let next = PageRequest { cursor: Some(cursor), ..request };
        assert_eq!(next.after(), Some((Timestamp::from_millis(4), "ak_4")));
        next.check(List::Keys).unwrap();
        assert_eq!(next.check(List::Policies).unwrap_err().reason(), Reason::InvalidCursor);
        let turned = PageRequest { order: Order::OldestFirst, ..next };
        assert_eq!(turned.check(List::Keys).unwrap_err().reason(), Reason::InvalidCursor);
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let long = "A".repeat(5000);
        for text in ["", "x", "äöü", "MWtu", "MWtuNS4", "====", &long] {
            assert_eq!(text.parse::<Cursor>().unwrap_err().reason(), Reason::InvalidCursor, "{text}");
        }
    }

    #[test]
    fn limits_are_one_to_a_thousand() {
        for (limit, good) in [(0, false), (1, true), (1000, true), (1001, false)] {
            assert_eq!(PageRequest::first(limit).check(List::Keys).is_ok(), good);
        }
    }
}
