//! The parts of a `postgres://` address that tests exchange.

/// `postgres://user:password@host:port/database?options`, as far as one of them has to be replaced.
struct Parts<'a> {
    scheme: &'a str,
    /// With its `:password`; `None` without an `@`.
    user: Option<&'a str>,
    host: &'a str,
    database: &'a str,
    /// With the `?`.
    options: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Parts<'a> {
        let (scheme, rest) = url.split_once("://").unwrap_or_else(|| panic!("a PostgreSQL address begins with postgres://"));
        let (rest, options) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        Parts { scheme, user, host, database, options }
    }

    fn join(&self) -> String {
        let Parts { scheme, user, host, database, options } = self;
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        format!("{scheme}://{user}{host}/{database}{options}")
    }
}

/// The same address for another database.
pub(crate) fn with_database(url: &str, database: &str) -> String {
    Parts { database, ..Parts::of(url) }.join()
}

/// The host and port, for a connection over TCP.
pub(crate) fn host(url: &str) -> String {
    let Parts { host, options, .. } = Parts::of(url);
    assert!(
        !host.is_empty() && !options.contains("host=") && !host.contains([',', '%']),
        "one host by TCP is needed: {host}{options}"
    );
    if host.contains(':') { host.to_owned() } else { format!("{host}:5432") }
}

/// The same address at another host, and port.
pub(crate) fn with_host(url: &str, host: &str) -> String {
    Parts { host, ..Parts::of(url) }.join()
}

/// The same address for another user.
pub(crate) fn with_user(url: &str, name: &str, password: Option<&str>) -> String {
    let user = credentials(name, password);
    Parts { user: Some(&user), ..Parts::of(url) }.join()
}

/// `name:password`, as it stands in an address.
pub(crate) fn credentials(name: &str, password: Option<&str>) -> String {
    match password {
        Some(password) => format!("{}:{}", encode(name), encode(password)),
        None => encode(name),
    }
}

/// The address without its password, and the password.
pub(crate) fn take_password(url: &str) -> (String, Option<String>) {
    let parts = Parts::of(url);
    match parts.user.and_then(|user| user.split_once(':')) {
        Some((user, password)) => (Parts { user: Some(user), ..parts }.join(), Some(decode(password))),
        None => (url.to_owned(), None),
    }
}

/// Percent-encodes what has a meaning in an address.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        let (digits, after) = after.split_at_checked(2).expect("two hex digits after %");
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(digits, 16).expect("two hex digits after %"));
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).expect("a password in UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_of_an_address_is_replaced_and_the_others_stay() {
        let url = "postgres://me:p%40ss@db.example:5433/old?sslmode=require";
        assert_eq!(with_database(url, "new"), "postgres://me:p%40ss@db.example:5433/new?sslmode=require");
        assert_eq!(with_user(url, "a b", Some("x:y")), "postgres://a%20b:x%3Ay@db.example:5433/old?sslmode=require");
        assert_eq!(with_host(url, "localhost:1"), "postgres://me:p%40ss@localhost:1/old?sslmode=require");
        assert_eq!(with_database("postgres://localhost", "new"), "postgres://localhost/new");
    }

    #[test]
    fn a_password_is_taken_out_of_an_address() {
        let url = "postgres://me:p%40ss@db.example:5433/old?sslmode=require";
        let without = "postgres://me@db.example:5433/old?sslmode=require";
        assert_eq!(take_password(url), (without.into(), Some("p@ss".into())));
        assert_eq!(take_password(without), (without.into(), None));
    }
}
