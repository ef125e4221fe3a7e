//! The table `institutions`.

use super::{
    listing::Listing,
    value::{Row, SqlValue, damaged},
};
use crate::{
    error::Result,
    model::{
        id::InstitutionId,
        institution::{Institution, InstitutionQuery},
    },
};

const SELECT: &str = "SELECT id, name, regions, created_at, updated_at FROM institutions";

pub(crate) const FIND: &str = "SELECT id, name, regions, created_at, updated_at FROM institutions WHERE id = $1";
/// The same, locked against other changes until the end of the transaction; fails at once where another one has it.
#[cfg(feature = "postgres")]
pub(crate) const FIND_TO_CHANGE: &str =
    "SELECT id, name, regions, created_at, updated_at FROM institutions WHERE id = $1 FOR NO KEY UPDATE NOWAIT";
/// Keeps an institution from being deleted until the end of the transaction, as a row that refers to it will: asked for
/// before such a row is stored, since that would wait. No other change of the institution is in its way.
#[cfg(feature = "postgres")]
pub(crate) const HOLD: &str = "SELECT 1 FROM institutions WHERE id = $1 FOR KEY SHARE NOWAIT";
pub(crate) const EXISTS: &str = "SELECT 1 FROM institutions WHERE id = $1";
/// Changes no row if the id is taken.
pub(crate) const INSERT: &str = "INSERT INTO institutions (id, name, regions, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING";
pub(crate) const UPDATE: &str = "UPDATE institutions SET name = $1, regions = $2, updated_at = $3 WHERE id = $4";

/// The values of [`INSERT`].
pub(crate) fn inserted(institution: &Institution) -> [SqlValue; 5] {
    [
        (&institution.id).into(),
        institution.name.as_str().into(),
        regions(institution),
        institution.created_at.into(),
        institution.updated_at.into(),
    ]
}

/// The values of [`UPDATE`].
pub(crate) fn updated(institution: &Institution) -> [SqlValue; 4] {
    [institution.name.as_str().into(), regions(institution), institution.updated_at.into(), (&institution.id).into()]
}

fn regions(institution: &Institution) -> SqlValue {
    SqlValue::Texts(institution.regions.iter().map(|region| region.as_str().to_owned()).collect())
}

/// Reads a row of [`FIND`] or [`list`].
pub(crate) fn read(row: &dyn Row) -> Result<Institution> {
    let region = |code: &String| code.parse().map_err(|error| damaged("its regions are no list of codes").because(error));
    Ok(Institution {
        id: InstitutionId::from_stored(row.required_text(0)?),
        name: row.required_text(1)?.to_owned(),
        regions: row.texts(2)?.iter().map(region).collect::<Result<_>>()?,
        created_at: row.required_time(3)?,
        updated_at: row.required_time(4)?,
    })
}

/// The statement of a page.
pub(crate) fn list(query: &InstitutionQuery) -> (String, Vec<SqlValue>) {
    Listing::of(SELECT).page_by_creation(&query.page, "institutions", ["created_at", "id"])
}
