//! `doorward verify` and `doorward token …`: tokens come from standard input, never from the command line, where other
//! users of the machine and the shell's history would see them.

use clap::{Args, Subcommand};
use doorward::{
    AuthContext, Credentials, Doorward, Error, ErrorKind, KeyHash, MAX_TOKEN, Reason, Request, Shape, TokenFormat, Verdict,
};
use serde_json::json;

use crate::{
    failure::{Answer, Failure},
    input,
    output::{Output, maybe, record},
};

const NEVER_AN_ARGUMENT: &str = "a token is read from standard input, never from the command line; \
    treat the one that was given as known to others";

#[derive(Args)]
#[command(after_help = "\
Examples:
  doorward verify <<<\"$TOKEN\"
  pass show acme/token | doorward verify --address 10.1.2.3

The exit code is 2 if the token is refused. A refusal is written to the audit trail.")]
pub(crate) struct Verify {
    /// The client's address, for keys that are bound to addresses
    #[arg(long, value_name = "IP")]
    address: Option<String>,
    /// Taken, so that its text is not repeated in an error message.
    #[arg(hide = true)]
    token: Vec<String>,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Check a token's form and checksum, without a database; the exit code is 2 if it is damaged
    #[command(after_help = "\
Example:
  doorward token check <<<\"$TOKEN\"

The form is that of DOORWARD_TOKEN_BRAND and DOORWARD_TOKEN_ENV. The answer is own, foreign (another \
brand: found by its hash or not at all) or damaged, and the SHA-256 by which the key is found.")]
    Check {
        /// Taken, so that its text is not repeated in an error message.
        #[arg(hide = true)]
        token: Vec<String>,
    },
}

impl Verify {
    pub(crate) fn run(self, door: &Doorward, output: &Output) -> Result<Answer, Failure> {
        if !self.token.is_empty() {
            return Err(Failure::Usage(NEVER_AN_ARGUMENT));
        }
        let mut request = Request::new();
        if let Some(address) = &self.address {
            let address =
                address.parse().map_err(|_| Error::new(Reason::InvalidFormat, "must be an IP address").field("address"))?;
            request = request.peer(address);
        }
        let token = input::token()?;
        match door.verify(Credentials::token_bytes(&token), &request) {
            Verdict::Granted(context) => granted(&context, output),
            refused => {
                let reason = refused.reason().unwrap_or(Reason::Bug);
                output.show(&json!({ "granted": false, "reason": reason.as_str() }), || format!("refused: {reason}"))?;
                Ok(Answer::No(reason.kind()))
            }
        }
    }
}

fn granted(context: &AuthContext, output: &Output) -> Result<Answer, Failure> {
    let answer = json!({
        "granted": true,
        "role": context.role(),
        "institutionId": context.institution_id(),
        "apiKeyId": context.api_key_id(),
    });
    output.show(&answer, || {
        record([
            ("role", context.role().to_string()),
            ("institution", maybe(context.institution_id())),
            ("key", maybe(context.api_key_id())),
        ])
    })?;
    Ok(Answer::Done)
}

impl Verb {
    pub(crate) fn run(&self, output: &Output) -> Result<Answer, Failure> {
        let Self::Check { token } = self;
        if !token.is_empty() {
            return Err(Failure::Usage(NEVER_AN_ARGUMENT));
        }
        let format = format()?;
        let bytes = input::token()?;
        let token = match std::str::from_utf8(&bytes) {
            Ok("") => return Err(Error::new(Reason::Missing, "there is no token on standard input").into()),
            Ok(token) if token.len() <= MAX_TOKEN => token,
            _ => return Err(Error::new(Reason::Malformed, "is longer than any token, or not UTF-8").into()),
        };
        let shape = match format.shape(token) {
            Shape::Own => "own",
            Shape::Foreign => "foreign",
            Shape::Damaged => "damaged",
        };
        let (hint, hash) = (format.hint_of(token), KeyHash::of(token));
        output.show(&json!({ "shape": shape, "hint": hint.as_str(), "keyHash": hash }), || {
            record([("shape", shape.to_owned()), ("hint", hint.to_string()), ("key hash", hash.to_string())])
        })?;
        Ok(if shape == "damaged" { Answer::No(ErrorKind::Unauthenticated) } else { Answer::Done })
    }
}

/// The form of this host's tokens, from the environment.
fn format() -> Result<TokenFormat, Error> {
    let variable = |name: &'static str, default: &str| match std::env::var(name) {
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => Ok(default.to_owned()),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::new(Reason::InvalidVariable, "is not UTF-8").field(name)),
    };
    let (brand, env) = (variable("DOORWARD_TOKEN_BRAND", "dw")?, variable("DOORWARD_TOKEN_ENV", "live")?);
    TokenFormat::new(&brand, &env).map_err(|error| {
        let name = if error.blamed_field() == Some("brand") { "DOORWARD_TOKEN_BRAND" } else { "DOORWARD_TOKEN_ENV" };
        Error::new(Reason::InvalidVariable, error.message().to_owned()).field(name)
    })
}
