//! What a callback is given back: a pointer of the caller's, and how it is let go of.

use std::ffi::c_void;

/// Is told that its `user` is no longer needed. It must not throw.
pub type dw_user_free = Option<unsafe extern "C" fn(user: *mut c_void)>;

/// The caller's pointer, which goes to its callback and is not looked at.
pub(crate) struct User(pub(crate) *mut c_void);

// SAFETY: the pointer is only handed on; the header says on which threads that happens, and whoever gives it agrees to that.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}
