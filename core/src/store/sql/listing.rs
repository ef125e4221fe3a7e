//! Lists: the statement of a page, put together from filters and the place where the page before it ended.
//!
//! Pages are cut by key, never by offset: `(created_at, id)` after the last item's, in the order of an index. A cursor's time
//! is in milliseconds and a column's may be finer, in tables that were adopted: so the last item's own time is asked for by
//! its id, and the cursor's counts only if that item is gone.

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

    /// Ends the statement with a page of a list by creation: of rows of `table`, whose columns `created_at` and `id` go by
    /// the names in `columns`.
    pub(crate) fn page_by_creation(mut self, request: &PageRequest, table: &str, columns: [&str; 2]) -> (String, Vec<SqlValue>) {
        if let Some((time, id)) = request.after() {
            let [created_at, own_id] = columns;
            let condition = format!(
                "({created_at}, {own_id}) {} (coalesce((SELECT created_at FROM {table} WHERE id = ?), ?), ?)",
                comparison(request.order)
            );
            self.filter(&condition, [id.into(), time.into(), id.into()]);
        }
        self.cut(request, &columns)
    }

    /// Ends the statement with a page of a list by the number in a column.
    ///
    /// # Errors
    /// `Validation` / `invalid_cursor` if the cursor has no number.
    pub(crate) fn page_by_number(mut self, request: &PageRequest, column: &str) -> Result<(String, Vec<SqlValue>)> {
        let invalid = |error| Error::new(Reason::InvalidCursor, "is not a cursor of this list").field("cursor").because(error);
        if let Some((_, id)) = request.after() {
            let number = id.parse::<u64>().map_err(invalid)?;
            self.filter(&format!("{column} {} ?", comparison(request.order)), [number.into()]);
        }
        Ok(self.cut(request, &[column]))
    }

    /// Order and limit: one item more than asked for, by which [`PageRequest::cut`] sees whether another page follows.
    fn cut(mut self, request: &PageRequest, columns: &[&str]) -> (String, Vec<SqlValue>) {
        let direction = match request.order {
            Order::NewestFirst => "DESC",
            Order::OldestFirst => "ASC",
        };
        let ordered: Vec<_> = columns.iter().map(|column| format!("{column} {direction}")).collect();
        self.sql.push_str(" ORDER BY ");
        self.sql.push_str(&ordered.join(", "));
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

/// What is after the cursor.
fn comparison(order: Order) -> &'static str {
    match order {
        Order::NewestFirst => "<",
        Order::OldestFirst => ">",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{page::List, time::Timestamp};

    #[test]
    fn placeholders_are_numbered_as_they_appear() {
        let mut listing = Listing::of("SELECT a FROM t");
        listing.filter("b = ?", ["x".into()]);
        listing.filter("(c IS NULL OR c > ?)", [7_u64.into()]);
        let five = Timestamp::from_millis(5);
        let request = PageRequest::first(1);
        let cursor = request.cut(List::Keys, vec!["k", "j"], |id| (five, (*id).to_owned())).next;
        let (sql, values) = listing.page_by_creation(&PageRequest { cursor, ..request }, "t", ["created_at", "id"]);
        assert_eq!(
            sql,
            "SELECT a FROM t WHERE b = $1 AND (c IS NULL OR c > $2) \
             AND (created_at, id) < (coalesce((SELECT created_at FROM t WHERE id = $3), $4), $5) \
             ORDER BY created_at DESC, id DESC LIMIT $6"
        );
        assert_eq!(values, ["x".into(), 7_u64.into(), "k".into(), five.into(), "k".into(), SqlValue::from(2_u64)]);
    }
}
