//! Rust code of the same program that has set `tracing`'s global subscriber keeps it.

#![expect(unsafe_code, reason = "the library is called as C does")]

use std::{
    ffi::c_void,
    mem::MaybeUninit,
    sync::atomic::{AtomicUsize, Ordering},
};

use doorward_ffi::{dw_error_free, dw_error_reason, dw_log_record, dw_log_sink, dw_log_to, dw_status};
use tracing_core::{Dispatch, dispatcher, subscriber::NoSubscriber};

static FREED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn record(_: *mut c_void, _: *const dw_log_record) {}

unsafe extern "C" fn free(_: *mut c_void) {
    FREED.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_sink_where_the_program_has_a_subscriber_is_an_error_and_user_stays_the_callers() {
    dispatcher::set_global_default(Dispatch::new(NoSubscriber::default())).ok();
    let sink = dw_log_sink {
        struct_size: size_of::<dw_log_sink>(),
        record: Some(record),
        user: std::ptr::null_mut(),
        user_free: Some(free),
        level: 0,
        reserved: 0,
    };
    for _ in 0..2 {
        let mut error = MaybeUninit::uninit();
        assert_eq!(dw_log_to(&raw const sink, Some(&mut error)), dw_status::Config);
        // SAFETY: out parameters are always written.
        let error = unsafe { error.assume_init() };
        let reason = dw_error_reason(error.as_deref());
        // SAFETY: the reason is a text that lives as long as the error.
        let reason = unsafe { std::slice::from_raw_parts(reason.data.cast::<u8>(), reason.len) };
        assert_eq!(reason, b"log_taken");
        dw_error_free(error);
        assert_eq!(FREED.load(Ordering::Relaxed), 0);
    }
    // To have it given to none is what is so anyway.
    assert_eq!(dw_log_to(std::ptr::null(), None), dw_status::Ok);
}
