//! Configuration: by builder, or [from the environment](Config::from_env).
//!
//! A variable that is set but wrong, or that asks for what this build does not have, is an error that names it: never a
//! silent default.

mod environment;

use std::{fmt, path::PathBuf, sync::Arc};

#[cfg(feature = "postgres")]
use crate::store::postgres::PostgresOptions;
use crate::{
    error::{Error, Reason, Result},
    model::{
        address::AddressList,
        audit::AuditEntry,
        code::{Currency, Region, Vocabulary},
        decision::DefaultDecision,
        rate_limit::RateLimit,
    },
    token::{KeyHash, MAX_TOKEN, TokenFormat},
};

/// How a [`Doorward`](crate::Doorward) is set up. The default is a memory store, tokens `dw_live_…`, and no root token.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub(crate) store: StoreConfig,
    pub(crate) token_format: TokenFormat,
    pub(crate) root: Option<RootToken>,
    pub(crate) trusted_proxies: AddressList,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) default_decision: DefaultDecision,
    pub(crate) audit: AuditConfig,
    pub(crate) metrics: MetricsConfig,
    pub(crate) rate_limits: RateLimitConfig,
}

/// Which store keeps the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreConfig {
    /// Memory, for as long as the process lives.
    #[default]
    Memory,
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(PostgresOptions),
}

/// The root token, of which only the hash is kept, and from where it may be used.
#[derive(Clone)]
pub(crate) struct RootToken {
    pub(crate) hash: KeyHash,
    pub(crate) allowed_addresses: AddressList,
}

impl fmt::Debug for RootToken {
    /// Without the hash: people choose root tokens, and what they choose can be guessed from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootToken").field("allowed_addresses", &self.allowed_addresses).finish_non_exhaustive()
    }
}

/// What the audit trail holds besides changes, what was forbidden and who was refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditConfig {
    pub(crate) authentications: bool,
    pub(crate) reads: bool,
    pub(crate) memory_capacity: Option<usize>,
    pub(crate) sink: Option<AuditSink>,
}

/// What the host wants called with every recorded entry.
#[derive(Clone)]
pub(crate) struct AuditSink(pub(crate) Arc<dyn Fn(AuditEntry) + Send + Sync>);

impl fmt::Debug for AuditSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditSink")
    }
}

/// What is limited; nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateLimitConfig {
    /// Requests of each key without a limit of its own.
    pub(crate) keys: Option<RateLimit>,
    /// Failed authentications by address.
    pub(crate) failures: Option<RateLimit>,
    /// Keys created by institution.
    pub(crate) creations: Option<RateLimit>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricsConfig {
    pub(crate) enabled: bool,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Config {
    /// The least characters of a root token.
    pub const MIN_ROOT_TOKEN: usize = 32;

    /// Keeps records in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self::default()
    }

    /// Keeps records in this SQLite file, which is created if it is not there.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self { store: StoreConfig::Sqlite(path.into()), ..Self::default() }
    }

    /// Keeps records in this PostgreSQL database.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn postgres(options: PostgresOptions) -> Self {
        Self { store: StoreConfig::Postgres(options), ..Self::default() }
    }

    /// Which store keeps the records.
    #[must_use]
    pub fn store(&self) -> &StoreConfig {
        &self.store
    }

    /// Reads the environment; the README lists the variables.
    ///
    /// # Errors
    /// `Config`, naming the variable and what it expects.
    pub fn from_env() -> Result<Self> {
        environment::read(&|name| match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(environment::invalid(name, "is not UTF-8")),
        })
    }

    /// The same from a list of variables instead of the process's environment.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_variables<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let variables: std::collections::HashMap<_, _> = variables.into_iter().collect();
        environment::read(&|name| Ok(variables.get(name).map(|value| (*value).to_owned())))
    }

    /// Accepts this token as root: everything, for every institution. Only its hash is kept.
    ///
    /// # Errors
    /// `Config` / `invalid_variable` naming `ROOT_API_KEY` unless it has at least 32 characters, at most 512 bytes, and
    /// no blanks at either end.
    pub fn root_token(mut self, token: &str) -> Result<Self> {
        if token.chars().count() < Self::MIN_ROOT_TOKEN || token.len() > MAX_TOKEN || token.trim() != token {
            return Err(environment::invalid("ROOT_API_KEY", "must have 32 to 512 characters and no blanks at either end"));
        }
        let allowed_addresses = self.root.map(|root| root.allowed_addresses).unwrap_or_default();
        self.root = Some(RootToken { hash: KeyHash::of(token), allowed_addresses });
        Ok(self)
    }

    /// Binds the root token to these addresses; an empty list means from anywhere.
    ///
    /// # Errors
    /// `Config` / `missing_variable` if there is no root token to bind.
    pub fn root_allowed_addresses(mut self, addresses: AddressList) -> Result<Self> {
        match &mut self.root {
            Some(root) => root.allowed_addresses = addresses,
            None => {
                let message = "must be set where ROOT_API_KEY_ALLOWED_IPS is";
                return Err(Error::new(Reason::MissingVariable, message).field("ROOT_API_KEY"));
            }
        }
        Ok(self)
    }

    /// Believes forwarded headers that come from these addresses.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: AddressList) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Makes and recognises tokens of this form.
    #[must_use]
    pub fn token_format(mut self, format: TokenFormat) -> Self {
        self.token_format = format;
        self
    }

    /// Knows these regions and currencies besides the built-in ones.
    #[must_use]
    pub fn vocabulary(mut self, regions: Vec<Region>, currencies: Vec<Currency>) -> Self {
        self.vocabulary = Vocabulary::new(regions, currencies);
        self
    }

    /// What is decided where no policy exists; the default is to allow.
    #[must_use]
    pub fn default_decision(mut self, decision: DefaultDecision) -> Self {
        self.default_decision = decision;
        self
    }

    /// Limits how often each key is accepted that has no limit of its own ([`NewKey::rate_limit`](crate::NewKey::rate_limit)),
    /// which holds with or without this one. Each process counts for itself; the root token has no limit.
    #[must_use]
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limits.keys = Some(limit);
        self
    }

    /// Limits how many authentications may fail from one address (IPv4) or network (IPv6, /64); after that none is tried from
    /// there, a good key's neither, until there is room again. Whoever has no address known is counted together. Neither a
    /// request without credentials nor one beyond its rate limit counts as failed, and the root token is not held up.
    ///
    /// Off by default: tokens of 142 random bits are not guessed, and neighbours who share an address would suffer from one
    /// another.
    #[must_use]
    pub fn failure_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limits.failures = Some(limit);
        self
    }

    /// Limits how many keys the callers of one institution create in an hour, 1 to 1,000,000. Root and the host's own code may
    /// create more. Off by default.
    ///
    /// # Errors
    /// `Config` / `invalid_variable` naming `DOORWARD_KEYS_PER_HOUR`.
    pub fn keys_per_hour(mut self, keys: u32) -> Result<Self> {
        let limit = RateLimit::new(keys, std::time::Duration::from_secs(60 * 60));
        let limit = limit.map_err(|_| environment::invalid("DOORWARD_KEYS_PER_HOUR", "must lie between 1 and 1,000,000"))?;
        self.rate_limits.creations = Some(limit);
        Ok(self)
    }

    /// Has the audit trail hold successful authentications and reads as well, gathered into one row per caller and 10 s.
    #[must_use]
    pub fn audit_successes(mut self, authentications: bool, reads: bool) -> Self {
        self.audit.authentications = authentications;
        self.audit.reads = reads;
        self
    }

    /// Has every audit entry that this handle records handed to `sink` as well, to be forwarded, say, to a log collector.
    ///
    /// **When.** Once the entry is in the trail: after the transaction of its change was committed, after a `Forbidden` was
    /// written, after a gathered row was written (up to 10 seconds later than what it counts; see the README). Never for a
    /// change that failed.
    ///
    /// **Where.** On one thread of doorward's own, named `doorward-audit-sink` and started by the first entry; one call at a
    /// time for each handle and process. No operation ever waits for the sink.
    ///
    /// **In which order.** In that of the store's answers: what was answered before another change began comes before it.
    /// Entries of changes that were made at the same time may come in another order than they have in the trail, whose
    /// sequence is the truth; [`AuditEntry::id`] is the same in both.
    ///
    /// **What may be missing.** The trail is in the store; the sink is a copy, made once and as well as it can be. At most
    /// 10,000 entries wait for it: if it is slower than that, new ones are dropped (from the sink alone) and counted as
    /// `audit_sink_dropped` in the metrics. Entries also do not come if the process ends before they were handed over, if the
    /// answer to a commit was lost for good, or if another process wrote them. Whoever must miss nothing reads the trail
    /// from the last cursor that it kept (`list_audit_events`), and may use the sink as the sign to do so.
    ///
    /// **What it may do.** Block: only other entries wait. Panic: it is caught, counted as `audit_sink_panicked`, and the next
    /// entry follows. Call the door, which answers as ever; a change records an entry that comes to the sink in its turn. Not
    /// close it: [`close`](crate::Doorward::close) there is `Internal` / `would_deadlock`. A sink that owns a handle keeps
    /// the door open until somebody closes it.
    ///
    /// **At the end.** `close` first closes the store, then waits for the sink to take what is left, until its deadline; a
    /// later `close` waits further. Once that has succeeded the sink has been dropped. Without `close`, the same is done in
    /// the background when the last clone of the handle is dropped.
    ///
    /// **After a fork.** The child goes on with its copy of the sink on a thread of its own; entries that were waiting are the
    /// parent's. The child never drops its copy. A lock of the sink's that was held during the fork is held for ever in the
    /// child.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use doorward::{Config, Doorward, NewInstitution};
    ///
    /// let (sender, entries) = mpsc::channel();
    /// let door = Doorward::open(Config::memory().audit_sink(move |entry| _ = sender.send(entry)))?;
    /// door.create_institution(NewInstitution::new("Acme Bank", []))?;
    /// door.close(Duration::from_secs(5))?;
    /// assert_eq!(entries.iter().map(|entry| entry.action).collect::<Vec<_>>(), ["create_institution"]);
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[must_use]
    pub fn audit_sink(mut self, sink: impl Fn(AuditEntry) + Send + Sync + 'static) -> Self {
        self.audit.sink = Some(AuditSink(Arc::new(sink)));
        self
    }

    /// How many audit events the memory store keeps; the default is 10,000. The oldest give way.
    #[must_use]
    pub fn memory_audit_capacity(mut self, events: usize) -> Self {
        self.audit.memory_capacity = Some(events);
        self
    }

    /// Whether calls are counted and timed; the default is yes.
    #[must_use]
    pub fn metrics(mut self, enabled: bool) -> Self {
        self.metrics.enabled = enabled;
        self
    }
}
