//! Institutions: the tenants that own keys and policies.

use serde::{Deserialize, Serialize};

use super::{
    code::{Region, Vocabulary},
    id::InstitutionId,
    page::PageRequest,
    text::check_text,
    time::Timestamp,
};
use crate::error::{Error, Reason, Result};

/// An institution as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Institution {
    /// `inst_…`, or what the host chose.
    pub id: InstitutionId,
    /// 1 to 255 characters.
    pub name: String,
    /// Where the institution is at work. It describes; a policy may be set for every known region.
    pub regions: Vec<Region>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An institution to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInstitution {
    /// The host's own id for its tenant; `None` lets doorward make one.
    pub id: Option<InstitutionId>,
    /// 1 to 255 characters.
    pub name: String,
    /// Known regions, each once.
    pub regions: Vec<Region>,
}

impl NewInstitution {
    /// An institution with an id of doorward's making.
    #[must_use]
    pub fn new(name: impl Into<String>, regions: impl IntoIterator<Item = Region>) -> Self {
        Self { id: None, name: name.into(), regions: regions.into_iter().collect() }
    }

    /// Gives it the host's own id.
    #[must_use]
    pub fn with_id(mut self, id: InstitutionId) -> Self {
        self.id = Some(id);
        self
    }

    pub(crate) fn check(&self, vocabulary: &Vocabulary) -> Result<()> {
        check_text("name", &self.name)?;
        check_regions(vocabulary, &self.regions)
    }
}

/// What is to change about an institution; `None` leaves a member as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstitutionPatch {
    /// The new name.
    pub name: Option<String>,
    /// The new regions, all of them.
    pub regions: Option<Vec<Region>>,
}

impl InstitutionPatch {
    pub(crate) fn check(&self, vocabulary: &Vocabulary) -> Result<()> {
        self.name.as_deref().map_or(Ok(()), |name| check_text("name", name))?;
        self.regions.as_deref().map_or(Ok(()), |regions| check_regions(vocabulary, regions))
    }

    /// The institution as it is afterwards.
    #[must_use]
    pub fn apply(&self, institution: &Institution, at: Timestamp) -> Institution {
        let mut changed = institution.clone();
        if let Some(name) = &self.name {
            changed.name.clone_from(name);
        }
        if let Some(regions) = &self.regions {
            changed.regions.clone_from(regions);
        }
        changed.updated_at = at;
        changed
    }
}

/// Which institutions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstitutionQuery {
    /// The page, ordered by creation.
    pub page: PageRequest,
}

fn check_regions(vocabulary: &Vocabulary, regions: &[Region]) -> Result<()> {
    for (index, region) in regions.iter().enumerate() {
        let named = |error: Error| error.field(format!("regions[{index}]"));
        vocabulary.check_region(*region).map_err(named)?;
        if regions.iter().take(index).any(|earlier| earlier == region) {
            return Err(named(Error::new(Reason::Duplicate, "must not occur twice")));
        }
    }
    Ok(())
}

/// The error for an institution that is not there.
pub(crate) fn institution_not_found(id: &InstitutionId) -> Error {
    Error::new(Reason::InstitutionNotFound, format!("there is no institution {id}")).field("institution_id")
}
