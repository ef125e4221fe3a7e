//! The pages for people say what the library does: the tables of errors are compared with the ones in the code.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that panics is a test that fails")]

use std::{collections::BTreeSet, path::Path};

use doorward::{ErrorKind, Reason};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of every table row of a text, without the marks of code.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
    text.lines().filter(|line| line.starts_with('|')).map(cells).collect()
}

#[test]
fn the_page_about_errors_has_every_reason_under_its_kind() {
    let page = page("docs/errors.md");
    let mut listed = BTreeSet::new();
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        let rows = rows(section).into_iter().filter(|row| row[0] != "reason" && !row[0].starts_with("---"));
        for row in rows {
            assert!(!row[1].is_empty(), "{} says nothing", row[0]);
            assert!(listed.insert((title.to_owned(), row[0].clone())), "{} stands twice under {title}", row[0]);
        }
    }
    let title = |kind: ErrorKind| format!("{} · {kind} · HTTP {}", kind.number(), kind.http_status());
    let known = Reason::ALL.iter().map(|reason| (title(reason.kind()), reason.to_string())).collect();
    assert_eq!(listed, known);
}

#[test]
fn the_readme_has_every_kind_with_its_number_and_status() {
    let listed: Vec<_> =
        rows(&page("README.md")).into_iter().filter(|row| row[0].parse::<i32>().is_ok()).map(|row| row[..3].to_vec()).collect();
    let known: Vec<_> = ErrorKind::ALL
        .iter()
        .map(|kind| vec![kind.number().to_string(), kind.to_string(), kind.http_status().to_string()])
        .collect();
    assert_eq!(listed, known);
}
