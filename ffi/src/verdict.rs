//! The verdict on a caller, in a struct of the caller's: the way of every request.

use std::{ffi::c_char, mem::MaybeUninit, ptr};

use doorward::{AuthContext, Error, Reason, Verdict};

use crate::{
    context::{self, keep},
    dw_context, dw_credentials, dw_door, dw_request, dw_role, dw_status,
    guard::{caught, given},
    rate_limit::millis,
    request,
    text::dw_str,
};

/// The most bytes of an id in a verdict.
const MOST: usize = 128;

/// An id, in place. Not there: `len` is 0 and `text` is empty.
#[repr(C)]
pub struct dw_id {
    /// The id, ended by a NUL that does not count.
    pub text: [c_char; 129],
    /// How many bytes it has.
    pub len: u8,
}

/// Whether a caller is let in. A plain struct that owns nothing; it may be copied, and needs no freeing.
#[repr(C)]
pub struct dw_verdict {
    /// `DW_STATUS_OK` if the caller is let in, and only then.
    pub status: dw_status,
    /// What it may do; `DW_ROLE_NONE` if it is not let in.
    pub role: dw_role,
    /// Why it is not let in (`revoked`); absent if it is. Static.
    pub reason: dw_str,
    /// The institution to which it belongs; not there for root.
    pub institution_id: dw_id,
    /// Its key; not there for root.
    pub key_id: dw_id,
    /// Of `DW_STATUS_RATE_LIMITED`: after how many milliseconds the caller may come again, rounded up; else 0.
    pub retry_after_ms: u32,
}

/// What grew within the padding at its end leaves its place in programs that are compiled as large as it was.
const _: () = assert!(size_of::<dw_verdict>() == 288);

/// Whether a caller is let in, without an error object: for hot paths that expect refusals. Returns what `verdict` has as its
/// status; `verdict` may be NULL. Puts an owned context into `context` if that is not NULL and the caller is let in. May wait
/// for the store, if that is not in memory; any thread.
///
/// Answers: `OK`; `UNAUTHENTICATED`, `RATE_LIMITED`, `VALIDATION` (NULL, or a request that is none), and what a store can
/// answer. A caller whose ids have more than 128 bytes, which only adopted tables hold, is refused as `VALIDATION` /
/// `too_long`: for such there is `dw_authenticate`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_verify(
    door: Option<&dw_door>,
    credentials: *const dw_credentials,
    request: *const dw_request,
    verdict: Option<&mut MaybeUninit<dw_verdict>>,
    context: Option<&mut MaybeUninit<Option<Box<dw_context>>>>,
) -> dw_status {
    let mut place = Place(verdict);
    let mut context = context::clear(context);
    // However this ends the verdict is written.
    let verified = caught(|| {
        let door = given(door, "door")?;
        let (credentials, request) = (request::credentials(credentials)?, request::request(request)?);
        let verified = door.0.verify_with(credentials, &request, |granted| place.grant(&granted, context.as_deref_mut()));
        Ok(verified.unwrap_or_else(|verdict| place.fill(&verdict, context)))
    });
    verified.unwrap_or_else(|error| place.refuse(error.reason()))
}

/// Where a verdict is written, if anywhere. Only what is known is written: all of it would be a third of a kilobyte.
pub(crate) struct Place<'a>(pub(crate) Option<&'a mut MaybeUninit<dw_verdict>>);

impl Place<'_> {
    /// Writes what came of it, and gives the status.
    pub(crate) fn fill(&mut self, verdict: &Verdict, context: Option<&mut Option<Box<dw_context>>>) -> dw_status {
        match verdict {
            Verdict::Granted(granted) => self.grant(granted, context),
            Verdict::Refused(reason) => self.refuse(*reason),
            Verdict::RateLimited(wait) => {
                let status = self.refuse(Reason::TooManyRequests);
                if let Some(verdict) = &mut self.0 {
                    // SAFETY: as in `refuse`.
                    unsafe {
                        (&raw mut (*verdict.as_mut_ptr()).retry_after_ms).write(millis(*wait).try_into().unwrap_or(u32::MAX))
                    };
                }
                status
            }
        }
    }

    /// Writes who is let in, and gives the status.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that the ids are written where they are found")]
    fn grant(&mut self, granted: &AuthContext, context: Option<&mut Option<Box<dw_context>>>) -> dw_status {
        match self.write(granted) {
            Ok(()) => {
                if context.is_some() {
                    keep(context, granted);
                }
                dw_status::Ok
            }
            Err(error) => self.refuse(error.reason()),
        }
    }

    /// Writes a refusal, and gives its status.
    #[inline(never)]
    pub(crate) fn refuse(&mut self, reason: Reason) -> dw_status {
        let status = reason.kind().into();
        if let Some(verdict) = &mut self.0 {
            let verdict = verdict.as_mut_ptr();
            // SAFETY: the place is the caller's struct, as large as its type, aligned, and nobody else's during the call; its
            // members are written and none of them is read.
            unsafe {
                (&raw mut (*verdict).status).write(status);
                (&raw mut (*verdict).role).write(dw_role::None);
                (&raw mut (*verdict).reason).write(dw_str::of(reason.as_str()));
                clear(&raw mut (*verdict).institution_id);
                clear(&raw mut (*verdict).key_id);
                (&raw mut (*verdict).retry_after_ms).write(0);
            }
        }
        status
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that the ids are written where they are found")]
    fn write(&mut self, context: &AuthContext) -> Result<(), Error> {
        if let Some(verdict) = &mut self.0 {
            let verdict = verdict.as_mut_ptr();
            // SAFETY: as in `refuse`.
            unsafe {
                let (institution_id, key_id) = (&raw mut (*verdict).institution_id, &raw mut (*verdict).key_id);
                match context.institution_id().map(|id| (id, id.made_text())) {
                    Some((_, Some(text))) => put_made(institution_id, text),
                    Some((id, None)) => id.with_str(|text| put(institution_id, text))?,
                    None => clear(institution_id),
                }
                match context.api_key_id().map(|id| (id, id.made_text())) {
                    Some((_, Some(text))) => put_made(key_id, text),
                    Some((id, None)) => id.with_str(|text| put(key_id, text))?,
                    None => clear(key_id),
                }
                (&raw mut (*verdict).role).write(context.role().into());
                (&raw mut (*verdict).reason).write(dw_str::ABSENT);
                (&raw mut (*verdict).retry_after_ms).write(0);
                (&raw mut (*verdict).status).write(dw_status::Ok);
            }
        }
        Ok(())
    }
}

/// # Safety
/// The id can be written.
unsafe fn clear(id: *mut dw_id) {
    // SAFETY: as the function asks.
    unsafe {
        (&raw mut (*id).len).write(0);
        (&raw mut (*id).text).cast::<c_char>().write(0);
    }
}

/// # Safety
/// The id can be written.
#[inline]
unsafe fn put_made<const LEN: usize>(id: *mut dw_id, text: [u8; LEN]) {
    const { assert!(LEN <= MOST) };
    // SAFETY: as the function asks; the text has at most 128 bytes, and the place 129.
    unsafe {
        let place = (&raw mut (*id).text).cast::<u8>();
        place.cast::<[u8; LEN]>().write(text);
        place.add(LEN).write(0);
        #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
        (&raw mut (*id).len).write(LEN as u8);
    }
}

/// # Safety
/// The id can be written.
#[cold]
unsafe fn put(id: *mut dw_id, text: &str) -> Result<(), Error> {
    let len = u8::try_from(text.len()).ok().filter(|len| usize::from(*len) <= MOST);
    let len = len.ok_or_else(|| Error::new(Reason::TooLong, "has an id that is too long for a verdict"))?;
    // SAFETY: as the function asks; the text has at most 128 bytes, and the place 129.
    unsafe {
        let place = (&raw mut (*id).text).cast::<u8>();
        ptr::copy_nonoverlapping(text.as_ptr(), place, text.len());
        place.add(text.len()).write(0);
        (&raw mut (*id).len).write(len);
    }
    Ok(())
}
