//! The log sink: a callback of the caller's that gets what the library logs.
//!
//! The library logs through `tracing`. Here is a subscriber for the whole process, which is set when a sink is first given and
//! stays; what it does is exchanged. Nothing is locked on its way: a callback may call the library, and a forked child log.

use std::{
    cell::Cell,
    ffi::c_void,
    fmt::{self, Write as _},
    mem::MaybeUninit,
    num::NonZeroU64,
    ptr,
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwapOption;
use doorward::{Error, Reason, Result, Timestamp};
use tracing_core::{
    Dispatch, Event, Field, Interest, Level, LevelFilter, Metadata, Subscriber, callsite, dispatcher,
    field::Visit,
    span::{Attributes, Id, Record},
};

use crate::{
    dw_error, dw_status,
    guard::{caught, done, given},
    options::{self, versioned},
    text::dw_str,
    user::{User, dw_user_free},
};

/// How much a log record matters.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dw_log_level {
    /// As an argument: not given.
    None = 0,
    /// Something failed.
    Error = 1,
    /// Something is not as it should be, and the library goes on.
    Warn = 2,
    /// Worth knowing in normal operation.
    Info = 3,
    /// Every operation and how long it took.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// What was logged. Borrowed for the call of the sink; later versions have more members at its end.
#[repr(C)]
pub struct dw_log_record {
    /// How much it matters.
    pub level: dw_log_level,
    /// When it was logged.
    pub time: dw_str,
    /// Which part logs (`doorward::door::housekeeper`).
    pub target: dw_str,
    /// What, with its fields: `could not write … error="…"`. One line: what would break it is escaped.
    pub message: dw_str,
}

/// Is given what was logged, borrowed for the call.
///
/// It is called on whichever thread logs, the caller's own or one of the library's, on several at once, and before the logging
/// function goes on: it should be quick. It may call the library; what such calls log is not given to it. On one of the
/// library's threads, calls that may wait for the store answer `INTERNAL` / `would_deadlock`. It must not throw.
pub type dw_log_sink_record = Option<unsafe extern "C" fn(user: *mut c_void, record: *const dw_log_record)>;

/// Gets what the library logs in this process. Borrowed for the call.
///
/// No record holds a token, a password or another secret.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_log_sink {
    /// `sizeof(dw_log_sink)`.
    pub struct_size: usize,
    /// Is given the records.
    pub record: dw_log_sink_record,
    /// Is handed to it.
    pub user: *mut c_void,
    /// Is called with `user`, exactly once, when another sink or none has taken this one's place and `record` has returned
    /// for the last time; on the thread on which that happens. May be NULL. If `dw_log_to` fails `user` is still the
    /// caller's, and this is not called.
    pub user_free: dw_user_free,
    /// A `dw_log_level`: what matters less is not given; `DW_LOG_LEVEL_NONE`: `DW_LOG_LEVEL_INFO`.
    pub level: i32,
    /// 0.
    pub reserved: i32,
}

versioned!(dw_log_sink = 40);

/// Has what the library logs given to this sink from now on, in place of the one before; NULL: to none, which costs nothing. For
/// the whole process, a forked child included. Never waits; any thread, also from within a sink.
///
/// Errors: `VALIDATION`; `CONFIG` / `log_taken` if Rust code of the same program has made other arrangements for what is
/// logged (`tracing`'s global subscriber).
#[unsafe(no_mangle)]
pub extern "C" fn dw_log_to(sink: *const dw_log_sink, error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>) -> dw_status {
    done(error, || {
        let sink = options::optional(sink, "sink")?.map(|sink| Sink::read(&sink)).transpose()?.map(Arc::new);
        if sink.is_some() {
            subscribe()?;
        }
        if let Some(sink) = &sink {
            sink.taken_over.store(true, Ordering::Relaxed);
        }
        let before = SINK.swap(sink);
        // What was found out about who listens holds no longer.
        callsite::rebuild_interest_cache();
        drop(before);
        Ok(())
    })
}

static SINK: ArcSwapOption<Sink> = ArcSwapOption::const_empty();
static SUBSCRIBE: Once = Once::new();
static SUBSCRIBED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The sink is at work on this thread.
    static AT_WORK: Cell<bool> = const { Cell::new(false) };
}

fn subscribe() -> Result<()> {
    SUBSCRIBE.call_once(|| {
        let subscribed = dispatcher::set_global_default(Dispatch::new(Listener)).is_ok();
        SUBSCRIBED.store(subscribed, Ordering::Relaxed);
    });
    if SUBSCRIBED.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err(Error::new(Reason::LogTaken, "another part of this program has set tracing's global subscriber").field("sink"))
}

struct Sink {
    record: unsafe extern "C" fn(*mut c_void, *const dw_log_record),
    user: User,
    user_free: dw_user_free,
    level: LevelFilter,
    /// It was set, and `user` is ours.
    taken_over: AtomicBool,
}

impl Sink {
    fn read(sink: &dw_log_sink) -> Result<Self> {
        let record = given(sink.record, "sink.record")?;
        let level = match sink.level {
            level if level == dw_log_level::Error as i32 => LevelFilter::ERROR,
            level if level == dw_log_level::Warn as i32 => LevelFilter::WARN,
            level if level == dw_log_level::Info as i32 || level == dw_log_level::None as i32 => LevelFilter::INFO,
            level if level == dw_log_level::Debug as i32 => LevelFilter::DEBUG,
            level if level == dw_log_level::Trace as i32 => LevelFilter::TRACE,
            _ => return Err(Error::new(Reason::InvalidFormat, "must be a dw_log_level").field("sink.level")),
        };
        if sink.reserved != 0 {
            return Err(Error::new(Reason::OutOfRange, "must be 0").field("sink.reserved"));
        }
        Ok(Self { record, user: User(sink.user), user_free: sink.user_free, level, taken_over: AtomicBool::new(false) })
    }

    fn tell(&self, metadata: &Metadata<'_>, message: &str) {
        let time = Timestamp::now().to_string();
        let level = match *metadata.level() {
            Level::ERROR => dw_log_level::Error,
            Level::WARN => dw_log_level::Warn,
            Level::INFO => dw_log_level::Info,
            Level::DEBUG => dw_log_level::Debug,
            Level::TRACE => dw_log_level::Trace,
        };
        let (time, target, message) = (dw_str::of(&time), dw_str::of(metadata.target()), dw_str::of(message));
        let record = dw_log_record { level, time, target, message };
        // SAFETY: the callback is a function of this signature, given for this purpose; the record and what it borrows live until
        // it returns.
        unsafe { (self.record)(self.user.0, &raw const record) };
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(free) = self.user_free
            && self.taken_over.load(Ordering::Relaxed)
        {
            // SAFETY: the destructor is a function of this signature, given for this pointer; nobody else has the sink any more.
            unsafe { free(self.user.0) };
        }
    }
}

/// Gives a record to the sink, if there is one that wants it and is not at work on this thread already.
fn log(metadata: &Metadata<'_>, write: impl FnOnce(&mut Line) -> fmt::Result) {
    // A thread that is ending has no more locals, and logs nothing more.
    if AT_WORK.try_with(|at_work| at_work.replace(true)).unwrap_or(true) {
        return;
    }
    // What is logged may have a bug in how it is written.
    let _ = caught(|| {
        if let Some(sink) = SINK.load_full()
            && *metadata.level() <= sink.level
        {
            let mut line = Line::default();
            // Writing to a string does not fail.
            let _ = write(&mut line);
            sink.tell(metadata, &line.0);
        }
        Ok(())
    });
    let _ = AT_WORK.try_with(|at_work| at_work.set(false));
}

/// The subscriber of the process.
struct Listener;

impl Listener {
    fn level() -> LevelFilter {
        SINK.load().as_ref().map_or(LevelFilter::OFF, |sink| sink.level)
    }
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Self::level()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(Self::level())
    }

    fn event(&self, event: &Event<'_>) {
        log(event.metadata(), |line| {
            let mut fields = Line::default();
            event.record(&mut Fields { message: line, others: &mut fields });
            let separator = if line.0.is_empty() { fields.0.trim_start() } else { &fields.0 };
            line.write_str(separator)
        });
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Line::default();
        attributes.record(&mut Fields { message: &mut Line::default(), others: &mut fields });
        let span = Arc::new(Span { metadata: attributes.metadata(), fields: fields.0, begun: Instant::now() });
        // The number of a span is where it lies: nothing else has it, and it is found without a lock.
        let place = Arc::into_raw(span).expose_provenance();
        u64::try_from(place).ok().and_then(NonZeroU64::new).map_or_else(|| Id::from_u64(u64::MAX), Id::from_non_zero_u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn clone_span(&self, id: &Id) -> Id {
        // SAFETY: the id is one of `new_span` whose span was not closed yet, as `tracing` says of every call.
        unsafe { Arc::increment_strong_count(place(id)) };
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        // SAFETY: as above, and this is the end of what `new_span` or `clone_span` gave.
        let last = Arc::into_inner(unsafe { Arc::from_raw(place(&id)) });
        if let Some(span) = &last {
            let seconds = span.begun.elapsed().as_secs_f64();
            log(span.metadata, |line| write!(line, "{}{} seconds={seconds:.6}", span.metadata.name(), span.fields));
        }
        last.is_some()
    }
}

/// A stretch of time that is logged when it ends.
struct Span {
    metadata: &'static Metadata<'static>,
    fields: String,
    begun: Instant,
}

fn place(id: &Id) -> *const Span {
    usize::try_from(id.into_u64()).map_or(ptr::null(), ptr::with_exposed_provenance)
}

/// Takes apart what was logged: its message, and its other fields, each with a blank before it.
struct Fields<'a> {
    message: &'a mut Line,
    others: &'a mut Line,
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // How `tracing` carries what came from the crate `log`.
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.others, " {name}={value:?}"),
        };
    }
}

/// A text in which control characters are escaped, so that it is one line.
#[derive(Default)]
struct Line(String);

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_control() {
                self.0.extend(character.escape_default());
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}
