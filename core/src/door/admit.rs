//! Admission: authentication and the policy's decision in one call, on one view of key and policy.

use std::{sync::Arc, time::Instant};

use super::{
    authenticate::Recognised,
    context::{Admission, AuthContext},
    credentials::Credentials,
    engine::{Engine, guarded},
    faces::Operation,
    operations::Operations,
    request::Request,
};
use crate::{
    error::{Error, Reason, Result},
    model::{
        code::Region,
        decision::{Decision, Position},
        id::InstitutionId,
        rate_limit::RateLimit,
    },
    store::{
        Backend, Credential,
        memory::{Good, Quick},
    },
    token::KeyHash,
};

/// What is asked together with the credentials.
pub(super) struct Asked<'a> {
    pub(super) institution_id: Option<&'a InstitutionId>,
    pub(super) region: Region,
    pub(super) position: &'a Position,
}

impl<'a> Asked<'a> {
    fn institution_of_root(&self) -> Result<&'a InstitutionId> {
        let message = "root belongs to no institution and has to name one";
        self.institution_id.ok_or_else(|| Error::new(Reason::Required, message).field("institution_id"))
    }

    /// Whether the caller asks for another institution than its own.
    pub(super) fn is_elsewhere(&self, context: &AuthContext) -> bool {
        self.institution_id.is_some_and(|id| context.institution_id().is_some_and(|own| own != id))
    }
}

impl Engine {
    /// Authenticates and decides, blocking. What memory tells quickly is answered in place, as in `verify`.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that the answer is built in its place")]
    pub(super) fn admit(
        self: &Arc<Self>,
        credentials: Credentials<'_>,
        request: &Request,
        asked: &Asked<'_>,
    ) -> Result<Admission> {
        let _span = Operation::admit.span().map(tracing::Span::entered);
        let timer = self.metrics.start(Operation::admit);
        // Outside the guard, as in `verify`; the policy's words are read by atomics and compared, which cannot panic either.
        let recognised = self.recognise_for(credentials, request, asked);
        if let Some((good, limit, quick)) = self.quick(&recognised, asked) {
            self.count(Operation::admit, timer, None);
            let decision = quick.decision(self.config.default_decision);
            return Ok(Admission { context: AuthContext::of(&good, limit), decision });
        }
        self.admit_slowly(timer, recognised, credentials, request, asked)
    }

    #[inline(never)]
    fn admit_slowly(
        self: &Arc<Self>,
        timer: Option<Instant>,
        recognised: Result<Recognised>,
        credentials: Credentials<'_>,
        request: &Request,
        asked: &Asked<'_>,
    ) -> Result<Admission> {
        let mut answer = guarded(|| {
            let recognised = recognised?;
            match self.admit_in_memory(&recognised, asked) {
                Some(admission) => Ok(admission),
                None => self.admit_by_store(recognised, credentials, request, asked),
            }
        });
        self.finish(Operation::admit, timer, &mut answer);
        answer
    }

    fn admit_by_store(
        self: &Arc<Self>,
        recognised: Recognised,
        credentials: Credentials<'_>,
        request: &Request,
        asked: &Asked<'_>,
    ) -> Result<Admission> {
        let (backend, default) = (self.backend(), self.config.default_decision);
        let admission = match recognised {
            Recognised::Token(hash) => {
                let found = backend.admit(&hash, asked.region, asked.position, default).wait();
                self.admitted(&**backend, found, credentials, &hash, request)?
            }
            Recognised::Root => {
                let decision = backend.decide_one(asked.institution_of_root()?, asked.region, asked.position, default).wait()?;
                Admission { context: self.granted(AuthContext::root(), request), decision }
            }
        };
        if asked.is_elsewhere(&admission.context) {
            return Operations::caller(self, backend, &admission.context, request).refuse_admission(asked.institution_id).wait();
        }
        Ok(admission)
    }

    /// The same without blocking.
    pub(super) async fn admit_async(
        self: &Arc<Self>,
        credentials: Credentials<'_>,
        request: &Request,
        asked: &Asked<'_>,
    ) -> Result<Admission> {
        let (backend, default) = (self.nonblocking(), self.config.default_decision);
        let recognised = self.recognise_for(credentials, request, asked)?;
        if let Some(admission) = self.admit_in_memory(&recognised, asked) {
            return Ok(admission);
        }
        let admission = match recognised {
            Recognised::Token(hash) => {
                let found = backend.admit(&hash, asked.region, asked.position, default).await;
                self.admitted(&**backend, found, credentials, &hash, request)?
            }
            Recognised::Root => {
                let decision = backend.decide_one(asked.institution_of_root()?, asked.region, asked.position, default).await?;
                Admission { context: self.granted(AuthContext::root(), request), decision }
            }
        };
        if asked.is_elsewhere(&admission.context) {
            return Operations::caller(self, backend, &admission.context, request).refuse_admission(asked.institution_id).await;
        }
        Ok(admission)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that the hash is used where it is made")]
    fn recognise_for(self: &Arc<Self>, credentials: Credentials<'_>, request: &Request, asked: &Asked<'_>) -> Result<Recognised> {
        self.check_open()?;
        self.config.vocabulary.check_region(asked.region)?;
        asked.position.check(&self.config.vocabulary)?;
        self.recognise(credentials, request).map_err(|refusal| {
            self.wake_housekeeper();
            refusal.into_error()
        })
    }

    /// A good key that asks for its own institution, and the answer of the policy, if memory quickly tells both on one view.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "on the way of every admission")]
    fn quick(&self, recognised: &Result<Recognised>, asked: &Asked<'_>) -> Option<(Good<'_>, Option<RateLimit>, Quick)> {
        self.on_one_view(recognised.as_ref().ok()?, asked, |good| good.quick(asked.region, asked.position))
    }

    /// The admission of a good key for its own institution, if memory can answer on one view.
    fn admit_in_memory(&self, recognised: &Recognised, asked: &Asked<'_>) -> Option<Admission> {
        let decide = |good: &Good<'_>| Some(good.decide(asked.region, asked.position, self.config.default_decision));
        let (good, limit, decision) = self.on_one_view(recognised, asked, decide)?;
        Some(Admission { context: AuthContext::of(&good, limit), decision })
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "on the way of every admission")]
    fn on_one_view<T>(
        &self,
        recognised: &Recognised,
        asked: &Asked<'_>,
        ask: impl FnOnce(&Good<'_>) -> Option<T>,
    ) -> Option<(Good<'_>, Option<RateLimit>, T)> {
        let lookups = self.lookups.as_deref().filter(|_| !self.config.audit.authentications)?;
        let Recognised::Token(hash) = recognised else { return None };
        let view = lookups.view()?;
        let good = lookups.good(hash)?;
        if asked.institution_id.is_some_and(|id| id != good.institution_id()) {
            return None;
        }
        let answer = ask(&good)?;
        if !view.still_holds() {
            return None;
        }
        let limit = self.take(&good, lookups)?;
        Some((good, limit, answer))
    }

    fn admitted(
        self: &Arc<Self>,
        backend: &dyn Backend,
        found: Result<Option<(Credential, Decision)>>,
        credentials: Credentials<'_>,
        hash: &KeyHash,
        request: &Request,
    ) -> Result<Admission> {
        let (found, decision) = match found {
            Ok(Some((credential, decision))) => (Ok(Some(credential)), Some(decision)),
            Ok(None) => (Ok(None), None),
            Err(error) => (Err(error), None),
        };
        match (self.judge(backend, found, credentials, hash, request), decision) {
            (Ok(context), Some(decision)) => Ok(Admission { context, decision }),
            (Ok(_), None) => Err(Error::new(Reason::Bug, "the store answered without a decision")),
            (Err(refusal), _) => {
                self.wake_housekeeper();
                Err(refusal.into_error())
            }
        }
    }
}
