//! A store around a store: what passes every call on, for those that add something to all of them alike.

/// Implements the traits of a store for a type with a field `store: Arc<dyn Backend>` and three methods that pass a call on:
/// `ask` for a question, `record` for what writes audit entries, which it is shown, and `change` for any other change. What is
/// handed over is owned, so that the call may be made later. The methods of [`Backend`](super::Backend) that no such store has
/// alike are given with it.
macro_rules! around {
    ($store:ty { $($own:tt)* }) => {
        const _: () = {
            use std::{sync::Arc, time::Duration};

            use $crate::{
                error::Result,
                model::{
                    api_key::{ApiKey, ApiKeyQuery, KeyChange, KeyChanged, KeyUse},
                    audit::{AuditEntry, AuditEvent, AuditQuery},
                    code::Region,
                    decision::{Decision, DefaultDecision, Position},
                    id::{ApiKeyId, InstitutionId},
                    institution::{Institution, InstitutionPatch, InstitutionQuery},
                    page::Page,
                    policy::{Policy, PolicyChange, PolicyHistoryQuery, PolicyQuery, PolicyVersion},
                    time::Timestamp,
                },
                reply::Reply,
                store::{
                    ApiKeyStore, AuditStore, Backend, Credential, Generation, InstitutionStore, PolicyStore, StoreStatus,
                },
                token::KeyHash,
            };

            impl InstitutionStore for $store {
                fn insert_institution(&self, institution: Institution, audit: AuditEntry) -> Reply<Institution> {
                    self.record(audit, move |store, audit| store.insert_institution(institution, audit))
                }

                fn find_institution(&self, id: &InstitutionId) -> Reply<Option<Institution>> {
                    let id = id.clone();
                    self.ask(move |store| store.find_institution(&id))
                }

                fn list_institutions(&self, query: &InstitutionQuery) -> Reply<Page<Institution>> {
                    let query = query.clone();
                    self.ask(move |store| store.list_institutions(&query))
                }

                fn update_institution(
                    &self,
                    id: &InstitutionId,
                    patch: InstitutionPatch,
                    audit: AuditEntry,
                ) -> Reply<Institution> {
                    let id = id.clone();
                    self.record(audit, move |store, audit| store.update_institution(&id, patch, audit))
                }
            }

            impl ApiKeyStore for $store {
                fn insert_keys(&self, keys: Vec<ApiKey>, audit: AuditEntry) -> Reply<Vec<ApiKey>> {
                    self.record(audit, move |store, audit| store.insert_keys(keys, audit))
                }

                fn known_hashes(&self, hashes: &[KeyHash]) -> Reply<Vec<KeyHash>> {
                    let hashes = hashes.to_vec();
                    self.ask(move |store| store.known_hashes(&hashes))
                }

                fn find_credential(&self, hash: &KeyHash) -> Reply<Option<Credential>> {
                    let hash = *hash;
                    self.ask(move |store| store.find_credential(&hash))
                }

                fn find_by_hash(&self, hash: &KeyHash) -> Reply<Option<ApiKey>> {
                    let hash = *hash;
                    self.ask(move |store| store.find_by_hash(&hash))
                }

                fn find_key(&self, institution_id: &InstitutionId, id: &ApiKeyId) -> Reply<Option<ApiKey>> {
                    let (institution_id, id) = (institution_id.clone(), id.clone());
                    self.ask(move |store| store.find_key(&institution_id, &id))
                }

                fn list_keys(&self, query: &ApiKeyQuery, at: Timestamp) -> Reply<Page<ApiKey>> {
                    let query = query.clone();
                    self.ask(move |store| store.list_keys(&query, at))
                }

                fn change_key(
                    &self,
                    institution_id: &InstitutionId,
                    id: &ApiKeyId,
                    change: KeyChange,
                    audit: AuditEntry,
                ) -> Reply<KeyChanged> {
                    let (institution_id, id) = (institution_id.clone(), id.clone());
                    self.record(audit, move |store, audit| store.change_key(&institution_id, &id, change, audit))
                }

                fn revoke_all_keys(&self, institution_id: &InstitutionId, audit: AuditEntry) -> Reply<u64> {
                    let institution_id = institution_id.clone();
                    self.record(audit, move |store, audit| store.revoke_all_keys(&institution_id, audit))
                }

                fn note_use(&self, credential: &Credential) -> bool {
                    self.store.note_use(credential)
                }

                fn record_use(&self, uses: Vec<KeyUse>) -> Reply<()> {
                    self.change(move |store| store.record_use(uses))
                }
            }

            impl PolicyStore for $store {
                fn change_policy(&self, change: PolicyChange, audit: AuditEntry) -> Reply<Policy> {
                    self.record(audit, move |store, audit| store.change_policy(change, audit))
                }

                fn find_policy(&self, institution_id: &InstitutionId, region: Region) -> Reply<Option<Policy>> {
                    let institution_id = institution_id.clone();
                    self.ask(move |store| store.find_policy(&institution_id, region))
                }

                fn list_policies(&self, query: &PolicyQuery) -> Reply<Page<Policy>> {
                    let query = query.clone();
                    self.ask(move |store| store.list_policies(&query))
                }

                fn policy_history(&self, query: &PolicyHistoryQuery) -> Reply<Page<PolicyVersion>> {
                    let query = query.clone();
                    self.ask(move |store| store.policy_history(&query))
                }

                fn decide_one(
                    &self,
                    institution_id: &InstitutionId,
                    region: Region,
                    position: &Position,
                    default: DefaultDecision,
                ) -> Reply<Decision> {
                    let (institution_id, position) = (institution_id.clone(), *position);
                    self.ask(move |store| store.decide_one(&institution_id, region, &position, default))
                }

                fn decide(
                    &self,
                    institution_id: &InstitutionId,
                    region: Region,
                    positions: &[Position],
                    default: DefaultDecision,
                ) -> Reply<Vec<Decision>> {
                    let (institution_id, positions) = (institution_id.clone(), positions.to_vec());
                    self.ask(move |store| store.decide(&institution_id, region, &positions, default))
                }
            }

            impl AuditStore for $store {
                fn append_events(&self, entries: Vec<AuditEntry>) -> Reply<()> {
                    self.record(entries, |store, entries| store.append_events(entries))
                }

                fn list_events(&self, query: &AuditQuery) -> Reply<Page<AuditEvent>> {
                    let query = query.clone();
                    self.ask(move |store| store.list_events(&query))
                }
            }

            impl Backend for $store {
                fn admit(
                    &self,
                    hash: &KeyHash,
                    region: Region,
                    position: &Position,
                    default: DefaultDecision,
                ) -> Reply<Option<(Credential, Decision)>> {
                    let (hash, position) = (*hash, *position);
                    self.ask(move |store| store.admit(&hash, region, &position, default))
                }

                fn generation(&self) -> Reply<Generation> {
                    self.ask(|store| store.generation())
                }

                fn status(&self) -> Reply<StoreStatus> {
                    self.ask(|store| store.status())
                }

                $($own)*
            }
        };
    };
}
pub(crate) use around;
