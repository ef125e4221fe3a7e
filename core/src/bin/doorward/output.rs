//! What is printed: tables for people or JSON for programs on standard output, remarks on standard error.

use std::io::{self, ErrorKind, IsTerminal, Write};

use comfy_table::{Table, presets::NOTHING};
use doorward::Timestamp;
use serde::Serialize;

use crate::failure::Failure;

pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a value: as JSON, or as people read it.
    pub(crate) fn show<T: Serialize + ?Sized>(&self, value: &T, for_people: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json {
            return print(
                &serde_json::to_string(value)
                    .map_err(|error| Failure::Stream("the answer could not be written as JSON".to_owned(), error.into()))?,
            );
        }
        print(&for_people())
    }

    /// Tells people something besides the answer. Programs have it in the JSON.
    pub(crate) fn remark(&self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Whether a person watches what is written to standard error.
    pub(crate) fn is_watched(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let written = write!(out, "{text}{end}").and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::NobodyReads,
        _ => Failure::Stream("standard output could not be written".to_owned(), error),
    })
}

/// A table with a heading; what has no rows is empty.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(heading);
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    if table.row_iter().len() == 0 { String::new() } else { lines(&table) }
}

/// One thing, a member per line.
pub(crate) fn record<const N: usize>(members: [(&str, String); N]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    for (name, value) in members {
        table.add_row([name.to_owned(), plain(&value)]);
    }
    lines(&table)
}

/// The lines of a table without the blanks that fill it up.
fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().strip_prefix(' ').unwrap_or_default().to_owned() + "\n").collect()
}

/// A text without control characters, which could play tricks on a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// A time as people read it.
pub(crate) fn time(time: Timestamp) -> String {
    let text = time.to_string();
    let seconds = text.split_once('.').map_or(text.as_str(), |(seconds, _)| seconds);
    format!("{} UTC", seconds.replacen('T', " ", 1))
}

/// A time that may not be there.
pub(crate) fn maybe_time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), time)
}

/// What may not be there.
pub(crate) fn maybe(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Several things in one cell.
pub(crate) fn joined(values: impl IntoIterator<Item = impl ToString>) -> String {
    let all: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}
