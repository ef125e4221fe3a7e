//! Authentication: from a presented token to an [`AuthContext`] or a reason for refusal. The way of every request, so it
//! neither allocates nor formats, and takes no lock, until someone is refused.
//!
//! The order is fixed: length, root token (in constant time, by digest), shape and checksum, lookup by digest, status,
//! address. A store that cannot answer lets nobody in, root apart.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use smol_str::SmolStr;

use super::{
    context::{AuthContext, Verdict},
    credentials::Credentials,
    engine::{Engine, guarded, guarded_async},
    faces::Operation,
    request::Request,
    trail::Likeness,
};
use crate::{
    error::{Error, Reason, Result},
    model::{
        address,
        api_key::{ApiKey, KeyStatus},
        audit::{Actor, AuditEntry, Outcome},
        id::EventId,
        rate_limit::{RateLimit, RateLimitStatus},
        time::Timestamp,
    },
    reply::Reply,
    store::{
        Backend, Credential,
        memory::{Good, Lookups},
    },
    token::{KeyHash, MAX_TOKEN, Shape},
};

/// Why a caller is not let in. An error object is there only if the store failed.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    error: Option<Error>,
    /// After which time a caller that came too often may come again.
    retry_after: Option<Duration>,
    /// What is left of the key's limit, if it was that.
    limit: Option<RateLimitStatus>,
}

pub(super) type Identity = Result<AuthContext, Refusal>;

/// What can be said of credentials before a store is asked.
pub(super) enum Recognised {
    /// Root, from an address that root may come from.
    Root,
    /// A token that may be a key's.
    Token(KeyHash),
}

impl Engine {
    /// Who presents these credentials; `good` and `other` make of it what the caller wants. Good keys in memory, the usual
    /// case, are answered here; it is built where it is wanted, since moving an answer about costs as much as finding it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that the answer is built in its place")]
    pub(super) fn verify<R>(
        self: &Arc<Self>,
        operation: Operation,
        credentials: Credentials<'_>,
        request: &Request,
        good: impl FnOnce(AuthContext) -> R,
        other: impl FnOnce(Identity) -> R,
    ) -> R {
        let _span = operation.span().map(tracing::Span::entered);
        let timer = self.metrics.start(operation);
        // These two are outside the guard, which would cost another move of the answer. Nothing in them can panic: what could
        // (indexing, unwrap, plain arithmetic) is a lint that has no exception on this way, a failing clock or source of
        // randomness is a value, and a poisoned lock is passed over. What is left is the host's own subscriber and recorder.
        let recognised = self.recognise(credentials, request);
        if let Some((found, limit)) = self.good(&recognised) {
            self.count(operation, timer, None);
            return good(AuthContext::of(&found, limit));
        }
        let identity =
            guarded(|| Ok(self.identify(recognised, credentials, request))).unwrap_or_else(|error| Err(Refusal::of(error)));
        self.count(operation, timer, identity.as_ref().err());
        other(identity)
    }

    /// The same without blocking.
    pub(super) async fn verify_async(
        self: &Arc<Self>,
        operation: Operation,
        credentials: Credentials<'_>,
        request: &Request,
    ) -> Identity {
        use tracing::Instrument;

        let span = operation.span().unwrap_or_else(tracing::Span::none);
        let timer = self.metrics.start(operation);
        let recognised = span.in_scope(|| self.recognise(credentials, request));
        let identity = match self.good(&recognised) {
            Some((good, limit)) => Ok(AuthContext::of(&good, limit)),
            None => {
                let identity = self.identify_async(recognised, credentials, request).instrument(span);
                guarded_async(async { Ok(identity.await) }).await.unwrap_or_else(|error| Err(Refusal::of(error)))
            }
        };
        self.count(operation, timer, identity.as_ref().err());
        identity
    }

    #[inline]
    pub(super) fn count(self: &Arc<Self>, operation: Operation, timer: Option<Instant>, refusal: Option<&Refusal>) {
        if self.metrics.finish(operation, timer, refusal.map(|refusal| refusal.reason)) || refusal.is_some() {
            self.wake_housekeeper();
        }
    }

    /// The key that was recognised, if memory can tell that it is good and within its limit, and nothing but its use is to be
    /// noted.
    #[inline]
    fn good(&self, recognised: &Result<Recognised, Refusal>) -> Option<(Good<'_>, Option<RateLimit>)> {
        let Ok(Recognised::Token(hash)) = recognised else { return None };
        let lookups = self.lookups.as_deref().filter(|_| !self.config.audit.authentications)?;
        let good = lookups.good(hash)?;
        let limit = self.take(&good, lookups)?;
        Some((good, limit))
    }

    /// Takes one request of a good key's limit, and gives the limit, if it has one. `None` if there is nothing to take.
    #[inline]
    pub(super) fn take(&self, good: &Good<'_>, lookups: &Lookups) -> Option<Option<RateLimit>> {
        let limit = match good.limit() {
            0 => match self.limits.default() {
                Some(limit) => limit,
                None => return Some(None),
            },
            number => self.limits.numbered(number, lookups)?,
        };
        limit.take(&good.id_bytes()).ok()?;
        Some(Some(limit.limit()))
    }

    #[inline(never)]
    fn identify(
        self: &Arc<Self>,
        recognised: Result<Recognised, Refusal>,
        credentials: Credentials<'_>,
        request: &Request,
    ) -> Identity {
        match recognised? {
            Recognised::Token(hash) => {
                let backend = self.backend();
                self.judge(&**backend, backend.find_credential(&hash).wait(), credentials, &hash, request)
            }
            Recognised::Root => Ok(self.granted(AuthContext::root(), request)),
        }
    }

    async fn identify_async(
        self: &Arc<Self>,
        recognised: Result<Recognised, Refusal>,
        credentials: Credentials<'_>,
        request: &Request,
    ) -> Identity {
        match recognised? {
            Recognised::Token(hash) => {
                let backend = self.nonblocking();
                self.judge(&**backend, backend.find_credential(&hash).await, credentials, &hash, request)
            }
            Recognised::Root => Ok(self.granted(AuthContext::root(), request)),
        }
    }

    /// What the credentials themselves say.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that the hash is used where it is made")]
    pub(super) fn recognise(&self, credentials: Credentials<'_>, request: &Request) -> Result<Recognised, Refusal> {
        self.check_open().map_err(Refusal::of)?;
        let token = credentials.reveal().map_err(|reason| self.refuse(reason, || None, request))?;
        if token.len() > MAX_TOKEN {
            // Not hashed: a hint of it would cost as much as its sender likes.
            return Err(self.refuse(Reason::Malformed, || None, request));
        }
        let hash = KeyHash::of(token);
        if let Some(root) = &self.config.root
            && root.hash.matches(&hash)
        {
            let allowed = root.allowed_addresses.is_empty()
                || request
                    .client_address(&self.config.trusted_proxies)
                    .is_some_and(|client| root.allowed_addresses.contains(client));
            // The root token has no hint: nothing of it is public.
            return if allowed { Ok(Recognised::Root) } else { Err(self.refuse(Reason::AddressNotAllowed, || None, request)) };
        }
        if let Err(wait) = self.limits.check_failures(|| request.client_address(&self.config.trusted_proxies)) {
            return Err(self.refuse_for(wait, None, || Some((hash.hint(), None)), request));
        }
        if self.config.token_format.shape(token) == Shape::Damaged {
            return Err(self.refuse(Reason::Malformed, || Some((hash.hint(), None)), request));
        }
        Ok(Recognised::Token(hash))
    }

    /// Whether the key that was found is good.
    pub(super) fn judge(
        self: &Arc<Self>,
        backend: &dyn Backend,
        found: Result<Option<Credential>>,
        credentials: Credentials<'_>,
        hash: &KeyHash,
        request: &Request,
    ) -> Identity {
        let hint = || self.hint(credentials, hash);
        let credential = match found {
            Ok(Some(credential)) => credential,
            Ok(None) => return Err(self.refuse(Reason::Unknown, || Some((hint(), None)), request)),
            Err(error) => return Err(Refusal::of(error)),
        };
        let reason = match credential.standing {
            KeyStatus::Revoked => Some(Reason::Revoked),
            KeyStatus::Disabled => Some(Reason::Disabled),
            KeyStatus::Expired => Some(Reason::Expired),
            KeyStatus::Active if credential.expires_at.is_some_and(|expiry| expiry <= Timestamp::now()) => Some(Reason::Expired),
            KeyStatus::Active => None,
        };
        let reason = reason.or_else(|| {
            let list = credential.allowed_addresses.as_ref()?;
            let client = request.client_address(&self.config.trusted_proxies);
            (!client.is_some_and(|client| list.contains(client))).then_some(Reason::AddressNotAllowed)
        });
        if let Some(reason) = reason {
            return Err(self.refuse(reason, || Some((hint(), Some(&credential))), request));
        }
        let limit = self.limits.of(credential.rate_limit);
        if let Some(limit) = &limit
            && let Err(wait) = limit.take_of(&credential.id)
        {
            let status = Some(limit.status(&credential.id));
            return Err(self.refuse_for(wait, status, || Some((hint(), Some(&credential))), request));
        }
        if !backend.note_use(&credential) && self.usage.note(&credential.id, Timestamp::now()) {
            self.wake_housekeeper();
        }
        let limit = limit.map(|limit| limit.limit());
        Ok(self.granted(AuthContext::key(credential.role, credential.institution_id, credential.id, limit), request))
    }

    /// The record of the live key that has this token.
    pub(super) fn find_by_token(&self, backend: &Arc<dyn Backend>, token: &str) -> Reply<Option<ApiKey>> {
        if token.is_empty() || token.len() > MAX_TOKEN || self.config.token_format.shape(token) == Shape::Damaged {
            return Reply::from(Ok(None));
        }
        let hash = KeyHash::of(token);
        backend.find_by_hash(&hash).map(move |found| {
            Ok(found.filter(|key| key.key_hash.matches(&hash) && key.status(Timestamp::now()) == KeyStatus::Active))
        })
    }

    #[inline]
    pub(super) fn granted(self: &Arc<Self>, context: AuthContext, request: &Request) -> AuthContext {
        if self.config.audit.authentications {
            self.note_success("authenticate", &context, SmolStr::default(), request);
        }
        context
    }

    fn hint(&self, credentials: Credentials<'_>, hash: &KeyHash) -> SmolStr {
        match credentials.reveal() {
            Ok(token) if token.len() <= MAX_TOKEN => self.config.token_format.hint_of(token),
            _ => hash.hint(),
        }
    }

    /// Refuses whoever came too often.
    #[cold]
    fn refuse_for<'a>(
        &self,
        wait: Duration,
        limit: Option<RateLimitStatus>,
        known: impl FnOnce() -> Option<(SmolStr, Option<&'a Credential>)>,
        request: &Request,
    ) -> Refusal {
        Refusal { retry_after: Some(wait), limit, ..self.refuse(Reason::TooManyRequests, known, request) }
    }

    /// Notes a refusal in the trail. What is known of the token is its hint, and the key if there is one.
    #[cold]
    fn refuse<'a>(
        &self,
        reason: Reason,
        known: impl FnOnce() -> Option<(SmolStr, Option<&'a Credential>)>,
        request: &Request,
    ) -> Refusal {
        let (hint, key) = known().map_or((SmolStr::default(), None), |(hint, key)| (hint, key));
        let origin = request.origin(&self.config.trusted_proxies);
        if !matches!(reason, Reason::Missing | Reason::TooManyRequests) {
            self.limits.note_failure(origin.client_address);
        }
        let likeness = Likeness {
            action: "authenticate",
            outcome: (Outcome::Refused, reason.as_str()),
            actor: Actor::Anonymous,
            subject: hint.clone(),
            prefix: origin.client_address.map(address::prefix),
        };
        self.trail.note(&self.metrics, likeness, || {
            let mut payload = serde_json::Map::new();
            if !hint.is_empty() {
                payload.insert("hint".to_owned(), hint.as_str().into());
            }
            Ok(AuditEntry {
                id: EventId::generate()?,
                occurred_at: Timestamp::now(),
                actor: Actor::Anonymous,
                action: "authenticate".to_owned(),
                outcome: Outcome::Refused,
                institution_id: key.map(|key| key.institution_id.clone()),
                resource_type: key.map(|_| "api_key".to_owned()),
                resource_id: key.map(|key| key.id.to_string()),
                origin,
                status_code: Some(reason.kind().http_status()),
                error: Some(reason.as_str().to_owned()),
                payload,
            })
        });
        Refusal { reason, error: None, retry_after: None, limit: None }
    }

    /// Notes in the trail what succeeded and changed nothing, where the host asks for it.
    pub(super) fn note_success(
        self: &Arc<Self>,
        action: &'static str,
        context: &AuthContext,
        subject: SmolStr,
        request: &Request,
    ) {
        let origin = request.origin(&self.config.trusted_proxies);
        let likeness = Likeness {
            action,
            outcome: (Outcome::Succeeded, ""),
            actor: context.actor(),
            subject,
            prefix: origin.client_address.map(address::prefix),
        };
        self.trail.note(&self.metrics, likeness, || {
            Ok(AuditEntry {
                id: EventId::generate()?,
                occurred_at: Timestamp::now(),
                actor: context.actor(),
                action: action.to_owned(),
                outcome: Outcome::Succeeded,
                institution_id: context.institution_id().cloned(),
                resource_type: None,
                resource_id: None,
                origin,
                status_code: None,
                error: None,
                payload: serde_json::Map::new(),
            })
        });
        self.wake_housekeeper();
    }
}

impl Refusal {
    /// The refusal of a failed operation.
    pub(super) fn of(error: Error) -> Self {
        Self { reason: error.reason(), error: Some(error), retry_after: None, limit: None }
    }

    pub(super) fn verdict_of(identity: Identity) -> Verdict {
        match identity {
            Ok(context) => Verdict::Granted(context),
            Err(Refusal { retry_after: Some(wait), .. }) => Verdict::RateLimited(wait),
            Err(refusal) => Verdict::Refused(refusal.reason),
        }
    }

    /// The refusal as an error. Its message is for the host, and tells no more than the reason does.
    pub(super) fn into_error(self) -> Error {
        let message = match self.reason {
            Reason::Missing => "the request carries no token",
            Reason::Malformed => "the token or the headers that carry it are malformed",
            Reason::Unknown => "no key has this token",
            Reason::Revoked => "the key was revoked",
            Reason::Disabled => "the key is disabled",
            Reason::Expired => "the key has expired",
            Reason::AddressNotAllowed => "not from this address, or the address is not known",
            Reason::TooManyRequests => "too many requests; wait, and try again",
            _ => "the caller could not be authenticated",
        };
        let mut error = self.error.unwrap_or_else(|| Error::new(self.reason, message));
        if let Some(wait) = self.retry_after {
            error = error.after(wait);
        }
        if let Some(status) = self.limit {
            error = error.limited_by(status);
        }
        error
    }
}
