//! Verification that does not wait: it is begun here, and a callback tells how it ended.

use std::{ffi::c_void, mem::MaybeUninit};

use doorward::{Credentials, Reason, Verdict};
use zeroize::Zeroizing;

use crate::{
    dw_context, dw_credentials, dw_door, dw_error, dw_request, dw_status,
    guard::{done, given},
    request,
    user::User,
    verdict::{Place, dw_verdict},
};

/// Is told how a lookup ended, once. `verdict` is borrowed for the call; `context` is the callee's own to free, NULL if the
/// caller was not let in.
///
/// It is called on the thread that began the lookup, before `dw_lookup_start` returns, if the answer was there at once; else on
/// one of doorward's own threads. There it must not block, and calls that may wait for the store answer
/// `INTERNAL` / `would_deadlock`. It must not throw.
pub type dw_lookup_done = Option<unsafe extern "C" fn(user: *mut c_void, verdict: *const dw_verdict, context: *mut dw_context)>;

/// Calls back, once.
struct Callback {
    function: unsafe extern "C" fn(*mut c_void, *const dw_verdict, *mut dw_context),
    user: User,
}

impl Callback {
    fn tell(self, verdict: &Verdict) {
        let (mut place, mut context) = (MaybeUninit::<dw_verdict>::zeroed(), None);
        Place(Some(&mut place)).fill(verdict, Some(&mut context));
        let context = context.map_or(std::ptr::null_mut(), Box::into_raw);
        // SAFETY: the callback is a function of this signature, given for this purpose; the verdict was written and lives until
        // it returns; the context is handed over.
        unsafe { (self.function)(self.user.0, place.as_ptr(), context) };
    }
}

/// Begins what `dw_verify` does, without ever waiting for the store: `callback` is told the verdict, exactly once if this
/// returns `OK` and never otherwise, be the door closed or freed meanwhile: `dw_close` does not wait for callbacks, so what
/// `user` points at must live until `callback` has had it. Credentials and request are borrowed for this call alone. Any
/// thread.
///
/// Errors: `VALIDATION`. What a store answers goes to the callback.
#[unsafe(no_mangle)]
pub extern "C" fn dw_lookup_start(
    door: Option<&dw_door>,
    credentials: *const dw_credentials,
    request: *const dw_request,
    callback: dw_lookup_done,
    user: *mut c_void,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    done(error, || {
        let (door, function) = (given(door, "door")?.0.to_async(), given(callback, "callback")?);
        let presented = request::credentials(credentials)?.reveal().map(|token| Zeroizing::new(token.to_owned()));
        let (request, callback) = (request::request(request)?, Callback { function, user: User(user) });
        let lookup = async move {
            let credentials = match &presented {
                Ok(token) => Credentials::token(token),
                Err(Reason::Missing) => Credentials::token(""),
                // Bytes that are no token.
                Err(_) => Credentials::token_bytes(&[0xff]),
            };
            let verdict = door.verify(credentials, &request).await;
            callback.tell(&verdict);
        };
        // Run on the thread that has something new for it: this one first, then whichever brings the answer.
        let (runnable, task) = async_task::spawn(lookup, |runnable: async_task::Runnable| _ = runnable.run());
        task.detach();
        runnable.run();
        Ok(())
    })
}
