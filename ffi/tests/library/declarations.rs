//! What the header declares: functions with the names of their parameters, and structs with the names of their members.

use std::{collections::BTreeSet, fs, path::Path};

use crate::toolchain::ROOT;

/// The header without comments and preprocessor lines, all blanks alike.
fn code() -> String {
    let header = fs::read_to_string(Path::new(ROOT).join("include/doorward.h")).expect("the header");
    let mut code = String::new();
    let mut rest = header.as_str();
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").expect("a comment that ends").1;
    }
    code.push_str(rest);
    let lines =
        code.lines().filter(|line| !line.trim_start().starts_with('#')).map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The last word of each part: the name that it declares.
fn names(parts: &str, separator: char) -> String {
    let name = |part: &str| {
        let part = part.split('[').next().unwrap_or_default().trim();
        part.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
    };
    let names: Vec<String> = parts.split(separator).map(name).filter(|name| !name.is_empty() && name != "void").collect();
    names.join(" ")
}

/// `dw_get_key: session institution_id key_id key error`, for each function.
pub(crate) fn functions() -> BTreeSet<String> {
    let code = code();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices('(') {
        let (before, after) = code.split_at(at);
        let name = names(before, ';').rsplit(' ').next().unwrap_or_default().to_owned();
        // Members of structs, and what the inline function of the header calls in its body, are none.
        if let Some((parameters, _)) = after.trim_start_matches('(').split_once(')')
            && name.starts_with("dw_")
            && before.trim_end().ends_with(&name)
        {
            found.insert(format!("{name}: {}", names(parameters, ',')));
        }
    }
    assert!(found.len() > 80, "{found:?}");
    found
}

/// `dw_strs: data len`, for each struct.
pub(crate) fn structs() -> BTreeSet<String> {
    let code = code();
    let parts = code.split("typedef struct ").skip(1).filter_map(|part| {
        let (name, members) = part.split_once('{')?;
        let name = name.trim();
        (!name.contains(';')).then(|| Some(format!("{name}: {}", names(members.split_once('}')?.0, ';'))))?
    });
    let found: BTreeSet<String> = parts.collect();
    assert!(found.len() > 15, "{found:?}");
    found
}
