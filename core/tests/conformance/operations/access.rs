//! Who the caller is: authentication, admission, sessions, and the record of a token.

use doorward::{AuthContext, Credentials, Verdict, model::id::InstitutionId};
use serde_json::{Value, json};

use super::json as answer;
use crate::{
    arguments::Arguments,
    face::{Door, door},
    world::{Answer, Trouble, World},
};

pub(super) const NAMES: &[&str] = &["authenticate", "verify", "admit", "session", "rate_limit", "find_by_token"];

pub(super) fn call(world: &mut World, operation: &str, mut arguments: Arguments, save: Option<&str>) -> Answer {
    if operation == "find_by_token" {
        let token = arguments.text("token")?;
        arguments.finish()?;
        return answer(door!(&world.door, find_by_token(&token))?);
    }
    if operation == "rate_limit" {
        let name = arguments.text("context")?;
        arguments.finish()?;
        let context = world.contexts.get(&name).ok_or_else(|| Trouble::Broken(format!("no context was saved as {name}")))?;
        return match &world.door {
            Door::Blocking(door) => answer(door.rate_limit(context)),
            Door::Async(door) => answer(door.rate_limit(context)),
        };
    }
    if operation == "session" {
        return session(world, arguments, save);
    }
    let presented = Presented::read(&mut arguments)?;
    let request = arguments.request()?;
    match operation {
        "authenticate" => {
            arguments.finish()?;
            let context = door!(&world.door, authenticate(presented.credentials(), &request))?;
            keep(world, save, &context);
            answer(context)
        }
        "verify" => {
            arguments.finish()?;
            match door!(&world.door, verify(presented.credentials(), &request)) {
                Verdict::Granted(context) => {
                    keep(world, save, &context);
                    Ok(json!({ "granted": true, "context": answer(context)? }))
                }
                refused => {
                    let reason = refused.reason().ok_or_else(|| "neither granted nor refused".to_owned())?;
                    let (kind, word) = (reason.kind().as_str(), reason.as_str());
                    Ok(match refused {
                        Verdict::RateLimited(wait) => {
                            json!({ "granted": false, "kind": kind, "reason": word, "retryAfterMs": wait.as_millis() as u64 })
                        }
                        _ => json!({ "granted": false, "kind": kind, "reason": word }),
                    })
                }
            }
        }
        "admit" => {
            let institution: Option<InstitutionId> = arguments.optional("institutionId")?;
            let region = arguments.region()?;
            let position = arguments.position()?;
            arguments.finish()?;
            let credentials = presented.credentials();
            let admission = door!(&world.door, admit(credentials, &request, institution.as_ref(), region, &position))?;
            keep(world, save, &admission.context);
            answer(admission)
        }
        other => Err(Trouble::Broken(format!("no such operation: {other}"))),
    }
}

/// What the caller presents: a token, the bytes of one, or headers.
enum Presented {
    Token(String),
    Bytes(Vec<u8>),
    Headers(Vec<(String, Vec<u8>)>),
}

impl Presented {
    fn read(arguments: &mut Arguments) -> Result<Self, Trouble> {
        if let Some(token) = arguments.optional_text("token")? {
            return Ok(Self::Token(token));
        }
        if let Some(hex) = arguments.optional_text("tokenHex")? {
            return Ok(Self::Bytes(bytes(&hex)?));
        }
        let header = |value: Value| match serde_json::from_value::<(String, String)>(value) {
            Ok((name, value)) => Ok((name, value.into_bytes())),
            Err(error) => Err(Trouble::Broken(format!("a header must be name and value: {error}"))),
        };
        arguments.list("headers")?.into_iter().map(header).collect::<Result<_, _>>().map(Self::Headers)
    }

    fn credentials(&self) -> Credentials<'_> {
        match self {
            Self::Token(token) => Credentials::token(token),
            Self::Bytes(bytes) => Credentials::token_bytes(bytes),
            Self::Headers(headers) => Credentials::from_headers(headers.iter().map(|(name, value)| (name, value))),
        }
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>, Trouble> {
    let broken = |_| Trouble::Broken(format!("not pairs of hex digits: {hex}"));
    let pairs = hex.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned());
    pairs.map(|pair| u8::from_str_radix(&pair, 16).map_err(broken)).collect()
}

fn keep(world: &mut World, save: Option<&str>, context: &AuthContext) {
    if let Some(name) = save {
        world.contexts.insert(name.to_owned(), context.clone());
    }
}

/// Binds a saved context to a request. The session is known by the name under which the step saves it.
fn session(world: &mut World, mut arguments: Arguments, save: Option<&str>) -> Answer {
    let (name, request) = (arguments.text("context")?, arguments.request()?);
    arguments.finish()?;
    let context = world.contexts.get(&name).ok_or_else(|| Trouble::Broken(format!("no context was saved as {name}")))?.clone();
    let save = save.ok_or_else(|| Trouble::Broken("a session must be saved under a name".to_owned()))?;
    let caller = world.door.session(context.clone(), request);
    world.sessions.insert(save.to_owned(), caller);
    answer(context)
}
