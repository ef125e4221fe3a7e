//! Recognizing a `COMMIT`.

use std::collections::HashSet;

use super::message::Message;

/// What is done with the next one.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    DropBefore,
    DropAfter,
    Hold,
}

/// The prepared statements and portals of one connection that are a `COMMIT`, by name.
#[derive(Default)]
pub(super) struct Commits {
    statements: HashSet<Vec<u8>>,
    portals: HashSet<Vec<u8>>,
}

impl Commits {
    /// Whether this message of the client has the server commit.
    pub(super) fn has(&mut self, message: &Message) -> bool {
        let mut texts = message.texts();
        let mut next = || texts.next().unwrap_or_default();
        match message.kind() {
            b'Q' => return is_commit(next()),
            b'P' => {
                let (name, sql) = (next().to_vec(), next());
                note(&mut self.statements, name, is_commit(sql));
            }
            b'B' => {
                let (portal, statement) = (next().to_vec(), next());
                note(&mut self.portals, portal, self.statements.contains(statement));
            }
            b'E' => return self.portals.contains(next()),
            _ => {}
        }
        false
    }
}

fn note(names: &mut HashSet<Vec<u8>>, name: Vec<u8>, is_commit: bool) {
    if is_commit {
        names.insert(name);
    } else {
        names.remove(&name);
    }
}

/// Whether SQL is `COMMIT`, or ends with it.
fn is_commit(sql: &[u8]) -> bool {
    let sql = sql.trim_ascii().strip_suffix(b";").unwrap_or(sql);
    sql.rsplit(|&byte| byte == b';').next().is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case(b"commit"))
}

#[cfg(test)]
mod tests {
    use super::is_commit;

    #[test]
    fn a_commit_is_recognized_alone_and_at_the_end() {
        for sql in ["COMMIT", " commit ; ", "INSERT INTO t VALUES (1); COMMIT"] {
            assert!(is_commit(sql.as_bytes()), "{sql}");
        }
        for sql in ["", "BEGIN", "COMMIT; SELECT 1", "COMMIT PREPARED 'x'", "SELECT 'commit'"] {
            assert!(!is_commit(sql.as_bytes()), "{sql}");
        }
    }
}
