//! `doorward key import`: keys that exist elsewhere, as lines of JSON.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    time::Duration,
};

use clap::Args;
use doorward::{
    AddressList, Doorward, Error, ErrorKind, ImportReport, ImportedKey, NewKey, RateLimit, Reason, metadata_from_json,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    failure::{Answer, Failure},
    input::{unreadable_file, unreadable_input},
    output::{Output, table},
};

/// The most bytes of one line: metadata may have 64 KiB.
const MOST_FOR_A_LINE: u64 = 256 * 1024;

#[derive(Args)]
#[command(after_help = "\
Each line is a JSON object:
  {\"keyHash\":\"<64 hex digits>\",\"label\":\"backend\",\"role\":\"admin\"}
keyHash is the SHA-256 of the token. A line may also have expiresAt (\"2026-12-31T00:00:00Z\"), allowedAddresses \
([\"10.0.0.0/8\"]), rateLimit ({\"maxRequests\":100,\"windowMs\":60000}) and metadata ({…}). Empty lines are skipped.

Examples:
  doorward key import acme keys.jsonl --dry-run
  doorward key import acme keys.jsonl
  some-export | doorward key import acme -

All keys are imported or none: a line that is wrong, or a key that is there already, leaves the database as it was. \
With --dry-run nothing is stored and every conflict is listed; the exit code is 5 if there is one. At most 1,000,000 \
keys.")]
pub(crate) struct Import {
    /// The id of the institution that is to own the keys
    institution: String,
    /// A file of JSON lines, or - for standard input
    file: String,
    /// Store nothing, and list every conflict
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(crate) fn run(self, door: &Doorward, output: &Output) -> Result<Answer, Failure> {
        let institution = self.institution.parse()?;
        let lines = self.read(output)?;
        let (numbers, keys): (Vec<_>, Vec<_>) = lines.into_iter().unzip();
        let progress = waiting(output, if self.dry_run { "checking" } else { "storing" }, keys.len());
        let imported = door.import_keys(&institution, keys, self.dry_run);
        progress.finish_and_clear();
        let report = imported.map_err(|error| by_line(error, &numbers))?;
        show(&report, &numbers, output)
    }

    /// The keys of all lines, each with the number of its line.
    fn read(&self, output: &Output) -> Result<Vec<(usize, ImportedKey)>, Failure> {
        if self.file == "-" {
            return read_lines(io::stdin().lock(), unreadable_input);
        }
        let unreadable = |error| unreadable_file(&self.file, error);
        let file = File::open(&self.file).map_err(unreadable)?;
        let progress = reading(output, file.metadata().map_or(0, |metadata| metadata.len()));
        let lines = read_lines(BufReader::new(progress.wrap_read(file)), unreadable);
        progress.finish_and_clear();
        lines
    }
}

fn read_lines(mut reader: impl BufRead, unreadable: impl Fn(io::Error) -> Failure) -> Result<Vec<(usize, ImportedKey)>, Failure> {
    let mut keys = Vec::new();
    let mut line = Vec::new();
    for number in 1_usize.. {
        line.clear();
        let length = io::Read::take(&mut reader, MOST_FOR_A_LINE).read_until(b'\n', &mut line).map_err(&unreadable)?;
        if length == 0 {
            break;
        }
        let key = read_line(line.trim_ascii()).map_err(|error| {
            let field = error.blamed_field().map_or_else(|| format!("line {number}"), |field| format!("line {number}, {field}"));
            error.field(field)
        })?;
        keys.extend(key.map(|key| (number, key)));
    }
    Ok(keys)
}

/// One key, as it stands on a line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    key_hash: String,
    label: String,
    role: String,
    expires_at: Option<String>,
    allowed_addresses: Option<Vec<String>>,
    rate_limit: Option<RateLimit>,
    metadata: Option<Box<RawValue>>,
}

fn read_line(bytes: &[u8]) -> Result<Option<ImportedKey>, Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Error::new(Reason::NotUtf8, "is not UTF-8").because(error))?;
    if bytes.len() as u64 >= MOST_FOR_A_LINE {
        return Err(Error::new(Reason::TooLarge, "is longer than 256 KiB"));
    }
    let line: Line = serde_json::from_str(text).map_err(|error| {
        Error::new(Reason::InvalidJson, format!("is not a key as `doorward help key import` describes it: {error}"))
    })?;
    let mut key = NewKey::new(line.label, line.role.parse()?);
    if let Some(at) = line.expires_at {
        key.expires_at = Some(at.parse().map_err(|error: Error| error.field("expires_at"))?);
    }
    if let Some(addresses) = line.allowed_addresses {
        key.allowed_addresses = AddressList::new(addresses).map_err(|error| error.inside("allowed_addresses"))?;
    }
    key.rate_limit = line.rate_limit;
    if let Some(metadata) = line.metadata {
        key.metadata = metadata_from_json(metadata.get())?;
    }
    Ok(Some(ImportedKey { key_hash: line.key_hash.parse()?, key }))
}

/// An error about `keys[3].label` becomes one about the line where that key stands.
fn by_line(error: Error, numbers: &[usize]) -> Error {
    let place = error.blamed_field().and_then(|field| field.strip_prefix("keys[")?.split_once(']'));
    let named = place.and_then(|(index, member)| {
        let number = numbers.get(index.parse::<usize>().ok()?)?;
        Some(format!("line {number}, {}", member.trim_start_matches('.')))
    });
    match named {
        Some(field) => error.field(field),
        None => error,
    }
}

fn show(report: &ImportReport, numbers: &[usize], output: &Output) -> Result<Answer, Failure> {
    let line = |index: usize| numbers.get(index).copied().unwrap_or_default();
    let conflicts: Vec<_> = report
        .conflicts
        .iter()
        .map(|conflict| json!({"line": line(conflict.index), "keyHash": conflict.key_hash, "reason": conflict.reason.as_str()}))
        .collect();
    let summary = json!({"dryRun": report.dry_run, "count": report.imported.len(), "conflicts": conflicts});
    output.show(&summary, || {
        let rows = report
            .conflicts
            .iter()
            .map(|conflict| [line(conflict.index).to_string(), conflict.key_hash.to_string(), conflict.reason.to_string()]);
        let done = if report.dry_run { "would be imported" } else { "imported" };
        let count = report.imported.len();
        format!("{}{count} keys {done}, {} conflicts", table(["LINE", "KEY HASH", "REASON"], rows), report.conflicts.len())
    })?;
    Ok(if report.conflicts.is_empty() { Answer::Done } else { Answer::No(ErrorKind::Conflict) })
}

/// A bar while the file is read, if somebody watches.
fn reading(output: &Output, bytes: u64) -> ProgressBar {
    if !output.is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template("reading {wide_bar} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// A sign of life while all keys go into one transaction, which tells nothing of how far it is.
fn waiting(output: &Output, doing: &str, keys: usize) -> ProgressBar {
    if !output.is_watched() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(format!("{doing} {keys} keys"));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
