//! Which library this is.

use crate::text::dw_str;

/// Which version of the binary interface the library has. Programs that were compiled against a header with another
/// `DW_ABI_VERSION` must not use it.
pub const DW_ABI_VERSION: u32 = 1;

/// The version of the library, such as `0.1.0`. Static.
#[unsafe(no_mangle)]
pub extern "C" fn dw_version() -> dw_str {
    dw_str::of(env!("CARGO_PKG_VERSION"))
}

/// The version of the binary interface: compare it with `DW_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_abi_version() -> u32 {
    DW_ABI_VERSION
}
