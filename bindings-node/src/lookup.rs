//! Authentication of a token, for every request: a function of Node-API itself, since what `#[napi]` makes of a text and of an
//! answer costs several times as much as the lookup. It answers with a number (see `contexts.rs`) and makes nothing on either
//! heap, unless it is told of a request or has an error to give.

use std::{cell::RefCell, ffi::c_void, mem::MaybeUninit, ptr, rc::Rc, slice};

use doorward::{Credentials, Doorward, MAX_TOKEN, Reason, Request, Result};
use napi::{Env, Status, bindgen_prelude::Unknown, sys};
use zeroize::Zeroize;

use crate::{
    answer,
    contexts::{Contexts, reason_number},
    presented::peer,
    task::caught,
};

/// What the function looks in.
pub(crate) struct Lookup {
    pub(crate) door: Doorward,
    pub(crate) contexts: Rc<RefCell<Contexts>>,
    pub(crate) question: Question,
    /// A request of which nothing is known.
    pub(crate) request: Request,
}

/// What is wanted of those who are not let in.
#[derive(Clone, Copy)]
pub(crate) enum Question {
    /// The number of the reason.
    Verify,
    /// The error, as text.
    Authenticate,
}

/// Makes the function `(token, method, path, requestId, peer, forwardedFor) => number | text`. The token must be a string; what
/// else is given must be a string of at most [`PART`] bytes or `undefined`. With the token alone nothing is known of its request.
pub(crate) fn function<'env>(env: &'env Env, lookup: Lookup) -> napi::Result<Unknown<'env>> {
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

fn check(status: sys::napi_status) -> napi::Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(napi::Error::from_status(Status::from(status))) }
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

/// The arguments: a token, and what is known of its request.
const ARGUMENTS: usize = 6;

/// The most bytes that are read of a part of a request.
const PART: usize = 1024;

/// # Safety
/// Node calls it, with an environment and a call that are under way.
unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut given, mut data) = (ARGUMENTS, [ptr::null_mut(); ARGUMENTS], ptr::null_mut());
    // SAFETY: there is place for as many arguments as are asked for; where one is missing, `undefined` is written.
    unsafe { sys::napi_get_cb_info(env, info, &raw mut count, given.as_mut_ptr(), ptr::null_mut(), &raw mut data) };
    let [token, known @ ..] = given;
    // More than the longest token, so that a longer one is seen to be longer.
    let mut place = MaybeUninit::<[u8; MAX_TOKEN + 8]>::uninit();
    // SAFETY: the token belongs to this call.
    let Some(bytes) = (unsafe { text(env, token, &mut place) }).filter(|_| !data.is_null()) else {
        return number(env, reason_number(Reason::Malformed));
    };
    // SAFETY: the data of this function, which lives while the function is called; it is on this thread alone.
    let lookup = unsafe { &*data.cast_const().cast::<Lookup>() };
    let answer = if count > 1 {
        // SAFETY: these arguments belong to this call.
        caught(|| lookup.answer(bytes, &unsafe { request(env, known) }?))
    } else {
        caught(|| lookup.answer(bytes, &lookup.request))
    };
    bytes.zeroize();
    match (answer, lookup.question) {
        (Ok(answer), _) => number(env, answer),
        (Err(error), Question::Verify) => number(env, reason_number(error.reason())),
        (Err(error), Question::Authenticate) => words(env, &answer::text(Err(error), "authenticate")),
    }
}

/// A text, as much of it as there is place for; nothing if the value is no string.
///
/// # Safety
/// The value must belong to a call that is under way in this environment.
#[inline]
unsafe fn text<const SIZE: usize>(
    env: sys::napi_env,
    value: sys::napi_value,
    place: &mut MaybeUninit<[u8; SIZE]>,
) -> Option<&mut [u8]> {
    let (start, mut length) = (place.as_mut_ptr().cast::<u8>(), 0);
    // SAFETY: so many bytes may be written, the ending NUL among them.
    let status = unsafe { sys::napi_get_value_string_utf8(env, value, start.cast(), SIZE, &raw mut length) };
    // SAFETY: Node has written so many bytes, which it counts without the NUL; they are borrowed with their place.
    (status == sys::Status::napi_ok).then(|| unsafe { slice::from_raw_parts_mut(start, length) })
}

/// What is known of a request.
///
/// # Safety
/// The values must belong to a call that is under way in this environment.
unsafe fn request(env: sys::napi_env, known: [sys::napi_value; ARGUMENTS - 1]) -> Result<Request> {
    let read = |value| {
        let mut place = MaybeUninit::<[u8; PART + 1]>::uninit();
        // SAFETY: as the caller says.
        let bytes = unsafe { text(env, value, &mut place) };
        bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let [method, path, request_id, address, forwarded] = known.map(read);
    let mut request = Request::new();
    if let Some(method) = method {
        request = request.method(method);
    }
    if let Some(path) = path {
        request = request.path(path);
    }
    if let Some(id) = request_id {
        request = request.request_id(id);
    }
    if let Some(address) = address {
        request = request.peer(peer(&address)?);
    }
    if let Some(forwarded) = forwarded {
        request = request.forwarded_for(forwarded);
    }
    Ok(request)
}

#[inline]
fn number(env: sys::napi_env, number: i32) -> sys::napi_value {
    let mut answer = ptr::null_mut();
    // SAFETY: a call is under way in this environment.
    unsafe { sys::napi_create_int32(env, number, &raw mut answer) };
    answer
}

fn words(env: sys::napi_env, text: &str) -> sys::napi_value {
    let mut answer = ptr::null_mut();
    // SAFETY: a call is under way in this environment; the text has this length.
    unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), &raw mut answer) };
    answer
}

impl Lookup {
    #[inline]
    fn answer(&self, token: &[u8], request: &Request) -> Result<i32> {
        let credentials = Credentials::token_bytes(token);
        match self.question {
            Question::Verify => {
                let verdict = self.door.verify(credentials, request);
                Ok(self.contexts.borrow_mut().number(&verdict))
            }
            Question::Authenticate => {
                let context = self.door.authenticate(credentials, request)?;
                Ok(self.contexts.borrow_mut().context_number(&context))
            }
        }
    }
}
