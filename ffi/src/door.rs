//! The handle: opening, closing, health and metrics.

use std::{mem::MaybeUninit, time::Duration};

use doorward::{Config, Doorward, Error, Reason, Result};

use crate::{
    audit::{Sink, dw_audit_sink},
    dw_error, dw_status,
    guard::{done, free, give, given},
    options::{self, versioned},
    text::{self, Plain, dw_str, dw_text},
};

/// The handle to keys and policies. Owned: `dw_door_free`.
///
/// `const dw_door *` may be shared: every function that takes it may be called by any number of threads at once, until
/// `dw_door_free`. A handle goes on working in a forked child.
pub struct dw_door(pub(crate) Doorward);

/// A setting: one of the variables that the README lists under "Opening", such as `STORE_BACKEND`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_setting {
    /// The variable's name.
    pub name: dw_str,
    /// Its value.
    pub value: dw_str,
}

// SAFETY: raw pointers and integers.
unsafe impl Plain for dw_setting {}

/// How a door is opened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_options {
    /// `sizeof(dw_options)`.
    pub struct_size: usize,
    /// The settings; what is not among them has its default. A name that is not known is refused.
    pub settings: *const dw_setting,
    /// How many.
    pub settings_len: usize,
    /// How many audit events a memory store keeps; 0 is the default, 10,000.
    pub memory_audit_capacity: u64,
    /// Not 0: the audit trail holds successful authentications as well.
    pub audit_authentications: u32,
    /// Not 0: the audit trail holds reads as well.
    pub audit_reads: u32,
    /// Gets every audit event that the door records; NULL: none does.
    pub audit_sink: *const dw_audit_sink,
}

versioned!(dw_options = 40);

/// The names that a setting may have.
const SETTINGS: [&str; 22] = [
    "STORE_BACKEND",
    "DATABASE_URL",
    "DOORWARD_SCHEMA",
    "DOORWARD_POOL_MAX",
    "DOORWARD_POOL_ACQUIRE_TIMEOUT_MS",
    "DOORWARD_STATEMENT_TIMEOUT_MS",
    "ROOT_API_KEY",
    "ROOT_API_KEY_ALLOWED_IPS",
    "DOORWARD_TRUSTED_PROXIES",
    "DOORWARD_TOKEN_BRAND",
    "DOORWARD_TOKEN_ENV",
    "DOORWARD_REGIONS",
    "DOORWARD_CURRENCIES",
    "DOORWARD_DEFAULT_DECISION",
    "DOORWARD_CONSISTENCY",
    "RATE_LIMIT_ENABLED",
    "RATE_LIMIT_WINDOW_MS",
    "RATE_LIMIT_MAX_REQUESTS",
    "DOORWARD_FAILURES_PER_MINUTE",
    "DOORWARD_KEYS_PER_HOUR",
    "DOORWARD_ENCRYPTION_KEYS",
    "METRICS_ENABLED",
];

impl dw_options {
    pub(crate) fn config(&self) -> Result<Config> {
        let mut variables = Vec::new();
        for (index, setting) in text::list(self.settings, self.settings_len, "settings")?.iter().enumerate() {
            let field = format!("settings[{index}]");
            let name = setting.name.required(&format!("{field}.name"))?;
            if !SETTINGS.contains(&name) {
                return Err(
                    Error::new(Reason::Unsupported, "is no setting that this version knows").field(format!("{field}.name"))
                );
            }
            if variables.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Error::new(Reason::Duplicate, "must not occur twice").field(format!("{field}.name")));
            }
            variables.push((name, setting.value.required(&format!("{field}.value"))?));
        }
        self.rest(Config::from_variables(variables)?)
    }

    /// What no variable says.
    fn rest(&self, config: Config) -> Result<Config> {
        let config = config.audit_successes(self.audit_authentications != 0, self.audit_reads != 0);
        if self.memory_audit_capacity == 0 {
            return Ok(config);
        }
        let capacity = usize::try_from(self.memory_audit_capacity).ok().filter(|capacity| *capacity <= 1 << 24);
        let message = "must be at most 16,777,216";
        let capacity = capacity.ok_or_else(|| Error::new(Reason::OutOfRange, message).field("memory_audit_capacity"))?;
        Ok(config.memory_audit_capacity(capacity))
    }

    /// Opens a door with this configuration and with the sink that the options may have, which is the door's from then on.
    pub(crate) fn open(&self, config: Config, open: impl FnOnce(Config) -> Result<Doorward>) -> Result<dw_door> {
        let Some(sink) = Sink::read(self.audit_sink)? else { return open(config).map(dw_door) };
        let door = open(sink.within(config))?;
        sink.take_over();
        Ok(dw_door(door))
    }
}

/// Opens a door as the options say. Puts an owned door into `door`; any thread.
///
/// Errors: `VALIDATION` for the options themselves; `CONFIG`, `DATABASE` or `UNAVAILABLE`, naming the variable.
#[unsafe(no_mangle)]
pub extern "C" fn dw_open(
    options: *const dw_options,
    door: Option<&mut MaybeUninit<Option<Box<dw_door>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("door", door, error, || {
        let options = options::required(options, "options")?;
        options.open(options.config()?, Doorward::open)
    })
}

/// Opens a door as the process's environment says. `options` may be NULL; if given it must have no settings. Puts an owned
/// door into `door`; any thread, as long as no other one changes the environment.
///
/// Errors: as `dw_open`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_open_env(
    options: *const dw_options,
    door: Option<&mut MaybeUninit<Option<Box<dw_door>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("door", door, error, || match options::optional(options, "options")? {
        Some(options) if options.settings_len != 0 => {
            let message = "must be empty where the environment is to say";
            Err(Error::new(Reason::InvalidFormat, message).field("settings"))
        }
        Some(options) => options.open(options.rest(Config::from_env()?)?, Doorward::open),
        None => Doorward::open(Config::from_env()?).map(dw_door),
    })
}

/// Closes a door: writes what was gathered, finishes what was begun, and lets go of threads and files. Every later call
/// answers `CLOSED`; closing again is no error and goes on with what an earlier close had no time for. It waits no longer than
/// `deadline_ms`; with an audit sink a change that the store never answers takes all of that. Callbacks of lookups may still
/// come afterwards. Any thread. The handle is still to be freed.
///
/// Errors: what a store can answer; `UNAVAILABLE` if the deadline passes first. Calls are refused all the same.
#[unsafe(no_mangle)]
pub extern "C" fn dw_close(
    door: Option<&dw_door>,
    deadline_ms: u64,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    done(error, || given(door, "door")?.0.close(Duration::from_millis(deadline_ms)))
}

/// Frees the handle. NULL is fine. No other thread may be using it; sessions that were made from it go on. What was gathered
/// is then written in the background, as far as the process lives: `dw_close` first if that matters.
#[unsafe(no_mangle)]
pub extern "C" fn dw_door_free(door: Option<Box<dw_door>>) {
    free(door);
}

/// Whether the store can be reached: `reachable` (may be NULL) says it, and the owned `json` (may be NULL) says more, as
/// `{"backend":"sqlite","reachable":true,"error":null,"schemaVersion":1,"generation":3,"latencySeconds":0.0001}`. That it
/// cannot be reached is part of the answer, not an error. May wait for the store; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dw_health(
    door: Option<&dw_door>,
    reachable: Option<&mut MaybeUninit<bool>>,
    json: Option<&mut MaybeUninit<Option<Box<dw_text>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    let reachable = reachable.map(|slot| slot.write(false));
    let json = json.map(|slot| slot.write(None));
    done(error, || {
        let health = given(door, "door")?.0.health();
        if let Some(json) = json {
            *json = Some(Box::new(written(&health)?));
        }
        if let Some(reachable) = reachable {
            *reachable = health.reachable;
        }
        Ok(())
    })
}

/// What was counted and timed since the door was opened, in this process: an owned text in Prometheus' exposition format.
/// Never waits; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dw_metrics_text(
    door: Option<&dw_door>,
    text: Option<&mut MaybeUninit<Option<Box<dw_text>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("text", text, error, || Ok(dw_text(given(door, "door")?.0.metrics().to_prometheus())))
}

/// The same as owned JSON.
#[unsafe(no_mangle)]
pub extern "C" fn dw_metrics_json(
    door: Option<&dw_door>,
    json: Option<&mut MaybeUninit<Option<Box<dw_text>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("json", json, error, || written(&given(door, "door")?.0.metrics()))
}

fn written(value: &impl serde::Serialize) -> Result<dw_text> {
    let text = serde_json::to_string(value);
    text.map(dw_text).map_err(|error| Error::new(Reason::Bug, "the answer is not JSON").because(error))
}
