//! Rule 3: a change by a key's holder is made only while that key is good, checked within the change's transaction.

use std::time::Duration;

use super::{
    case::{Case, Check, equal},
    stage::{Stage, answer},
};
use crate::{
    error::{Error, Reason, Result},
    model::{
        api_key::{ApiKey, KeyChange},
        audit::{Actor, AuditEntry},
        id::{ApiKeyId, InstitutionId},
        institution::InstitutionPatch,
        policy::{PolicyAction, PolicyConfig},
    },
};

pub(super) const CASES: &[Case] = &[
    Case::new("an active key's holder may make every change", active),
    Case::new("a revoked key's holder makes no change any more", revoked),
    Case::new("a disabled key's holder makes no change until it is enabled again", disabled),
    Case::new("a key's holder makes no change from the millisecond of its expiry", expired),
    Case::new("the holder of an unknown key makes no change", unknown),
    Case::new("a key's holder may revoke that very key, once", revokes_itself),
];

/// A change of every kind, each by this actor.
struct Changes<'a> {
    stage: &'a Stage,
    institution: InstitutionId,
    victim: ApiKey,
}

const KINDS: usize = 6;

impl<'a> Changes<'a> {
    fn new(stage: &'a Stage) -> Result<Self> {
        let institution = stage.institution()?;
        let victim = stage.key(&institution)?;
        Ok(Self { stage, institution, victim })
    }

    /// Makes the change of this number.
    fn make(&self, number: usize, entry: AuditEntry) -> Result<()> {
        let store = &*self.stage.store;
        let institution = &self.institution;
        match number {
            0 => answer(store.insert_institution(self.stage.new_institution()?, entry)).map(|_| ()),
            1 => answer(store.update_institution(institution, InstitutionPatch::default(), entry)).map(|_| ()),
            2 => answer(store.insert_keys(vec![self.stage.new_key(institution)?], entry)).map(|_| ()),
            3 => answer(store.change_key(institution, &self.victim.id, KeyChange::Disable, entry)).map(|_| ()),
            4 => {
                let config = PolicyConfig::from_json(r#"{"position":{}}"#)?;
                let change = self.stage.policy_change(institution, PolicyAction::Upsert(config))?;
                answer(store.change_policy(change, entry)).map(|_| ())
            }
            _ => answer(store.revoke_all_keys(&self.victim.institution_id, entry)).map(|_| ()),
        }
    }

    /// Expects that none of them can be made, and that none leaves anything.
    fn all_refused(&self, actor: &ApiKeyId) -> Check {
        for number in 0..KINDS {
            let entry = self.stage.entry_by(Actor::Key(actor.clone()))?;
            self.stage.refuses_entry::<()>(Reason::ActorNotActive, entry, |entry| self.make(number, entry).into())?;
        }
        equal(self.stage.found_key(&self.victim)?, self.victim.clone(), "a key that the changes were about")
    }
}

fn active(stage: &Stage) -> Check {
    let changes = Changes::new(stage)?;
    // Of another institution, so that the last change does not end it.
    let actor = stage.key(&stage.institution()?)?;
    for number in 0..KINDS {
        let entry = stage.entry_by(Actor::Key(actor.id.clone()))?;
        changes.make(number, entry.clone())?;
        equal(stage.events_of(&entry)?.len(), 1, "audit events of the change")?;
    }
    Ok(())
}

fn revoked(stage: &Stage) -> Check {
    let changes = Changes::new(stage)?;
    let actor = stage.key(&stage.institution()?)?;
    stage.change_key(&actor, KeyChange::Revoke)?;
    changes.all_refused(&actor.id)
}

fn disabled(stage: &Stage) -> Check {
    let changes = Changes::new(stage)?;
    let actor = stage.key(&stage.institution()?)?;
    stage.change_key(&actor, KeyChange::Disable)?;
    changes.all_refused(&actor.id)?;
    stage.change_key(&actor, KeyChange::Enable)?;
    Ok(changes.make(1, stage.entry_by(Actor::Key(actor.id))?)?)
}

fn expired(stage: &Stage) -> Check {
    let changes = Changes::new(stage)?;
    let expiry = stage.tick().plus(Duration::from_secs(3600));
    let actor = stage.store_key(ApiKey { expires_at: Some(expiry), ..stage.new_key(&stage.institution()?)? })?;
    let by_actor = || stage.entry_by(Actor::Key(actor.id.clone()));
    let before = crate::model::time::Timestamp::from_millis(expiry.as_millis().saturating_sub(1));
    changes.make(1, AuditEntry { occurred_at: before, ..by_actor()? })?;
    let entry = AuditEntry { occurred_at: expiry, ..by_actor()? };
    stage.refuses_entry::<()>(Reason::ActorNotActive, entry, |entry| changes.make(1, entry).into())?;
    Ok(())
}

fn unknown(stage: &Stage) -> Check {
    let changes = Changes::new(stage)?;
    changes.all_refused(&ApiKeyId::generate()?)
}

fn revokes_itself(stage: &Stage) -> Check {
    let actor = stage.key(&stage.institution()?)?;
    let revoke = |entry| stage.store.change_key(&actor.institution_id, &actor.id, KeyChange::Revoke, entry);
    let first = answer(revoke(stage.entry_by(Actor::Key(actor.id.clone()))?))?;
    equal(first.changed, true, "whether the first revocation changed something")?;
    let entry = stage.entry_by(Actor::Key(actor.id.clone()))?;
    let error: Error = stage.refuses_entry(Reason::ActorNotActive, entry, revoke)?;
    equal(error.reason(), Reason::ActorNotActive, "the refusal of the second one")?;
    equal(stage.found_key(&actor)?, first.key, "the key afterwards")
}
