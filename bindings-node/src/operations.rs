//! The operations, by the names that the core has for them: arguments as JSON in, the answer as JSON out.

use std::{sync::Arc, time::Duration};

use doorward::{
    Actor, ApiKeyId, ApiKeyQuery, AsyncDoorward, AsyncSession, AuditQuery, AuthContext, Doorward, Error, InstitutionPatch,
    InstitutionQuery, NewInstitution, PolicyHistoryQuery, PolicyQuery, Reason, Result, Session, Verdict,
};
use zeroize::Zeroizing;

use crate::{
    answer::{Revealed, written},
    arguments::Arguments,
    presented::{Presented, request},
};

/// On whose behalf an operation is made, and whether it may block.
pub(crate) enum Face {
    Door(Doorward),
    Session(Session),
    AsyncDoor(AsyncDoorward),
    AsyncSession(AsyncSession),
}

/// What an operation answers.
pub(crate) enum Answer {
    Text(String),
    /// Who the caller is, or why it is not let in.
    Verdict(Verdict),
    /// Who the caller is, and the JSON of what the policy says.
    Admission(AuthContext, String),
}

/// A call that was made.
pub(crate) struct Call {
    pub(crate) face: Face,
    pub(crate) operation: String,
    pub(crate) arguments: Zeroizing<String>,
}

/// Calls an operation that every face has.
macro_rules! call {
    ($face:expr, $operation:ident($($argument:expr),*)) => {
        match $face {
            Face::Door(door) => door.$operation($($argument),*),
            Face::Session(session) => session.$operation($($argument),*),
            Face::AsyncDoor(door) => door.$operation($($argument),*).await,
            Face::AsyncSession(session) => session.$operation($($argument),*).await,
        }
    };
}

/// Calls an operation of the door alone.
macro_rules! door {
    ($face:expr, $operation:ident($($argument:expr),*)) => {
        match $face {
            Face::Door(door) => Ok(door.$operation($($argument),*)),
            Face::AsyncDoor(door) => Ok(door.$operation($($argument),*).await),
            Face::Session(_) | Face::AsyncSession(_) => Err(unknown()),
        }
    };
}

impl Call {
    /// Makes the call. It is there at the first poll if the face is one that blocks.
    pub(crate) async fn make(self: Arc<Self>) -> Result<Answer> {
        let Self { face, operation, arguments } = &*self;
        match operation.as_str() {
            "verify" => Ok(Answer::Verdict(verify(face, arguments).await)),
            "authenticate" => {
                let (presented, request) = caller(Arguments::parse(arguments)?)?;
                door!(face, authenticate(presented.credentials(), &request))?.map(Verdict::Granted).map(Answer::Verdict)
            }
            "admit" => admit(face, Arguments::parse(arguments)?).await,
            _ => self.ask().await.map(Answer::Text),
        }
    }

    /// The operations that answer with text alone. What they read is read before they wait: arguments are borrowed.
    #[expect(clippy::too_many_lines, reason = "one list of all operations")]
    async fn ask(&self) -> Result<String> {
        let face = &self.face;
        let mut arguments = Arguments::parse(&self.arguments)?;
        match self.operation.as_str() {
            "create_institution" => {
                let mut members = arguments.object("institution")?;
                let (id, name) = (members.optional("id")?, members.text("name")?);
                let new = NewInstitution { id, name, regions: members.regions()?.unwrap_or_default() };
                members.finish().and_then(|()| arguments.finish())?;
                written(&call!(face, create_institution(new))?)
            }
            "get_institution" => {
                let id = arguments.institution()?;
                arguments.finish()?;
                written(&call!(face, get_institution(&id))?)
            }
            "list_institutions" => {
                let mut members = arguments.object("query")?;
                let query = InstitutionQuery { page: members.page()? };
                members.finish().and_then(|()| arguments.finish())?;
                written(&call!(face, list_institutions(&query))?)
            }
            "update_institution" => {
                let id = arguments.institution()?;
                let mut members = arguments.object("patch")?;
                let patch = InstitutionPatch { name: members.optional_text("name")?, regions: members.regions()? };
                members.finish().and_then(|()| arguments.finish())?;
                written(&call!(face, update_institution(&id, patch))?)
            }
            "create_key" => {
                let (institution, key) = (arguments.institution()?, arguments.new_key()?);
                arguments.finish()?;
                written(&Revealed::of(&call!(face, create_key(&institution, key))?))
            }
            "create_keys" => {
                let (institution, keys) = (arguments.institution()?, arguments.new_keys()?);
                arguments.finish()?;
                let created = call!(face, create_keys(&institution, keys))?;
                written(&created.iter().map(Revealed::of).collect::<Vec<_>>())
            }
            "import_keys" => {
                let (institution, keys) = (arguments.institution()?, arguments.imported_keys()?);
                let mut options = arguments.object("options")?;
                let dry_run = options.flag("dryRun")?;
                options.finish().and_then(|()| arguments.finish())?;
                written(&call!(face, import_keys(&institution, keys, dry_run))?)
            }
            "get_key" => {
                let (institution, key) = key(arguments)?;
                written(&call!(face, get_key(&institution, &key))?)
            }
            "list_keys" => {
                let institution_id = arguments.institution()?;
                let mut members = arguments.object("query")?;
                let query = ApiKeyQuery {
                    institution_id,
                    include_revoked: members.flag("includeRevoked")?,
                    role: members.optional("role")?,
                    status: members.optional("status")?,
                    page: members.page()?,
                };
                members.finish().and_then(|()| arguments.finish())?;
                written(&call!(face, list_keys(&query))?)
            }
            "update_key" => {
                let patch = arguments.key_patch()?;
                let (institution, key) = key(arguments)?;
                written(&call!(face, update_key(&institution, &key, patch))?)
            }
            "rotate_key" => {
                let mut options = arguments.object("options")?;
                let grace = options.millis("graceMs")?.unwrap_or_default();
                options.finish()?;
                let (institution, key) = key(arguments)?;
                written(&Revealed::of(&call!(face, rotate_key(&institution, &key, grace))?))
            }
            "enable_key" => {
                let (institution, key) = key(arguments)?;
                written(&call!(face, enable_key(&institution, &key))?)
            }
            "disable_key" => {
                let (institution, key) = key(arguments)?;
                written(&call!(face, disable_key(&institution, &key))?)
            }
            "revoke_key" => {
                let (institution, key) = key(arguments)?;
                written(&call!(face, revoke_key(&institution, &key))?)
            }
            "revoke_all_keys" => {
                let institution = arguments.institution()?;
                arguments.finish()?;
                written(&call!(face, revoke_all_keys(&institution))?)
            }
            "upsert_policy" => {
                let (institution, region, config) = (arguments.institution()?, arguments.region()?, arguments.config()?);
                let version = arguments.expected_version()?;
                arguments.finish()?;
                written(&call!(face, upsert_policy(&institution, region, config, version))?)
            }
            "merge_policy" => {
                let (institution, region, patch) = (arguments.institution()?, arguments.region()?, arguments.patch()?);
                let version = arguments.expected_version()?;
                arguments.finish()?;
                written(&call!(face, merge_policy(&institution, region, patch, version))?)
            }
            "get_policy" => {
                let (institution, region) = (arguments.institution()?, arguments.region()?);
                arguments.finish()?;
                written(&call!(face, get_policy(&institution, region))?)
            }
            "list_policies" => {
                let institution_id = arguments.institution()?;
                let mut members = arguments.object("query")?;
                let query = PolicyQuery { institution_id, page: members.page()? };
                members.finish().and_then(|()| arguments.finish())?;
                written(&call!(face, list_policies(&query))?)
            }
            "delete_policy" => {
                let (institution, region) = (arguments.institution()?, arguments.region()?);
                let version = arguments.expected_version()?;
                arguments.finish()?;
                written(&call!(face, delete_policy(&institution, region, version))?)
            }
            "policy_history" => {
                let (institution_id, region) = (arguments.institution()?, arguments.region()?);
                let mut members = arguments.object("query")?;
                let query = PolicyHistoryQuery { institution_id, region, page: members.page()? };
                members.finish().and_then(|()| arguments.finish())?;
                written(&call!(face, policy_history(&query))?)
            }
            "check_position" => {
                let (institution, region, position) = (arguments.institution()?, arguments.region()?, arguments.position()?);
                arguments.finish()?;
                written(&call!(face, check_position(&institution, region, &position))?)
            }
            "check_positions" => {
                let (institution, region, positions) = (arguments.institution()?, arguments.region()?, arguments.positions()?);
                arguments.finish()?;
                written(&call!(face, check_positions(&institution, region, &positions))?)
            }
            "dry_run" => {
                let (institution, region, config) = (arguments.institution()?, arguments.region()?, arguments.config()?);
                let positions = arguments.positions()?;
                arguments.finish()?;
                written(&call!(face, dry_run(&institution, region, &config, &positions))?)
            }
            "list_audit_events" => {
                let mut members = arguments.object("query")?;
                let query = AuditQuery {
                    institution_id: members.optional("institutionId")?,
                    actor: members.optional_text("actor")?.map(|actor| actor.parse().unwrap_or(Actor::Anonymous)),
                    action: members.optional_text("action")?,
                    since: members.time("since")?,
                    until: members.time("until")?,
                    page: members.page()?,
                };
                members.finish().and_then(|()| arguments.finish())?;
                written(&call!(face, list_audit_events(&query))?)
            }
            "find_by_token" => {
                let token = Zeroizing::new(arguments.text("token")?);
                arguments.finish()?;
                written(&door!(face, find_by_token(&token))??)
            }
            "health" => {
                arguments.finish()?;
                written(&door!(face, health())?)
            }
            "close" => {
                let mut options = arguments.object("options")?;
                let deadline = options.millis("deadlineMs")?.unwrap_or(Duration::from_secs(10));
                options.finish().and_then(|()| arguments.finish())?;
                written(&door!(face, close(deadline))??)
            }
            #[cfg(feature = "testkit")]
            "panic" => crate::testkit::panic(arguments).await,
            _ => Err(unknown()),
        }
    }
}

async fn verify(face: &Face, arguments: &str) -> Verdict {
    let verdict = async {
        let (presented, request) = caller(Arguments::parse(arguments)?)?;
        door!(face, verify(presented.credentials(), &request))
    };
    verdict.await.unwrap_or_else(|error: Error| Verdict::Refused(error.reason()))
}

async fn admit(face: &Face, mut arguments: Arguments<'_>) -> Result<Answer> {
    let mut question = arguments.object("question")?;
    let institution = question.optional("institutionId")?;
    let (region, position) = (question.region()?, question.position()?);
    question.finish()?;
    let (presented, request) = caller(arguments)?;
    let admission = door!(face, admit(presented.credentials(), &request, institution.as_ref(), region, &position))??;
    Ok(Answer::Admission(admission.context, written(&admission.decision)?))
}

fn caller(mut arguments: Arguments<'_>) -> Result<(Presented, doorward::Request)> {
    let caller = (Presented::read(&mut arguments)?, request(&mut arguments)?);
    arguments.finish()?;
    Ok(caller)
}

fn key(mut arguments: Arguments<'_>) -> Result<(doorward::InstitutionId, ApiKeyId)> {
    let key = (arguments.institution()?, arguments.parsed("keyId")?);
    arguments.finish()?;
    Ok(key)
}

fn unknown() -> Error {
    Error::new(Reason::Bug, "there is no such operation")
}
