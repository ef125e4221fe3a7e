//! Texts and lists that cross the border: [`dw_str`], and how memory of the caller is read.

use std::{ffi::c_char, slice};

use doorward::{Error, Reason, Result};

use crate::guard::{free, read};

/// The most bytes of a text that is looked at; longer ones are refused unread. (No argument may be nearly as long.)
const MOST_BYTES: usize = 1 << 20;
/// The most items of a list.
const MOST_ITEMS: usize = 1_000_000;

/// A text: UTF-8, not terminated. Whoever makes one keeps the memory.
///
/// As an argument it is borrowed for the call. `data` may be NULL if `len` is 0: that is an absent text; an empty one has any
/// other `data`. As an answer it is borrowed from the object that it was asked of and lives as long, or is static.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_str {
    /// The first byte.
    pub data: *const c_char,
    /// How many bytes.
    pub len: usize,
}

/// A list of texts, borrowed for the call. `data` NULL is an absent list, which is not the same as an empty one.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_strs {
    /// The first text.
    pub data: *const dw_str,
    /// How many texts.
    pub len: usize,
}

impl dw_str {
    pub(crate) const ABSENT: Self = Self { data: std::ptr::null(), len: 0 };

    /// A text that the receiver borrows.
    pub(crate) const fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), len: text.len() }
    }

    pub(crate) fn of_optional(text: Option<&str>) -> Self {
        text.map_or(Self::ABSENT, Self::of)
    }

    /// The bytes, or nothing if the text is absent.
    pub(crate) fn bytes(&self, field: &str) -> Result<Option<&[u8]>> {
        if self.data.is_null() && self.len == 0 {
            return Ok(None);
        }
        self.given_bytes(field).map(Some)
    }

    /// The bytes; those of an absent text are none.
    #[inline]
    pub(crate) fn given_bytes<'a>(&self, field: &str) -> Result<&'a [u8]> {
        if self.len > MOST_BYTES {
            return Err(Error::new(Reason::TooLong, "must have at most 1 MiB").field(field.to_owned()));
        }
        items(self.data.cast(), self.len, field)
    }

    /// The text, or nothing if it is absent.
    pub(crate) fn optional(&self, field: &str) -> Result<Option<&str>> {
        let Some(bytes) = self.bytes(field)? else { return Ok(None) };
        let text = std::str::from_utf8(bytes);
        text.map(Some).map_err(|_| Error::new(Reason::NotUtf8, "must be UTF-8").field(field.to_owned()))
    }

    /// A text that must be there.
    pub(crate) fn required(&self, field: &str) -> Result<&str> {
        self.optional(field)?.ok_or_else(|| Error::new(Reason::Required, "must be given").field(field.to_owned()))
    }
}

impl dw_strs {
    /// The texts, or nothing if the list is absent. Errors name the place (`regions[2]`).
    pub(crate) fn optional(&self, field: &str) -> Result<Option<Vec<&str>>> {
        if self.data.is_null() && self.len == 0 {
            return Ok(None);
        }
        let texts = list(self.data, self.len, field)?.iter().enumerate();
        texts.map(|(index, text)| text.required(&format!("{field}[{index}]"))).collect::<Result<_>>().map(Some)
    }
}

/// The items of a list of the caller's.
#[inline]
pub(crate) fn list<'a, T: Plain>(data: *const T, len: usize, field: &str) -> Result<&'a [T]> {
    if len > MOST_ITEMS {
        return Err(refusal(Reason::TooLong, "must have at most 1,000,000 items", field));
    }
    items(data, len, field)
}

/// What lies at a pointer of the caller's, of which there are at most as many as a text or list may have.
#[inline]
fn items<'a, T: Plain>(data: *const T, len: usize, field: &str) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(refusal(Reason::Required, "must not be NULL where its length is not 0", field));
    }
    if !data.is_aligned() {
        return Err(refusal(Reason::InvalidFormat, "is not aligned as its type asks for", field));
    }
    // SAFETY: the pointer is not null and aligned, the length is far below `isize::MAX` bytes, and the caller promises (the
    // header's conventions) that so many items can be read and are not written to until the export returns. Every value of the
    // memory is a `T`, since `T` is plain. No caller of this function keeps the slice longer than its export.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

#[cold]
fn refusal(reason: Reason, message: &'static str, field: &str) -> Error {
    Error::new(reason, message).field(field.to_owned())
}

/// Types of which every content of initialised memory is a value, all zeros included.
///
/// # Safety
/// That must be so: integers, raw pointers, functions that may be NULL (which are called only after the caller's promise that
/// they are what their type says), and structs of these.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: an integer.
unsafe impl Plain for u8 {}
// SAFETY: a raw pointer and an integer.
unsafe impl Plain for dw_str {}
// SAFETY: a raw pointer and an integer.
unsafe impl Plain for dw_strs {}

/// A text that the library made. Owned: `dw_text_free`.
pub struct dw_text(pub(crate) String);

/// The text; borrowed until `dw_text_free`. Absent if `text` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_text_str(text: Option<&dw_text>) -> dw_str {
    read(text, dw_str::ABSENT, |text| dw_str::of(&text.0))
}

/// Frees the text. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn dw_text_free(text: Option<Box<dw_text>>) {
    free(text);
}
