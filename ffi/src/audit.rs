//! The audit sink: a callback of the caller's that gets every recorded audit event.

use std::{
    ffi::c_void,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use doorward::{AuditEntry, Config, Result};

use crate::{
    guard::given,
    options::{self, versioned},
    text::dw_str,
    user::{User, dw_user_free},
};

/// An audit event that was recorded. Borrowed for the call of the sink; later versions have more members at its end.
#[repr(C)]
pub struct dw_audit_event {
    /// Its id, by which it is found in the trail.
    pub id: dw_str,
    /// When it happened.
    pub occurred_at: dw_str,
    /// Who did it: a key's id, `root`, `system`, or `anonymous` for a caller who was not let in.
    pub actor: dw_str,
    /// The operation (`create_key`).
    pub action: dw_str,
    /// What came of it: `succeeded`, `forbidden` or `refused`.
    pub outcome: dw_str,
    /// The institution concerned; absent if there is none.
    pub institution_id: dw_str,
    /// What it was done to (`institution`, `api_key`, `policy`); may be absent.
    pub resource_type: dw_str,
    /// Its id, or the region of a policy; may be absent.
    pub resource_id: dw_str,
    /// The reason of a refusal (`role_not_allowed`); absent if it is none.
    pub error: dw_str,
    /// All of it, as `dw_page_json_at` gives it but for `sequence` and `apiKeyId`, on one line.
    pub json: dw_str,
}

/// Is given an audit event, borrowed for the call, after it was written into the trail.
///
/// It is called on a thread of the door's own, one call at a time; with one sink for several doors, at once on one thread
/// of each. It may block (only other events wait then) and call the library; `dw_close` of its own door is
/// `INTERNAL` / `would_deadlock` there. It must not throw.
pub type dw_audit_sink_event = Option<unsafe extern "C" fn(user: *mut c_void, event: *const dw_audit_event)>;

/// Gets every audit event that a door records in this process. Borrowed for the call.
///
/// An event comes once it is in the trail, and never for a change that failed; rows that are gathered (refusals) come when
/// they are written, up to 10 seconds later. Events come in the order of the store's answers; those of changes that were
/// made at the same time may stand in another order in the trail. No call into the library waits for the sink: at most
/// 10,000 events wait for it, further ones are dropped from the sink alone and counted
/// (`doorward_audit_sink_dropped_total`). The trail is what holds: whoever must miss nothing reads it by
/// `dw_list_audit_events` from the last cursor on.
///
/// `dw_close` waits for the sink to take what is left, as far as its deadline allows. A forked child goes on with the sink on
/// a thread of its own; events that were waiting are the parent's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_audit_sink {
    /// `sizeof(dw_audit_sink)`.
    pub struct_size: usize,
    /// Is given the events.
    pub event: dw_audit_sink_event,
    /// Is handed to it.
    pub user: *mut c_void,
    /// Is called with `user` when the door no longer needs it; may be NULL. Exactly once for each door that was opened, and
    /// never while `event` is at work: by `dw_close` before it returns, if its deadline allows, or else after `dw_door_free`
    /// and the last `dw_session_free`; on any thread. Never in a forked child that has the door from its parent. Where no
    /// door was opened, whatever the error, `user` is still the caller's, and this is not called.
    pub user_free: dw_user_free,
}

versioned!(dw_audit_sink = 32);

/// A sink of a door's configuration.
pub(crate) struct Sink {
    event: unsafe extern "C" fn(*mut c_void, *const dw_audit_event),
    user: User,
    user_free: dw_user_free,
    /// The door was opened, and `user` is ours.
    taken_over: AtomicBool,
}

impl Sink {
    /// Reads the sink that the caller may have given.
    pub(crate) fn read(pointer: *const dw_audit_sink) -> Result<Option<Arc<Self>>> {
        let Some(sink) = options::optional(pointer, "audit_sink")? else { return Ok(None) };
        let event = given(sink.event, "audit_sink.event")?;
        let taken_over = AtomicBool::new(false);
        Ok(Some(Arc::new(Self { event, user: User(sink.user), user_free: sink.user_free, taken_over })))
    }

    pub(crate) fn within(self: &Arc<Self>, config: Config) -> Config {
        let sink = Arc::clone(self);
        config.audit_sink(move |entry| sink.tell(&entry))
    }

    pub(crate) fn take_over(&self) {
        self.taken_over.store(true, Ordering::Relaxed);
    }

    fn tell(&self, entry: &AuditEntry) {
        let id = entry.id.to_string();
        let (occurred_at, actor) = (entry.occurred_at.to_string(), entry.actor.to_string());
        let institution_id = entry.institution_id.as_ref().map(ToString::to_string);
        // Writing an entry fails for maps whose keys are not texts; there are none.
        let json = serde_json::to_string(entry).unwrap_or_default();
        let event = dw_audit_event {
            id: dw_str::of(&id),
            occurred_at: dw_str::of(&occurred_at),
            actor: dw_str::of(&actor),
            action: dw_str::of(&entry.action),
            outcome: dw_str::of(entry.outcome.as_str()),
            institution_id: dw_str::of_optional(institution_id.as_deref()),
            resource_type: dw_str::of_optional(entry.resource_type.as_deref()),
            resource_id: dw_str::of_optional(entry.resource_id.as_deref()),
            error: dw_str::of_optional(entry.error.as_deref()),
            json: dw_str::of(&json),
        };
        // SAFETY: the callback is a function of this signature, given for this purpose; the event and what it borrows live until
        // it returns.
        unsafe { (self.event)(self.user.0, &raw const event) };
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
