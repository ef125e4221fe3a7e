//! What every export runs in: a panic ends here, as `DW_STATUS_INTERNAL` or as the answer of an accessor that knows nothing.

use std::{
    mem::MaybeUninit,
    panic::{AssertUnwindSafe, catch_unwind},
};

use doorward::{Error, Reason, Result};

use crate::{dw_error, dw_status};

/// Where an export puts an object that its caller then owns; `None` if the caller gave NULL.
pub(crate) type Out<'a, T> = Option<&'a mut MaybeUninit<Option<Box<T>>>>;

/// Does the work of an export that has nothing to give but its status. What went wrong is put into `error`, if there is one.
pub(crate) fn done(error: Out<'_, dw_error>, work: impl FnOnce() -> Result<()>) -> dw_status {
    let error = error.map(|slot| slot.write(None));
    match caught(work) {
        Ok(()) => dw_status::Ok,
        Err(failure) => {
            let status = failure.kind().into();
            if let Some(error) = error {
                *error = Some(Box::new(failure.into()));
            }
            status
        }
    }
}

/// Does the work of an export that gives an object. The place is NULL until the work has succeeded.
pub(crate) fn give<T>(
    name: &'static str,
    out: Out<'_, T>,
    error: Out<'_, dw_error>,
    work: impl FnOnce() -> Result<T>,
) -> dw_status {
    let out = out.map(|slot| slot.write(None));
    done(error, || {
        let out = given(out, name)?;
        *out = Some(Box::new(work()?));
        Ok(())
    })
}

/// Reads something of an object, for an accessor: what knows nothing answers `otherwise`.
pub(crate) fn read<T, R>(object: Option<&T>, otherwise: R, read: impl FnOnce(&T) -> R) -> R {
    let Some(object) = object else { return otherwise };
    caught(|| Ok(read(object))).unwrap_or(otherwise)
}

/// Drops an object that the caller gives back; NULL is fine.
pub(crate) fn free<T>(object: Option<Box<T>>) {
    // A destructor that panics has no one to tell.
    let _ = caught(|| {
        drop(object);
        Ok(())
    });
}

/// An argument that must not be NULL.
#[inline]
pub(crate) fn given<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| missing(name))
}

/// The error for one that is NULL.
#[cold]
pub(crate) fn missing(name: &str) -> Error {
    Error::new(Reason::Required, "must not be NULL").field(name.to_owned())
}

/// Ends a panic in an error.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::new(Reason::Panicked, "a panic was caught")))
}
