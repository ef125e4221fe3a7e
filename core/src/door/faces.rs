//! The operations of the door, listed once: their names, arguments, answers and documentation.
//!
//! From this list come the same methods on four faces: [`Doorward`] blocks and acts as the host's own trusted code,
//! [`Session`] blocks and acts for an authenticated caller; [`AsyncDoorward`] and [`AsyncSession`] are their `async`
//! twins. What an operation does is in `operations`. A new operation begins here.

use std::{sync::Arc, time::Duration};

use tracing::level_filters::LevelFilter;

use super::{AsyncDoorward, AsyncSession, Doorward, Session, engine::Engine, operations::Operations};
use crate::{
    error::Result,
    model::{
        api_key::{ApiKey, ApiKeyQuery, CreatedKey, ImportReport, ImportedKey, KeyPatch, NewKey},
        audit::{AuditEvent, AuditQuery},
        code::Region,
        decision::{Decision, Position},
        id::{ApiKeyId, InstitutionId},
        institution::{Institution, InstitutionPatch, InstitutionQuery, NewInstitution},
        page::Page,
        policy::{Policy, PolicyConfig, PolicyHistoryQuery, PolicyPatch, PolicyQuery, PolicyVersion},
    },
};

macro_rules! operations {
    ($( $(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $answer:ty; )*) => {
        /// Every operation, named as in all languages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(non_camel_case_types, reason = "the names are those of the methods")]
        pub(crate) enum Operation { $($name,)* authenticate, verify, admit, find_by_token, health }

        impl Operation {
            pub(crate) const ALL: &[Self] =
                &[$(Self::$name,)* Self::authenticate, Self::verify, Self::admit, Self::find_by_token, Self::health];

            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::authenticate => "authenticate",
                    Self::verify => "verify",
                    Self::admit => "admit",
                    Self::find_by_token => "find_by_token",
                    Self::health => "health",
                }
            }
        }

        impl Operation {
            /// The operation's span, where anybody listens for it.
            ///
            /// Asked first, in one load: a span that nobody listens for costs as much as half a lookup where `tracing` has
            /// its feature `log`, which sqlx switches on for the whole program.
            #[inline]
            pub(super) fn span(self) -> Option<tracing::Span> {
                let listened = LevelFilter::current() >= LevelFilter::DEBUG;
                listened.then(|| tracing::debug_span!("doorward", operation = self.name()))
            }
        }

        /// The operations, on behalf of the host's own trusted code. The audit trail names the actor `system`.
        impl Doorward { $(
            $(#[$doc])*
            pub fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                let engine = self.engine()?;
                engine.run(Operation::$name, || Operations::system(engine, engine.backend()).$name($($argument),*))
            }
        )* }

        /// The operations, on behalf of the caller: each checks what the caller may do.
        impl Session { $(
            $(#[$doc])*
            pub fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                let engine = self.door.engine()?;
                engine.run(Operation::$name, || Operations::caller(engine, engine.backend(), &self.context, &self.request).$name($($argument),*))
            }
        )* }

        /// The operations, on behalf of the host's own trusted code. The audit trail names the actor `system`.
        impl AsyncDoorward { $(
            $(#[$doc])*
            pub async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                let engine: &Arc<Engine> = self.door.engine()?;
                engine.drive(Operation::$name, || Operations::system(engine, engine.nonblocking()).$name($($argument),*)).await
            }
        )* }

        /// The operations, on behalf of the caller: each checks what the caller may do.
        impl AsyncSession { $(
            $(#[$doc])*
            pub async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                let Session { door, context, request } = &self.0;
                let engine: &Arc<Engine> = door.engine()?;
                engine.drive(Operation::$name, || Operations::caller(engine, engine.nonblocking(), context, request).$name($($argument),*)).await
            }
        )* }
    };
}

operations! {
    /// Creates an institution. Only root may.
    ///
    /// # Errors
    /// `Validation`; `Forbidden`; `Conflict` / `institution_exists`; what a store can answer.
    create_institution(new: NewInstitution) -> Institution;

    /// Gets an institution.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` / `institution_not_found`; what a store can answer.
    get_institution(id: &InstitutionId) -> Institution;

    /// Lists institutions by creation. Only root may.
    ///
    /// # Errors
    /// `Validation` (limit, cursor); `Forbidden`; what a store can answer.
    list_institutions(query: &InstitutionQuery) -> Page<Institution>;

    /// Changes an institution. Only root may.
    ///
    /// # Errors
    /// `Validation`; `Forbidden`; `NotFound` / `institution_not_found`; what a store can answer.
    update_institution(id: &InstitutionId, patch: InstitutionPatch) -> Institution;

    /// Creates a key. The answer holds its token, which cannot be had again.
    ///
    /// # Errors
    /// `Validation`; `Forbidden`; `NotFound` / `institution_not_found`; what a store can answer.
    create_key(institution_id: &InstitutionId, key: NewKey) -> CreatedKey;

    /// Creates up to 10,000 keys, all or none.
    ///
    /// # Errors
    /// As `create_key`; fields are named `keys[3].label`.
    create_keys(institution_id: &InstitutionId, keys: Vec<NewKey>) -> Vec<CreatedKey>;

    /// Imports up to 1,000,000 keys that exist elsewhere by the SHA-256 of their tokens, all or none. A dry run stores
    /// nothing and reports every conflict.
    ///
    /// # Errors
    /// As `create_keys`, and `Conflict` / `key_exists` naming the first one that is stored already (`keys[3].key_hash`).
    import_keys(institution_id: &InstitutionId, keys: Vec<ImportedKey>, dry_run: bool) -> ImportReport;

    /// Gets a key of an institution.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`: `institution_not_found`, `key_not_found`; what a store can answer.
    get_key(institution_id: &InstitutionId, id: &ApiKeyId) -> ApiKey;

    /// Lists an institution's keys by creation; revoked ones on request.
    ///
    /// # Errors
    /// `Validation` (limit, cursor); `Forbidden`; `NotFound` / `institution_not_found`; what a store can answer.
    list_keys(query: &ApiKeyQuery) -> Page<ApiKey>;

    /// Changes a key's label, expiry, addresses or metadata.
    ///
    /// # Errors
    /// `Validation`; `Forbidden`; `NotFound`; `Conflict`: `version_mismatch`, `key_revoked`, `key_expired`, `key_rotated`
    /// (expiry of a rotated key); what a store can answer.
    update_key(institution_id: &InstitutionId, id: &ApiKeyId, patch: KeyPatch) -> ApiKey;

    /// Gives a key a successor with a token of its own. The old token stays good for `grace`, then dies by itself; its
    /// expiry is never extended, and the successor's is what the key's was.
    ///
    /// # Errors
    /// `Validation` (a grace over 90 days); `Forbidden`; `NotFound`; `Conflict`: `key_revoked`, `key_expired`,
    /// `key_disabled`, `key_rotated`; what a store can answer.
    rotate_key(institution_id: &InstitutionId, id: &ApiKeyId, grace: Duration) -> CreatedKey;

    /// Switches a key on again. Enabling an enabled key changes nothing.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`; `Conflict`: `key_revoked`, `key_expired`; what a store can answer.
    enable_key(institution_id: &InstitutionId, id: &ApiKeyId) -> ApiKey;

    /// Switches a key off until it is enabled. Disabling a disabled key changes nothing.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`; `Conflict`: `key_revoked`, `key_expired`; what a store can answer.
    disable_key(institution_id: &InstitutionId, id: &ApiKeyId) -> ApiKey;

    /// Revokes a key for good. Revoking it again gives the same record and date back.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`; what a store can answer.
    revoke_key(institution_id: &InstitutionId, id: &ApiKeyId) -> ApiKey;

    /// Revokes all keys of an institution, the caller's own too, and says how many were not revoked before.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` / `institution_not_found`; what a store can answer.
    revoke_all_keys(institution_id: &InstitutionId) -> u64;

    /// Creates an institution's policy in a region, or replaces its config. With an expected version it does so only if the
    /// stored version is that one; 0 means: only if there is none.
    ///
    /// # Errors
    /// `Validation`; `Forbidden`; `NotFound` / `institution_not_found`; `Conflict` / `version_mismatch`; what a store can
    /// answer.
    upsert_policy(institution_id: &InstitutionId, region: Region, config: PolicyConfig, expected_version: Option<u64>) -> Policy;

    /// Merges a patch (RFC 7396) into a policy's config.
    ///
    /// # Errors
    /// As `upsert_policy`, and `NotFound` / `policy_not_found`.
    merge_policy(institution_id: &InstitutionId, region: Region, patch: PolicyPatch, expected_version: Option<u64>) -> Policy;

    /// Gets an institution's policy in a region.
    ///
    /// # Errors
    /// `Validation` / `unknown_region`; `Forbidden`; `NotFound`: `institution_not_found`, `policy_not_found`; what a store
    /// can answer.
    get_policy(institution_id: &InstitutionId, region: Region) -> Policy;

    /// Lists an institution's policies by creation.
    ///
    /// # Errors
    /// `Validation` (limit, cursor); `Forbidden`; `NotFound` / `institution_not_found`; what a store can answer.
    list_policies(query: &PolicyQuery) -> Page<Policy>;

    /// Deletes a policy, and gives it back as it was. From then on the configured default decides.
    ///
    /// # Errors
    /// As `merge_policy`.
    delete_policy(institution_id: &InstitutionId, region: Region, expected_version: Option<u64>) -> Policy;

    /// Lists the versions of a policy: what it was, who changed it and when.
    ///
    /// # Errors
    /// `Validation` (region, limit, cursor); `Forbidden`; `NotFound` / `institution_not_found`; what a store can answer.
    policy_history(query: &PolicyHistoryQuery) -> Page<PolicyVersion>;

    /// Asks an institution's policy in a region about a position.
    ///
    /// # Errors
    /// `Validation` (region, currency); `Forbidden`; `NotFound` / `institution_not_found`; what a store can answer.
    check_position(institution_id: &InstitutionId, region: Region, position: &Position) -> Decision;

    /// Asks about up to 1000 positions, all on one view of the policy.
    ///
    /// # Errors
    /// As `check_position`; fields are named `positions[3].currency`.
    check_positions(institution_id: &InstitutionId, region: Region, positions: &[Position]) -> Vec<Decision>;

    /// Asks a config that is not stored about up to 1000 positions.
    ///
    /// # Errors
    /// As `check_positions`, and those of the config as in `upsert_policy`.
    dry_run(institution_id: &InstitutionId, region: Region, config: &PolicyConfig, positions: &[Position]) -> Vec<Decision>;

    /// Lists audit events in the order of writing. A key's holder sees those of its institution; only root may leave the
    /// institution open.
    ///
    /// # Errors
    /// `Validation` (limit, cursor); `Forbidden`; `NotFound` / `institution_not_found`; what a store can answer.
    list_audit_events(query: &AuditQuery) -> Page<AuditEvent>;
}
