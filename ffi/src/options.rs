//! Structs of options, which begin with their size so that they can grow.
//!
//! A program that was compiled against an older header gives a smaller struct: what it does not have is zero, which always
//! means "not given". One that was compiled against a newer header gives a larger one: it is taken if what is unknown here is
//! zero, and refused otherwise, so that nothing is ignored in silence.

use std::{mem::MaybeUninit, ptr, slice};

use doorward::{Error, Reason, Result};

use crate::{guard::missing, text::Plain};

/// The most bytes of a struct, in any version to come. A larger size is garbage.
const MOST_BYTES: usize = 4096;

/// A struct that begins with `struct_size: usize`.
///
/// # Safety
/// It must be `repr(C)` and begin so.
pub(crate) unsafe trait Versioned: Plain {
    /// Its size in the first version of the header.
    const FIRST: usize;
}

/// Reads a struct of the caller's; nothing if the pointer is NULL.
pub(crate) fn optional<T: Versioned>(pointer: *const T, field: &str) -> Result<Option<T>> {
    if pointer.is_null() { Ok(None) } else { required(pointer, field).map(Some) }
}

/// Reads a struct that must be there.
pub(crate) fn required<T: Versioned>(pointer: *const T, field: &str) -> Result<T> {
    look_at(pointer, field, |given| Ok(*given))
}

/// Reads a list of structs, which lie as far apart as the first says that they are large.
pub(crate) fn list<T: Versioned>(pointer: *const T, len: usize, field: &str) -> Result<Vec<T>> {
    const MOST_ITEMS: usize = 1_000_000;
    if len == 0 {
        return Ok(Vec::new());
    }
    if len > MOST_ITEMS {
        return Err(Error::new(Reason::TooLong, "must have at most 1,000,000 items").field(field.to_owned()));
    }
    if pointer.is_null() {
        return Err(Error::new(Reason::Required, "must not be NULL where its length is not 0").field(field.to_owned()));
    }
    let step = size_of_struct(pointer, &format!("{field}[0]"))?;
    let item = |index: usize| {
        let name = format!("{field}[{index}]");
        let item = pointer.wrapping_byte_add(index.wrapping_mul(step));
        if size_of_struct(item, &name)? != step {
            return Err(wrong_size("must be the same for all items", &name));
        }
        required(item, &name)
    };
    (0..len).map(item).collect()
}

/// Looks at a struct that must be there, where it lies: what is on the way of every request spares the copy.
#[inline(always)]
#[expect(clippy::inline_always, reason = "on the way of every request")]
pub(crate) fn look_at<T: Versioned, R>(pointer: *const T, field: &str, look: impl FnOnce(&T) -> Result<R>) -> Result<R> {
    if pointer.is_null() {
        return Err(missing(field));
    }
    let size = size_of_struct(pointer, field)?;
    if size == size_of::<T>() {
        // SAFETY: the pointer is aligned, and the struct has `size` bytes that can be read and are not written to until the
        // export returns, as the caller says in its first member and promises by the header's conventions. Any content is a
        // value of a plain type.
        return look(unsafe { &*pointer });
    }
    look(&of_another_size(pointer, size, field)?)
}

/// Reads a struct of an older header, or of a newer one.
#[cold]
fn of_another_size<T: Versioned>(pointer: *const T, size: usize, field: &str) -> Result<T> {
    let known = size_of::<T>();
    // SAFETY: `size` bytes can be read, as in `look_at`; here only those beyond the ones that are known are looked at.
    let rest = unsafe { slice::from_raw_parts(pointer.cast::<u8>().wrapping_add(known), size.saturating_sub(known)) };
    if rest.iter().any(|byte| *byte != 0) {
        let message = "has members of a newer header that this version of the library does not know";
        return Err(Error::new(Reason::Unsupported, message).field(field.to_owned()));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: as above `size` bytes can be read, and `known` be written; the smaller of the two is copied. A struct of the
    // caller's does not lie in this function's own variable.
    unsafe { ptr::copy_nonoverlapping(pointer.cast::<u8>(), value.as_mut_ptr().cast(), size.min(known)) };
    // SAFETY: every byte was written, zero or the caller's, and any content is a value of a plain type.
    Ok(unsafe { value.assume_init() })
}

#[inline]
fn size_of_struct<T: Versioned>(pointer: *const T, field: &str) -> Result<usize> {
    if !pointer.is_aligned() {
        return Err(Error::new(Reason::InvalidFormat, "is not aligned as its type asks for").field(field.to_owned()));
    }
    // SAFETY: the pointer is aligned and not null, and at it lies a struct that begins with its size.
    let size = unsafe { pointer.cast::<usize>().read() };
    // The usual size is that of the same header; all else is looked at more closely, off the way of every request.
    if size != size_of::<T>() && !is_a_sizeof::<T>(size) {
        return Err(wrong_size("must be the sizeof of the struct", field));
    }
    Ok(size)
}

/// Whether a struct has this size in any version of the header: it never shrinks, and a sizeof is a multiple of the alignment.
/// So a member is there whole or not at all.
#[cold]
fn is_a_sizeof<T: Versioned>(size: usize) -> bool {
    (T::FIRST..=MOST_BYTES).contains(&size) && size.is_multiple_of(align_of::<T>())
}

fn wrong_size(message: &'static str, field: &str) -> Error {
    Error::new(Reason::OutOfRange, message).field("struct_size").inside(field)
}

/// States that a struct is plain and begins with its size, and its size in the first version of the header.
macro_rules! versioned {
    ($( $name:ident = $first:literal ),* $(,)?) => { $(
        // SAFETY: integers, raw pointers, functions that may be NULL, and structs of these.
        unsafe impl $crate::text::Plain for $name {}
        // SAFETY: `repr(C)`, and the first member is `struct_size: usize`.
        unsafe impl $crate::options::Versioned for $name {
            const FIRST: usize = $first;
        }
        const _: () = assert!(size_of::<$name>() >= $first && std::mem::offset_of!($name, struct_size) == 0);
        const _: () = assert!($first % align_of::<$name>() == 0);
    )* };
}
pub(crate) use versioned;
