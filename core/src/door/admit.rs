//! Admission: authentication and the policy's decision in one call, on one view of key and policy.

use std::sync::Arc;

use super::{
    authenticate::Recognised,
    context::{Admission, AuthContext},
    credentials::Credentials,
    engine::Engine,
    request::Request,
};
use crate::{
    error::{Error, Reason, Result},
    model::{
        code::Region,
        decision::{Decision, Position},
        id::InstitutionId,
    },
    store::{Backend, Credential},
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
    /// Authenticates and decides, blocking.
    pub(super) fn admit(
        self: &Arc<Self>,
        credentials: Credentials<'_>,
        request: &Request,
        asked: &Asked<'_>,
    ) -> Result<Admission> {
        match self.recognise_for(credentials, request, asked)? {
            Recognised::Token(hash) => {
                let backend = self.backend();
                let found = backend.admit(&hash, asked.region, asked.position, self.config.default_decision).wait();
                self.admitted(&**backend, found, credentials, &hash, request)
            }
            Recognised::Root => {
                let institution_id = asked.institution_of_root()?;
                let decision = self
                    .backend()
                    .decide_one(institution_id, asked.region, asked.position, self.config.default_decision)
                    .wait()?;
                Ok(Admission { context: self.granted_root(request), decision })
            }
        }
    }

    pub(super) async fn admit_async(
        self: &Arc<Self>,
        credentials: Credentials<'_>,
        request: &Request,
        asked: &Asked<'_>,
    ) -> Result<Admission> {
        match self.recognise_for(credentials, request, asked)? {
            Recognised::Token(hash) => {
                let backend = self.nonblocking();
                let found = backend.admit(&hash, asked.region, asked.position, self.config.default_decision).await;
                self.admitted(&**backend, found, credentials, &hash, request)
            }
            Recognised::Root => {
                let institution_id = asked.institution_of_root()?;
                let decision = self
                    .nonblocking()
                    .decide_one(institution_id, asked.region, asked.position, self.config.default_decision)
                    .await?;
                Ok(Admission { context: self.granted_root(request), decision })
            }
        }
    }

    #[inline]
    fn recognise_for(self: &Arc<Self>, credentials: Credentials<'_>, request: &Request, asked: &Asked<'_>) -> Result<Recognised> {
        self.check_open()?;
        self.config.vocabulary.check_region(asked.region)?;
        asked.position.check(&self.config.vocabulary)?;
        self.recognise(credentials, request).map_err(|refusal| {
            self.wake_housekeeper();
            refusal.into_error()
        })
    }

    #[inline]
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
