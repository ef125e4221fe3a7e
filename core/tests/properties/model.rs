//! Random sequences of operations on a real store, beside the simplest thing that could be true: maps and counters.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use doorward::{
    ApiKeyId, ApiKeyQuery, AuditQuery, Config, Doorward, ImportedKey, InstitutionId, KeyHash, KeyPatch, KeyStatus,
    NewInstitution, NewKey, Order, PageRequest, PolicyConfig, Position, Reason, Region, Role,
};
use proptest::{collection::vec, prelude::*};

use crate::calls::{Call, call};

#[derive(Clone, Debug, Default)]
struct Key {
    institution: u8,
    version: u64,
    revoked: bool,
    disabled: bool,
    rotated: bool,
}

/// What the store ought to hold.
#[derive(Default)]
struct Model {
    institutions: BTreeSet<u8>,
    hashes: BTreeSet<u8>,
    /// In the order of creation.
    keys: Vec<(ApiKeyId, Key)>,
    /// Version and limit.
    policies: BTreeMap<u8, (u64, u8)>,
    last_versions: BTreeMap<u8, u64>,
    generation: u64,
    events: usize,
}

type Outcome = Result<(), Reason>;

fn id(institution: u8) -> InstitutionId {
    format!("i{institution}").parse().unwrap()
}

fn region() -> Region {
    "US".parse().unwrap()
}

fn outcome<T>(answer: doorward::Result<T>) -> Outcome {
    answer.map(|_| ()).map_err(|error| error.reason())
}

impl Model {
    fn pick(&self, key: u8) -> Option<usize> {
        usize::from(key).checked_rem(self.keys.len())
    }

    /// Notes a call that succeeded: one entry in the trail, and one step of the generation if something changed.
    fn succeed(&mut self, changed: bool) -> Outcome {
        self.events += 1;
        self.generation += u64::from(changed);
        Ok(())
    }

    /// Makes a change to a key that is not revoked; `change` says whether anything differs.
    fn change(&mut self, index: usize, change: impl FnOnce(&mut Key) -> Result<bool, Reason>) -> Outcome {
        let key = &mut self.keys[index].1;
        if key.revoked {
            return Err(Reason::KeyRevoked);
        }
        let changed = change(key)?;
        key.version += u64::from(changed);
        self.succeed(changed)
    }

    fn check(&self, institution: u8, expected: Option<u64>) -> Outcome {
        if !self.institutions.contains(&institution) {
            return Err(Reason::InstitutionNotFound);
        }
        let stored = self.policies.get(&institution).map_or(0, |(version, _)| *version);
        if expected.is_some_and(|expected| expected != stored) { Err(Reason::VersionMismatch) } else { Ok(()) }
    }

    /// Makes the call on the store and on the model, and gives what each says of it.
    fn step(&mut self, door: &Doorward, call: &Call) -> (Outcome, Outcome) {
        match call {
            Call::Found(number) => {
                let answer = door.create_institution(NewInstitution::new("x", []).with_id(id(*number)));
                let expected =
                    if self.institutions.insert(*number) { self.succeed(true) } else { Err(Reason::InstitutionExists) };
                (outcome(answer), expected)
            }
            Call::Import { institution, hashes } => {
                let key = |hash: &u8| ImportedKey {
                    key_hash: KeyHash::of(&format!("token {hash}")),
                    key: NewKey::new(format!("key {hash}"), Role::Admin),
                };
                let answer = door.import_keys(&id(*institution), hashes.iter().map(key).collect(), false);
                let fresh: BTreeSet<_> = hashes.iter().copied().filter(|hash| !self.hashes.contains(hash)).collect();
                let expected = if !self.institutions.contains(institution) {
                    Err(Reason::InstitutionNotFound)
                } else if fresh.len() < hashes.len() {
                    Err(Reason::KeyExists)
                } else {
                    self.succeed(true)
                };
                if let (Ok(report), Ok(())) = (&answer, expected) {
                    self.hashes.extend(fresh);
                    let new = Key { institution: *institution, version: 1, ..Key::default() };
                    self.keys.extend(report.imported.iter().map(|record| (record.id.clone(), new.clone())));
                }
                (outcome(answer), expected)
            }
            Call::Revoke(key) => self.on_key(door, *key, |model, index, institution, id| {
                let answer = outcome(door.revoke_key(institution, id));
                let changed = !std::mem::replace(&mut model.keys[index].1.revoked, true);
                model.keys[index].1.version += u64::from(changed);
                (answer, model.succeed(changed))
            }),
            Call::Disable(key) => self.on_key(door, *key, |model, index, institution, id| {
                let answer = outcome(door.disable_key(institution, id));
                (answer, model.change(index, |key| Ok(!std::mem::replace(&mut key.disabled, true))))
            }),
            Call::Enable(key) => self.on_key(door, *key, |model, index, institution, id| {
                let answer = outcome(door.enable_key(institution, id));
                (answer, model.change(index, |key| Ok(std::mem::replace(&mut key.disabled, false))))
            }),
            Call::Relabel { key, expected } => self.on_key(door, *key, |model, index, institution, id| {
                let label = Some(format!("label {}", model.events));
                let patch = KeyPatch { label, expected_version: *expected, ..KeyPatch::default() };
                let answer = outcome(door.update_key(institution, id, patch));
                let wrong = |key: &Key| expected.is_some_and(|expected| expected != key.version);
                let change = |key: &mut Key| if wrong(key) { Err(Reason::VersionMismatch) } else { Ok(true) };
                (answer, model.change(index, change))
            }),
            Call::Rotate(key) => self.on_key(door, *key, |model, index, institution, id| {
                let answer = door.rotate_key(institution, id, Duration::from_secs(3600));
                let expected = model.change(index, |key| match key {
                    Key { disabled: true, .. } => Err(Reason::KeyDisabled),
                    Key { rotated: true, .. } => Err(Reason::KeyRotated),
                    key => {
                        key.rotated = true;
                        Ok(true)
                    }
                });
                if let Ok(created) = &answer {
                    let institution = model.keys[index].1.institution;
                    model.keys.push((created.record.id.clone(), Key { institution, version: 1, ..Key::default() }));
                }
                (outcome(answer), expected)
            }),
            Call::RevokeAll(institution) => {
                let answer = door.revoke_all_keys(&id(*institution));
                if !self.institutions.contains(institution) {
                    return (outcome(answer), Err(Reason::InstitutionNotFound));
                }
                let mut count = 0;
                for (_, key) in self.keys.iter_mut().filter(|(_, key)| key.institution == *institution && !key.revoked) {
                    key.revoked = true;
                    key.version += 1;
                    count += 1;
                }
                assert!(
                    answer.as_ref().map_or(true, |answer| *answer == count),
                    "how many were revoked: {answer:?}, not {count}"
                );
                (outcome(answer), self.succeed(count > 0))
            }
            Call::Upsert { institution, limit, expected } => {
                let config = PolicyConfig::from_json(&format!(r#"{{"position":{{"maxAmount":{limit}}}}}"#)).unwrap();
                let answer = door.upsert_policy(&id(*institution), region(), config, *expected);
                let expected = self.check(*institution, *expected).and_then(|()| {
                    let version = self.last_versions.entry(*institution).or_default();
                    *version += 1;
                    self.policies.insert(*institution, (*version, *limit));
                    self.succeed(true)
                });
                (outcome(answer), expected)
            }
            Call::Delete { institution, expected } => {
                let answer = door.delete_policy(&id(*institution), region(), *expected);
                let expected = self.check(*institution, *expected).and_then(|()| {
                    self.policies.remove(institution).ok_or(Reason::PolicyNotFound)?;
                    *self.last_versions.entry(*institution).or_default() += 1;
                    self.succeed(true)
                });
                (outcome(answer), expected)
            }
        }
    }

    fn on_key(
        &mut self,
        door: &Doorward,
        key: u8,
        change: impl FnOnce(&mut Self, usize, &InstitutionId, &ApiKeyId) -> (Outcome, Outcome),
    ) -> (Outcome, Outcome) {
        match self.pick(key) {
            Some(index) => {
                let (key_id, key) = self.keys[index].clone();
                change(self, index, &id(key.institution), &key_id)
            }
            None => (outcome(door.revoke_key(&id(9), &ApiKeyId::from_stored("ak_none"))), Err(Reason::InstitutionNotFound)),
        }
    }

    /// Compares everything that the store holds.
    fn compare(&self, door: &Doorward) {
        let page = PageRequest { limit: 1000, cursor: None, order: Order::OldestFirst };
        assert_eq!(door.health().generation, Some(self.generation), "the generation");
        let events = door.list_audit_events(&AuditQuery { page: page.clone(), ..AuditQuery::default() }).unwrap();
        assert_eq!(events.items.len(), self.events, "the events of the trail");
        for institution in &self.institutions {
            let query = ApiKeyQuery { include_revoked: true, page: page.clone(), ..ApiKeyQuery::of(id(*institution)) };
            let seen: Vec<_> = door.list_keys(&query).unwrap().items.into_iter().collect();
            let seen: BTreeMap<_, _> = seen
                .into_iter()
                .map(|key| (key.id.clone(), (key.version, key.revoked_at.is_some(), key.disabled_at.is_some())))
                .collect();
            let mine = self.keys.iter().filter(|(_, key)| key.institution == *institution);
            let expected = mine.map(|(id, key)| (id.clone(), (key.version, key.revoked, key.disabled))).collect();
            assert_eq!(seen, expected, "the keys of {institution}");
            let active = ApiKeyQuery { status: Some(KeyStatus::Active), ..query };
            let count =
                self.keys.iter().filter(|(_, key)| key.institution == *institution && !key.revoked && !key.disabled).count();
            assert_eq!(door.list_keys(&active).unwrap().items.len(), count, "the active keys of {institution}");
            let decision = door.check_position(&id(*institution), region(), &Position::parse("4", "USD").unwrap()).unwrap();
            let policy = self.policies.get(institution);
            assert_eq!(decision.policy_version, policy.map(|(version, _)| *version), "the policy's version");
            assert_eq!(decision.allowed, policy.is_none_or(|(_, limit)| *limit >= 4), "whether 4 is allowed");
        }
    }
}

fn run(door: &Doorward, calls: &[Call]) {
    let mut model = Model::default();
    for (index, call) in calls.iter().enumerate() {
        let (seen, expected) = model.step(door, call);
        assert_eq!(seen, expected, "call {index}: {call:?}");
    }
    model.compare(door);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_memory_store_does_what_the_model_does(calls in vec(call(), 1..60)) {
        run(&Doorward::open(Config::memory()).unwrap(), &calls);
    }
}

#[cfg(feature = "sqlite")]
proptest! {
    // A file for each: fewer of them.
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn the_sqlite_store_does_what_the_model_does(calls in vec(call(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        run(&Doorward::open(Config::sqlite(folder.path().join("doorward.db"))).unwrap(), &calls);
    }
}
