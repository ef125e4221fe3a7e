//! `verify` of a token, for every request: a function of Node-API itself, since what `#[napi]` makes of a text and of an answer
//! costs several times as much as the lookup. It answers with a number (see `contexts.rs`) and makes nothing on either heap.

use std::{cell::RefCell, ffi::c_void, mem::MaybeUninit, ptr, rc::Rc, slice};

use doorward::{Credentials, Doorward, MAX_TOKEN, Reason, Request, Verdict};
use napi::{Env, Error, Result, Status, bindgen_prelude::Unknown, sys};
use zeroize::Zeroize;

use crate::{
    contexts::{Contexts, reason_number},
    task::caught,
};

/// What the function looks in.
pub(crate) struct Lookup {
    pub(crate) door: Doorward,
    pub(crate) contexts: Rc<RefCell<Contexts>>,
    /// A request of which nothing is known.
    pub(crate) request: Request,
}

/// Makes the function `token => number`. The token must be a string.
pub(crate) fn function<'env>(env: &'env Env, lookup: Lookup) -> Result<Unknown<'env>> {
    let lookup: *mut Lookup = Box::into_raw(Box::new(lookup));
    let mut function = ptr::null_mut();
    const NAME: &str = "lookup";
    // SAFETY: the name has this length; the data is what `call` expects, and lives until `forget` is told that the function is
    // gone.
    let status = unsafe {
        sys::napi_create_function(
            env.raw(),
            NAME.as_ptr().cast(),
            NAME.len().cast_signed(),
            Some(call),
            lookup.cast(),
            &raw mut function,
        )
    };
    check(status)?;
    // SAFETY: the function was just made, and `lookup` is not freed by anyone else.
    let status =
        unsafe { sys::napi_add_finalizer(env.raw(), function, lookup.cast(), Some(forget), ptr::null_mut(), ptr::null_mut()) };
    check(status)?;
    // SAFETY: the value belongs to this environment and to the scope of the caller.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), function) })
}

fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(Error::from_status(Status::from(status))) }
}

/// # Safety
/// Node calls it, once, when the function is gone; `data` is the `Lookup` of it.
unsafe extern "C" fn forget(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: as above.
    let lookup = unsafe { Box::from_raw(data.cast::<Lookup>()) };
    let _ = caught(|| {
        drop(lookup);
        Ok(())
    });
}

/// # Safety
/// Node calls it, with an environment and a call that are under way.
unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut token, mut data, mut answer) = (1, ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: one argument is asked for and there is place for one; where it is missing, `undefined` is written.
    unsafe { sys::napi_get_cb_info(env, info, &raw mut count, &raw mut token, ptr::null_mut(), &raw mut data) };
    // More than the longest token, so that a longer one is seen to be longer.
    let mut place = MaybeUninit::<[u8; MAX_TOKEN + 8]>::uninit();
    let start = place.as_mut_ptr().cast::<u8>();
    let mut length = 0;
    // SAFETY: so many bytes may be written, the ending NUL among them.
    let status = unsafe { sys::napi_get_value_string_utf8(env, token, start.cast(), size_of_val(&place), &raw mut length) };
    let number = if status == sys::Status::napi_ok && !data.is_null() {
        // SAFETY: Node has written so many bytes, which it counts without the NUL, and nobody else has a reference to them.
        let bytes = unsafe { slice::from_raw_parts_mut(start, length) };
        // SAFETY: the data of this function, which lives while the function is called; it is on this thread alone.
        let lookup = unsafe { &*data.cast_const().cast::<Lookup>() };
        let number = caught(|| Ok(lookup.number(bytes)));
        bytes.zeroize();
        number.unwrap_or_else(|error| reason_number(error.reason()))
    } else {
        reason_number(Reason::Malformed)
    };
    // SAFETY: a call is under way in this environment.
    unsafe { sys::napi_create_int32(env, number, &raw mut answer) };
    answer
}

impl Lookup {
    #[inline]
    fn number(&self, token: &[u8]) -> i32 {
        let verdict: Verdict = self.door.verify(Credentials::token_bytes(token), &self.request);
        self.contexts.borrow_mut().number(&verdict).signed()
    }
}
