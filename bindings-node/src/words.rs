//! Names of operations and fields: snake_case in the core, camelCase in JavaScript.

use std::borrow::Cow;

/// The documents whose members have names of their own.
const DOCUMENTS: [&str; 3] = ["config", "patch", "metadata"];

/// A name in JavaScript's spelling: `key_hash` becomes `keyHash`.
pub(crate) fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        // `DATABASE_URL` is a variable.
        return name.into();
    }
    let mut words = name.split('_');
    let mut written = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        written.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        written.push_str(letters.as_str());
    }
    written.into()
}

/// The field that is to blame: `keys[3].key_hash` becomes `keys[3].keyHash`, and members of a document stay as they are.
pub(crate) fn field(name: &str) -> Cow<'_, str> {
    let is_member = |document: &str| name.strip_prefix(document).is_some_and(|rest| rest.starts_with(['.', '[']));
    if DOCUMENTS.into_iter().any(is_member) {
        return name.into();
    }
    if !name.contains('.') {
        return camel(name);
    }
    name.split('.').map(camel).collect::<Vec<_>>().join(".").into()
}
