//! What an application's tables must be like to be taken over. Everything that is in the way is said at once.

use std::collections::HashMap;

use super::Adoption;
use crate::{
    error::{Error, Reason, Result},
    store::{
        postgres::{errors::Fault, statement::Link},
        sql::value::SqlValue,
    },
};

/// The tables that an application may have, with the columns that they must have then, and what each must hold.
const EXPECTED: [(&str, &[(&str, Kind)]); 4] = [
    (
        "institutions",
        &[
            ("id", Kind::Key),
            ("name", Kind::Text),
            ("regions", Kind::Texts),
            ("created_at", Kind::Time),
            ("updated_at", Kind::Time),
        ],
    ),
    (
        "api_keys",
        &[
            ("id", Kind::Key),
            ("institution_id", Kind::Key),
            ("key_hash", Kind::Key),
            ("label", Kind::Text),
            ("role", Kind::Text),
            ("created_at", Kind::Time),
            ("revoked_at", Kind::Time),
        ],
    ),
    (
        "institution_policies",
        &[
            ("id", Kind::Key),
            ("institution_id", Kind::Key),
            ("region", Kind::Key),
            ("config", Kind::Json),
            ("created_at", Kind::Time),
            ("updated_at", Kind::Time),
        ],
    ),
    ("audit_events", &[("id", Kind::Key), ("created_at", Kind::Time), ("method", Kind::Text), ("path", Kind::Text)]),
];

/// Columns that are doorward's own, if an application happens to have them too: what they must hold.
const FURTHER: [(&str, &[(&str, Kind)]); 3] = [
    (
        "api_keys",
        &[
            ("hint", Kind::Text),
            ("disabled_at", Kind::Time),
            ("expires_at", Kind::Time),
            ("allowed_addresses", Kind::Json),
            ("rate_limit_requests", Kind::Number),
            ("rate_limit_window_ms", Kind::Number),
            ("metadata", Kind::Json),
            ("rotated_from", Kind::Text),
            ("rotated_to", Kind::Text),
            ("version", Kind::Number),
        ],
    ),
    ("institution_policies", &[("version", Kind::Number)]),
    (
        "audit_events",
        &[
            ("occurred_at", Kind::Time),
            ("api_key_id", Kind::Text),
            ("institution_id", Kind::Text),
            ("action", Kind::Text),
            ("outcome", Kind::Text),
            ("resource_type", Kind::Text),
            ("resource_id", Kind::Text),
            ("payload", Kind::Json),
            ("actor", Kind::Text),
            ("request_id", Kind::Text),
            ("status_code", Kind::Number),
            ("client_address", Kind::Text),
            ("error", Kind::Text),
            ("sequence", Kind::Number),
        ],
    ),
];

/// What must be unique: a key is found by its hash, a policy by its place.
const UNIQUE: [(&str, &str); 3] =
    [("institutions", "id"), ("api_keys", "key_hash"), ("institution_policies", "institution_id, region")];

/// What doorward leaves empty at times, so that it must not be NOT NULL, default or not.
const EMPTY_AT_TIMES: [(&str, &[&str]); 2] = [
    (
        "api_keys",
        &[
            "revoked_at",
            "disabled_at",
            "expires_at",
            "allowed_addresses",
            "rate_limit_requests",
            "rate_limit_window_ms",
            "metadata",
            "rotated_from",
            "rotated_to",
        ],
    ),
    (
        "audit_events",
        &[
            "api_key_id",
            "institution_id",
            "resource_type",
            "resource_id",
            "payload",
            "request_id",
            "status_code",
            "client_address",
            "error",
        ],
    ),
];

/// How many characters a column must hold, if it is limited at all: the ids that doorward makes, a digest, a word.
const LEAST: [(&str, u64); 3] = [("id", 41), ("key_hash", 64), ("role", 9)];

#[derive(Clone, Copy)]
enum Kind {
    /// What rows are found by. No `citext`: no index of it finds a text.
    Key,
    Text,
    Texts,
    Time,
    Json,
    Number,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Key | Self::Text => "text",
            Self::Texts => "text[]",
            Self::Time => "timestamptz",
            Self::Json => "jsonb",
            Self::Number => "bigint or integer",
        }
    }

    fn accepts(self, kind: &str) -> bool {
        match self {
            Self::Key => matches!(kind, "text" | "character varying"),
            Self::Text => matches!(kind, "text" | "character varying" | "citext"),
            Self::Texts => matches!(kind, "text[]" | "character varying[]"),
            Self::Time => kind == "timestamp with time zone",
            Self::Json => kind == "jsonb",
            Self::Number => matches!(kind, "bigint" | "integer"),
        }
    }
}

const COLUMNS: &str = "SELECT c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, NULL), \
     a.attnotnull::int, (a.atthasdef OR a.attidentity <> '')::int, CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 4 \
     THEN a.atttypmod - 4 END, (c.relkind IN ('r', 'p'))::int FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped";
const KEYS: &str = "SELECT c.relname::text, (SELECT string_agg(a.attname::text, ', ' ORDER BY a.attname) \
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid \
     AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) FROM pg_catalog.pg_index i \
     JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL";

/// A table, or something else with columns.
#[derive(Default)]
struct Relation {
    is_table: bool,
    columns: HashMap<String, Column>,
}

struct Column {
    kind: String,
    not_null: bool,
    has_default: bool,
    /// How many characters it holds, if that is limited.
    limit: Option<i64>,
}

/// Refuses tables that may not, or cannot, be taken over; otherwise says which there are.
pub(super) async fn check(link: &mut Link<'_>, schema: &str, adoption: Adoption) -> Result<Vec<&'static str>, Fault> {
    let values: [SqlValue; 1] = [schema.into()];
    let column = |row: &dyn crate::store::sql::value::Row| {
        let (table, name, kind) = (row.required_text(0)?, row.required_text(1)?, row.required_text(2)?);
        let column =
            Column { kind: kind.to_owned(), not_null: row.count(3)? > 0, has_default: row.count(4)? > 0, limit: row.integer(5)? };
        Ok((table.to_owned(), name.to_owned(), column, row.count(6)? > 0))
    };
    let mut tables: HashMap<String, Relation> = HashMap::new();
    for (table, name, column, is_table) in link.all(COLUMNS, &values, column).await? {
        let relation = tables.entry(table).or_default();
        relation.is_table = is_table;
        relation.columns.insert(name, column);
    }
    let theirs: Vec<_> = EXPECTED.iter().map(|(table, _)| *table).filter(|table| tables.contains_key(*table)).collect();
    if theirs.is_empty() {
        return Ok(theirs);
    }
    if adoption == Adoption::Refuse {
        let message = format!(
            "the schema {schema} has tables of another application ({}): take them over with doorward init --adopt, or choose \
             another schema",
            theirs.join(", ")
        );
        return Err(Error::new(Reason::NotAdopted, message).field("DOORWARD_SCHEMA").into());
    }
    let unique = |row: &dyn crate::store::sql::value::Row| {
        Ok((row.required_text(0)?.to_owned(), row.text(1)?.unwrap_or_default().to_owned()))
    };
    let unique = link.all(KEYS, &values, unique).await?;
    let obstacles = obstacles(&tables, &unique);
    if obstacles.is_empty() {
        return Ok(theirs);
    }
    let message = format!("the tables in the schema {schema} cannot be taken over: {}", obstacles.join("; "));
    Err(Error::new(Reason::CannotAdopt, message).field("DOORWARD_SCHEMA").into())
}

fn obstacles(tables: &HashMap<String, Relation>, unique: &[(String, String)]) -> Vec<String> {
    let mut obstacles = Vec::new();
    for (table, expected) in EXPECTED {
        let Some(Relation { is_table, columns }) = tables.get(table) else { continue };
        if !is_table {
            obstacles.push(format!("{table} is no table"));
            continue;
        }
        let further = FURTHER.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, columns)| columns);
        for (name, kind) in expected {
            match columns.get(*name) {
                None => obstacles.push(format!("{table} has no column {name} ({})", kind.name())),
                Some(Column { kind: found, .. }) if !kind.accepts(found) => {
                    obstacles.push(format!("{table}.{name} is {found} and must be {}", kind.name()));
                }
                Some(_) => {}
            }
        }
        for (name, kind) in further {
            match columns.get(*name) {
                Some(Column { kind: found, .. }) if !kind.accepts(found) => {
                    obstacles.push(format!("{table}.{name} is {found} and must be {}, or not be there", kind.name()));
                }
                Some(Column { not_null: false, .. }) if *name == "version" => {
                    obstacles.push(format!("{table}.version may be NULL and must be NOT NULL, or not be there"));
                }
                _ => {}
            }
        }
        let empty = EMPTY_AT_TIMES.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, columns)| columns);
        for name in empty.iter().filter(|name| columns.get(**name).is_some_and(|column| column.not_null)) {
            obstacles.push(format!("{table}.{name} is NOT NULL, and doorward leaves it empty at times"));
        }
        // Institutions stay the application's own: doorward need not be able to add one.
        let known = |name: &str| expected.iter().chain(further).any(|(known, _)| *known == name);
        if table != "institutions" {
            for (name, least) in LEAST {
                let limit = columns.get(name).and_then(|column| column.limit).and_then(|limit| u64::try_from(limit).ok());
                if let Some(limit) = limit.filter(|limit| *limit < least) {
                    obstacles.push(format!("{table}.{name} holds {limit} characters and must hold {least}"));
                }
            }
            let required = |column: &Column| column.not_null && !column.has_default;
            let mut wanted: Vec<_> =
                columns.iter().filter(|(name, column)| required(column) && !known(name)).map(|(name, _)| name).collect();
            wanted.sort();
            obstacles.extend(wanted.iter().map(|name| format!("{table}.{name} is NOT NULL without a default")));
        }
    }
    for (table, columns) in UNIQUE {
        let is_unique = unique.iter().any(|(name, key)| name == table && key == columns);
        if tables.get(table).is_some_and(|relation| relation.is_table) && !is_unique {
            obstacles.push(format!("{table} has no unique index on ({columns})"));
        }
    }
    let mut ours: Vec<_> = tables.keys().filter(|table| table.starts_with("doorward_")).collect();
    ours.sort();
    obstacles.extend(ours.iter().map(|table| format!("{table} is there already, without doorward's list of migrations")));
    obstacles
}
