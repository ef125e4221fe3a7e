//! The operator's command `doorward`: sets up a database, and makes, lists and changes what is in it.
//!
//! One file per noun holds its arguments and what they do; `connection` opens the database, `input` reads what is not on
//! the command line, `output` prints, `failure` turns what went wrong into a message and an exit code.

mod audit;
mod connection;
mod duration;
mod failure;
mod import;
mod init;
mod input;
mod institution;
mod key;
mod members;
mod output;
mod paging;
mod policy;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    connection::Connection,
    failure::{Answer, Failure},
    output::Output,
};

/// Makes, lists and changes institutions, API keys and policies in a doorward database.
#[derive(Parser)]
#[command(name = "doorward", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Command {
    #[command(flatten)]
    connection: Connection,

    /// Print one JSON document instead of tables; errors are JSON on standard error
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    noun: Noun,
}

const AFTER_HELP: &str = "\
Examples:
  doorward init
  doorward institution create 'Acme Bank' --id acme --region US,SG
  TOKEN=$(doorward key create acme --label backend --role admin)
  doorward verify <<<\"$TOKEN\"
  doorward policy set acme US '{\"position\":{\"maxAmount\":5000}}'
  doorward policy check acme US 4999.99 USD
  doorward --database-url sqlite:doorward.db key list acme --json
  doorward --database-url postgres://doorward@db.example/app init

Environment:
  The variables that a host's own doorward reads count here as well (DATABASE_URL, \
DOORWARD_SCHEMA, DOORWARD_REGIONS, ROOT_API_KEY, …; the README lists them). Only the default differs: where \
STORE_BACKEND is not set, DATABASE_URL tells by how it begins, and without it the records are in the file doorward.db. \
Memory is refused: it would be gone when the command ends.

Exit codes:
   0  done; allowed; granted           7  the database failed
   1  a wrong value                    8  unavailable: try again
   2  the token is refused or damaged  9  wrong configuration
   3  the position is not allowed     10  closed
   4  not found                       11  internal error
   5  conflict                        64  wrong command line
   6  rate limited                    74  a file or stream failed";

#[derive(Subcommand)]
enum Noun {
    /// Make the database's tables, or bring them up to date
    Init(init::Init),
    /// Institutions: the owners of keys and policies
    #[command(subcommand)]
    Institution(institution::Verb),
    /// API keys of an institution
    #[command(subcommand)]
    Key(key::Verb),
    /// Say who the holder of a token is; the token is read from standard input
    Verify(token::Verify),
    /// Policies: what an institution may do in a region
    #[command(subcommand)]
    Policy(policy::Verb),
    /// The audit trail
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Say whether the database can be reached, and what it is
    Health,
    /// Tokens, without a database
    #[command(subcommand)]
    Token(token::Verb),
}

fn main() -> ExitCode {
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(usage) => {
            // Help and version come this way too, and are no failure. Nobody may be reading.
            let _ = usage.print();
            return ExitCode::from(if usage.use_stderr() { failure::USAGE } else { 0 });
        }
    };
    let output = Output::new(command.json);
    match run(command, &output) {
        Ok(answer) => answer.exit_code(),
        Err(failure) => {
            failure.report(&output);
            failure.exit_code()
        }
    }
}

fn run(command: Command, output: &Output) -> Result<Answer, Failure> {
    let door = match &command.noun {
        Noun::Token(verb) => return verb.run(output),
        Noun::Init(init) => match init.make(&command.connection, output)? {
            Some(door) => door,
            None => return Ok(Answer::Done),
        },
        _ => command.connection.open()?,
    };
    let answer = match command.noun {
        Noun::Init(_) | Noun::Health => connection::health(&door, output),
        Noun::Institution(verb) => verb.run(&door, output),
        Noun::Key(verb) => verb.run(&door, output),
        Noun::Verify(verify) => verify.run(&door, output),
        Noun::Policy(verb) => verb.run(&door, output),
        Noun::Audit(verb) => verb.run(&door, output),
        Noun::Token(verb) => verb.run(output),
    };
    // Refused tokens are written to the trail in the background: closing waits for that.
    let closed = door.close(connection::PATIENCE);
    let answer = answer?;
    closed?;
    Ok(answer)
}
