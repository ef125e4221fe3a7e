//! The main job in one program: institutions, keys and policies on a durable store.
//!
//! `cargo run --release --example quickstart` makes `quickstart.db` in the current directory, anew each time. With
//! `--features postgres -- --database-url postgres://…` it works in a PostgreSQL database, in a schema of its own.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use doorward::{
    AuditQuery, Config, Credentials, Doorward, NewInstitution, NewKey, PageRequest, PolicyConfig, Position, Region, Request,
    Result, Role, Token, Verdict,
};

const FILE: &str = "quickstart.db";

fn main() -> Result<()> {
    let store = config()?;
    let door = Doorward::open(store.clone())?;

    heading("An institution, two keys, a policy");
    let us: Region = "US".parse()?;
    let acme = door.create_institution(NewInstitution::new("Acme Bank", [us, "SG".parse()?]))?;
    let admin = door.create_key(&acme.id, NewKey::new("back office", Role::Admin))?;
    let reader = door.create_key(&acme.id, NewKey::new("dashboard", Role::ReadOnly))?;
    let config =
        PolicyConfig::from_json(r#"{"position":{"minAmount":100,"maxAmount":"5000.00","allowedCurrencies":["USD","EUR"]}}"#)?;
    let policy = door.upsert_policy(&acme.id, us, config, None)?;
    println!("institution  {} ({})", acme.id, acme.name);
    println!("admin key    {} {} (the token itself is shown once, to its owner)", admin.record.id, admin.token);
    println!("reader key   {} {}", reader.record.id, reader.token);
    println!("policy       {} version {}: {}", policy.id, policy.version, policy.config.to_json());

    heading("A request comes in with its headers");
    let bearer = format!("Bearer {}", admin.token.reveal());
    let headers = [("host", "api.acme.example"), ("authorization", bearer.as_str())];
    let request = Request::new().method("POST").path("/positions").request_id("req-1");
    let caller = door.authenticate(Credentials::from_headers(headers), &request)?;
    println!("authenticated: role {}, institution {:?}", caller.role(), caller.institution_id());
    let session = door.session(caller, request);
    for (amount, currency) in [("1250.50", "USD"), ("5000.01", "JPY")] {
        let decision = session.check_position(&acme.id, us, &Position::parse(amount, currency)?)?;
        println!("{amount} {currency}: {}", if decision.allowed { "allowed" } else { "refused" });
        for violation in decision.violations {
            println!("    {}: {} against {}", violation.code, violation.value, violation.limit);
        }
    }

    heading("A read-only key may not write");
    let request = Request::new().method("DELETE").path("/policies/US").request_id("req-2");
    let session = door.session(door.authenticate(reader.token.reveal(), &request)?, request);
    match session.delete_policy(&acme.id, us, None) {
        Ok(_) => println!("it could: that is a bug"),
        Err(error) => println!("{} ({}): {error}", error.kind(), error.reason()),
    }

    heading("A revoked key opens nothing");
    door.revoke_key(&acme.id, &reader.record.id)?;
    match door.verify(reader.token.reveal(), &Request::new().request_id("req-3")) {
        Verdict::Granted(_) => println!("it did: that is a bug"),
        Verdict::RateLimited(wait) => println!("refused: too often; again after {wait:?}"),
        Verdict::Refused(reason) => println!("refused: {reason}"),
    }

    heading("The audit trail, newest first");
    let query = AuditQuery { page: PageRequest::first(20), ..AuditQuery::default() };
    for event in door.list_audit_events(&query)?.items {
        let entry = event.entry;
        println!("{} {:<18} {:<9} by {}", entry.occurred_at, entry.action, entry.outcome.as_str(), entry.actor);
    }

    heading("The store is closed and opened again");
    door.close(Duration::from_secs(5))?;
    let door = Doorward::open(store)?;
    println!("institution  {}", door.get_institution(&acme.id)?.name);
    println!("policy       version {}", door.get_policy(&acme.id, us)?.version);
    println!("admin key    {}", status(&door, &admin.token));
    println!("reader key   {}", status(&door, &reader.token));

    heading("How fast this machine looks up");
    let memory = Doorward::open(Config::memory())?;
    let institution = memory.create_institution(NewInstitution::new("In memory", [us]))?;
    let token = memory.create_key(&institution.id, NewKey::new("hot", Role::ReadOnly))?.token;
    println!(
        "memory {:>10} lookups/s    {} {:>10} lookups/s",
        lookups_per_second(&memory, &token),
        door.health().backend,
        lookups_per_second(&door, &admin.token)
    );
    door.close(Duration::from_secs(5))
}

/// The database that `--database-url` names, or else a file, made anew.
fn config() -> Result<Config> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            remove_database(FILE);
            Ok(Config::sqlite(FILE))
        }
        ["--database-url", url] => {
            let url_and = |backend| [("DATABASE_URL", url), ("STORE_BACKEND", backend)].into_iter();
            if url.starts_with("postgres") {
                Config::from_variables(url_and("postgres").chain([("DOORWARD_SCHEMA", "doorward_quickstart")]))
            } else {
                Config::from_variables(url_and("sqlite"))
            }
        }
        _ => {
            eprintln!("usage: quickstart [--database-url sqlite:PATH|postgres://…]");
            std::process::exit(64)
        }
    }
}

fn status(door: &Doorward, token: &Token) -> String {
    match door.verify(token.reveal(), &Request::new()) {
        Verdict::Granted(caller) => format!("granted as {}", caller.role()),
        Verdict::RateLimited(wait) => format!("refused: too often; again after {wait:?}"),
        Verdict::Refused(reason) => format!("refused: {reason}"),
    }
}

/// Looks the same token up for half a second, on one thread.
fn lookups_per_second(door: &Doorward, token: &Token) -> u64 {
    const BATCH: u64 = 1000;
    let (start, request) = (Instant::now(), Request::new());
    let mut granted = 0_u64;
    while start.elapsed() < Duration::from_millis(500) {
        for _ in 0..BATCH {
            granted = granted.saturating_add(u64::from(door.verify(token.reveal(), &request).granted().is_some()));
        }
    }
    granted.saturating_mul(1000).checked_div(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)).unwrap_or_default()
}

fn heading(text: &str) {
    println!("\n{text}");
}

fn remove_database(file: &str) {
    for suffix in ["", "-wal", "-shm"] {
        // What is not there need not be removed; what cannot be removed shows when the file is opened.
        let _ = std::fs::remove_file(Path::new(&format!("{file}{suffix}")));
    }
}
