//! Lists: the statement of a page, put together from filters and the place where the page before it ended.
//!
//! Pages are cut by key, never by offset: `(created_at, id)` after the last item's, in the order of an index.

use super::value::SqlValue;
use crate::{
    error::{Error, Reason, Result},
    model::page::{Order, PageRequest},
};

/// A statement in the making, with the values of its placeholders.
pub(crate) struct Listing {
    sql: String,
    values: Vec<SqlValue>,
    filtered: bool,
}

impl Listing {
    /// Begins with `SELECT … FROM …`.
    pub(crate) fn of(select: &str) -> Self {
        Self { sql: select.to_owned(), values: Vec::new(), filtered: false }
    }

    /// Adds a condition; each `?` in it stands for the next of the values.
    pub(crate) fn filter<const N: usize>(&mut self, condition: &str, values: [SqlValue; N]) {
        self.sql.push_str(if self.filtered { " AND " } else { " WHERE " });
        self.filtered = true;
        self.push(condition, values);
    }

    /// Ends the statement with the page: what comes after the cursor, in order, one item more than the limit, by which
    /// [`PageRequest::cut`] sees whether another page follows. `columns` are those that order the list.
    pub(crate) fn page<const N: usize>(
        mut self,
        request: &PageRequest,
        columns: [&str; N],
        after: Option<[SqlValue; N]>,
    ) -> (String, Vec<SqlValue>) {
        let (comparison, direction) = match request.order {
            Order::NewestFirst => ("<", " DESC"),
            Order::OldestFirst => (">", " ASC"),
        };
        if let Some(after) = after {
            let condition = format!("({}) {comparison} ({})", columns.join(", "), ["?"; N].join(", "));
            self.filter(&condition, after);
        }
        self.sql.push_str(" ORDER BY ");
        self.sql.push_str(&columns.map(|column| format!("{column}{direction}")).join(", "));
        let limit = u64::try_from(request.limit).unwrap_or(u64::MAX).saturating_add(1);
        self.push(" LIMIT ?", [limit.into()]);
        (self.sql, self.values)
    }

    fn push<const N: usize>(&mut self, text: &str, values: [SqlValue; N]) {
        let mut values = values.into_iter();
        for character in text.chars() {
            if character == '?' {
                self.values.extend(values.next());
                self.sql.push('$');
                self.sql.push_str(&self.values.len().to_string());
            } else {
                self.sql.push(character);
            }
        }
    }
}

/// Where a page of a list by `(created_at, id)` begins.
pub(crate) fn after_created(request: &PageRequest) -> Option<[SqlValue; 2]> {
    request.after().map(|(time, id)| [time.into(), id.into()])
}

/// Where a page of a list by number begins. `Validation` / `invalid_cursor` if the cursor has none.
pub(crate) fn after_number(request: &PageRequest) -> Result<Option<[SqlValue; 1]>> {
    let invalid = |error| Error::new(Reason::InvalidCursor, "is not a cursor of this list").field("cursor").because(error);
    let number = request.after().map(|(_, id)| id.parse::<u64>().map_err(invalid)).transpose()?;
    Ok(number.map(|number| [number.into()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_as_they_appear() {
        let mut listing = Listing::of("SELECT a FROM t");
        listing.filter("b = ?", ["x".into()]);
        listing.filter("(c IS NULL OR c > ?)", [7_u64.into()]);
        let (sql, values) = listing.page(&PageRequest::first(10), ["created_at", "id"], Some([5_u64.into(), "k".into()]));
        assert_eq!(
            sql,
            "SELECT a FROM t WHERE b = $1 AND (c IS NULL OR c > $2) AND (created_at, id) < ($3, $4) \
             ORDER BY created_at DESC, id DESC LIMIT $5"
        );
        assert_eq!(values, ["x".into(), 7_u64.into(), 5_u64.into(), "k".into(), SqlValue::from(11_u64)]);
    }
}
