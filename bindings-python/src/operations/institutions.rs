//! Operations on institutions.

use doorward::{InstitutionPatch, InstitutionQuery, NewInstitution};
use pyo3::prelude::*;

use crate::{
    arguments::{Preset, institution, optional, page, regions, text},
    faces::operations,
};

operations! {
    /// Creates an institution. Only root may. Without an `id` of the host's own it gets one.
    ///
    /// Raises `ValidationError`; `ForbiddenError`; `ConflictError` / `institution_exists`; what a store can answer.
    #[pyo3(signature = (name, *, id = None, regions = None))]
    slow fn create_institution(
        &self,
        py,
        name: &Bound<'_, PyAny>,
        id: Option<&Bound<'_, PyAny>>,
        regions: Option<&Bound<'_, PyAny>>,
    ) {
        let name = text(name, "name")?.to_owned();
        let (id, regions) = (optional(id, institution)?, optional(regions, self::regions)?.unwrap_or_default());
    } => create_institution(NewInstitution { id, name, regions });

    /// Gets an institution.
    ///
    /// Raises `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
    quick fn get_institution(&self, py, institution_id: &Bound<'_, PyAny>) {
        let id = institution(institution_id)?;
    } => get_institution(&id);

    /// Lists institutions by creation. Only root may.
    ///
    /// Raises `ValidationError` (limit, cursor); `ForbiddenError`; what a store can answer.
    #[pyo3(
        signature = (*, limit = Preset::Unless(50), cursor = None, order = Preset::Unless("newest_first")),
        text_signature = "($self, *, limit=50, cursor=None, order='newest_first')"
    )]
    slow fn list_institutions(&self, py, limit: Preset<'_, u64>, cursor: Option<&Bound<'_, PyAny>>, order: Preset<'_, &'static str>) {
        let query = InstitutionQuery { page: page(&limit, cursor, &order)? };
    } => list_institutions(&query);

    /// Changes an institution. Only root may. What is not given stays as it is.
    ///
    /// Raises `ValidationError`; `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
    #[pyo3(signature = (institution_id, *, name = None, regions = None))]
    slow fn update_institution(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        name: Option<&Bound<'_, PyAny>>,
        regions: Option<&Bound<'_, PyAny>>,
    ) {
        let id = institution(institution_id)?;
        let name = optional(name, |name| Ok(text(name, "name")?.to_owned()))?;
        let patch = InstitutionPatch { name, regions: optional(regions, self::regions)? };
    } => update_institution(&id, patch);
}
