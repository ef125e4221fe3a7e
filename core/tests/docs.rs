//! The pages for people say what the library does: their tables of errors and variables are held against the code.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that panics is a test that fails")]

use std::{collections::BTreeSet, path::Path};

use doorward::{Config, ErrorKind, Reason};

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

/// What stands in code marks in a text.
fn marked(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn error_of(name: &str, value: &str) -> doorward::Error {
    let root = ("ROOT_API_KEY", "a root token of more than 32 characters");
    Config::from_variables([("STORE_BACKEND", "sqlite"), root, (name, value)]).unwrap_err()
}

#[test]
fn the_readme_lists_variables_that_are_read() {
    let page = page("README.md");
    let table = page.split("| variable |").nth(1).unwrap().split("\n\n").next().unwrap();
    let first_cells: Vec<_> = table.lines().skip(2).map(|row| row.split('|').nth(1).unwrap()).collect();
    let names: Vec<_> = first_cells.into_iter().flat_map(marked).collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        assert_eq!(error_of(name, "\u{1}").blamed_field(), Some(name));
    }
}

#[test]
fn the_readme_lists_variables_that_are_refused_as_not_there_yet() {
    let page = page("README.md");
    let (_, rest) = page.split_once("Not there yet, and refused").unwrap();
    let (list, _) = rest.split_once("\n\n").unwrap();
    let variables: Vec<_> = marked(list).into_iter().filter(|word| word.contains('_')).collect();
    assert!(variables.len() > 1, "{variables:?}");
    for variable in variables {
        let (name, value) = variable.split_once('=').unwrap_or((variable, "leased"));
        let error = error_of(name, value);
        assert_eq!((error.reason(), error.blamed_field()), (Reason::Unsupported, Some(name)), "{variable}");
    }
}
