//! On whose behalf operations are made.

use std::mem::MaybeUninit;

use doorward::{Doorward, Session};

use crate::{
    dw_context, dw_door, dw_error, dw_request, dw_status,
    guard::{free, give, given},
    request,
};

/// On whose behalf operations are made: an authenticated caller, whose every operation is checked against its role and its
/// institution, or the host's own trusted code. Owned: `dw_session_free`. `const dw_session *` may be shared.
pub struct dw_session(pub(crate) Behalf);

pub(crate) enum Behalf {
    System(Doorward),
    Caller(Box<Session>),
}

/// Makes an operation: `call!(session, get_key(&institution, &key))`.
macro_rules! call {
    ($session:expr, $operation:ident($($argument:expr),*)) => {
        match &$crate::guard::given($session, "session")?.0 {
            $crate::session::Behalf::System(door) => door.$operation($($argument),*),
            $crate::session::Behalf::Caller(session) => session.$operation($($argument),*),
        }
    };
}
pub(crate) use call;

/// Binds the door to an authenticated caller, for one request. Puts an owned session into `session`; `context` stays the
/// caller's and `request` may be NULL. Never waits; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dw_session_new(
    door: Option<&dw_door>,
    context: Option<&dw_context>,
    request: *const dw_request,
    session: Option<&mut MaybeUninit<Option<Box<dw_session>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("session", session, error, || {
        let (door, context) = (given(door, "door")?, given(context, "context")?);
        let session = door.0.session(context.value().clone(), request::request(request)?.into_owned());
        Ok(dw_session(Behalf::Caller(Box::new(session))))
    })
}

/// The session of the host's own trusted code: nothing is asked of permission, and the audit trail names the actor `system`.
/// Puts an owned session into `session`, for any number of operations. Never waits; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dw_session_system(
    door: Option<&dw_door>,
    session: Option<&mut MaybeUninit<Option<Box<dw_session>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("session", session, error, || Ok(dw_session(Behalf::System(given(door, "door")?.0.clone()))))
}

/// Frees the session. NULL is fine. No other thread may be using it.
#[unsafe(no_mangle)]
pub extern "C" fn dw_session_free(session: Option<Box<dw_session>>) {
    free(session);
}
