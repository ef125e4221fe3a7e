//! Operations on policies, and what is asked of them.

use doorward::{PolicyHistoryQuery, PolicyQuery};
use pyo3::prelude::*;

use crate::{
    arguments::{self, Preset, institution, optional, page, version},
    faces::operations,
};

operations! {
    /// Creates an institution's policy in a region, or replaces its config. With an expected version it does so only if the
    /// stored version is that one; 0 means: only if there is none.
    ///
    /// Raises `ValidationError`; `ForbiddenError`; `NotFoundError` / `institution_not_found`; `ConflictError` /
    /// `version_mismatch`; what a store can answer.
    #[pyo3(signature = (institution_id, region, config, *, expected_version = None))]
    slow fn upsert_policy(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        region: &Bound<'_, PyAny>,
        config: &Bound<'_, PyAny>,
        expected_version: Option<&Bound<'_, PyAny>>,
    ) {
        let (institution, region) = (institution(institution_id)?, arguments::region(region)?);
        let (config, expected) = (arguments::config(config)?, optional(expected_version, version)?);
    } => upsert_policy(&institution, region, config, expected);

    /// Merges a patch (RFC 7396) into a policy's config.
    ///
    /// Raises as `upsert_policy`, and `NotFoundError` / `policy_not_found`.
    #[pyo3(signature = (institution_id, region, patch, *, expected_version = None))]
    slow fn merge_policy(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        region: &Bound<'_, PyAny>,
        patch: &Bound<'_, PyAny>,
        expected_version: Option<&Bound<'_, PyAny>>,
    ) {
        let (institution, region) = (institution(institution_id)?, arguments::region(region)?);
        let (patch, expected) = (arguments::patch(patch)?, optional(expected_version, version)?);
    } => merge_policy(&institution, region, patch, expected);

    /// Gets an institution's policy in a region.
    ///
    /// Raises `ValidationError` / `unknown_region`; `ForbiddenError`; `NotFoundError`: `institution_not_found`,
    /// `policy_not_found`; what a store can answer.
    quick fn get_policy(&self, py, institution_id: &Bound<'_, PyAny>, region: &Bound<'_, PyAny>) {
        let (institution, region) = (institution(institution_id)?, arguments::region(region)?);
    } => get_policy(&institution, region);

    /// Lists an institution's policies by creation.
    ///
    /// Raises `ValidationError` (limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can
    /// answer.
    #[pyo3(
        signature = (institution_id, *, limit = Preset::Unless(50), cursor = None, order = Preset::Unless("newest_first")),
        text_signature = "($self, institution_id, *, limit=50, cursor=None, order='newest_first')"
    )]
    slow fn list_policies(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        limit: Preset<'_, u64>,
        cursor: Option<&Bound<'_, PyAny>>,
        order: Preset<'_, &'static str>,
    ) {
        let query = PolicyQuery { institution_id: institution(institution_id)?, page: page(&limit, cursor, &order)? };
    } => list_policies(&query);

    /// Deletes a policy, and gives it back as it was. From then on the configured default decides.
    ///
    /// Raises as `merge_policy`.
    #[pyo3(signature = (institution_id, region, *, expected_version = None))]
    slow fn delete_policy(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        region: &Bound<'_, PyAny>,
        expected_version: Option<&Bound<'_, PyAny>>,
    ) {
        let (institution, region) = (institution(institution_id)?, arguments::region(region)?);
        let expected = optional(expected_version, version)?;
    } => delete_policy(&institution, region, expected);

    /// Lists the versions of a policy: what it was, who changed it and when.
    ///
    /// Raises `ValidationError` (region, limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a
    /// store can answer.
    #[pyo3(
        signature = (institution_id, region, *, limit = Preset::Unless(50), cursor = None, order = Preset::Unless("newest_first")),
        text_signature = "($self, institution_id, region, *, limit=50, cursor=None, order='newest_first')"
    )]
    slow fn policy_history(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        region: &Bound<'_, PyAny>,
        limit: Preset<'_, u64>,
        cursor: Option<&Bound<'_, PyAny>>,
        order: Preset<'_, &'static str>,
    ) {
        let (institution_id, region) = (institution(institution_id)?, arguments::region(region)?);
        let query = PolicyHistoryQuery { institution_id, region, page: page(&limit, cursor, &order)? };
    } => policy_history(&query);

    /// Asks an institution's policy in a region about a position.
    ///
    /// Raises `ValidationError` (region, amount, currency); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a
    /// store can answer.
    quick fn check_position(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        region: &Bound<'_, PyAny>,
        position: &Bound<'_, PyAny>,
    ) {
        let (institution, region) = (institution(institution_id)?, arguments::region(region)?);
        let position = arguments::position(position)?;
    } => check_position(&institution, region, &position);

    /// Asks about up to 1000 positions, all on one view of the policy.
    ///
    /// Raises as `check_position`; fields are named `positions[3].currency`.
    slow fn check_positions(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        region: &Bound<'_, PyAny>,
        positions: &Bound<'_, PyAny>,
    ) {
        let (institution, region) = (institution(institution_id)?, arguments::region(region)?);
        let positions = arguments::positions(positions)?;
    } => check_positions(&institution, region, &positions);

    /// Asks a config that is not stored about up to 1000 positions.
    ///
    /// Raises as `check_positions`, and those of the config as in `upsert_policy`.
    slow fn dry_run(
        &self,
        py,
        institution_id: &Bound<'_, PyAny>,
        region: &Bound<'_, PyAny>,
        config: &Bound<'_, PyAny>,
        positions: &Bound<'_, PyAny>,
    ) {
        let (institution, region) = (institution(institution_id)?, arguments::region(region)?);
        let (config, positions) = (arguments::config(config)?, arguments::positions(positions)?);
    } => dry_run(&institution, region, &config, &positions);
}
