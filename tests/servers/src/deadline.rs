//! Waiting for conditions.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a server may take for what usually takes a fraction of a second: generous, since test machines are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds, asking every few milliseconds.
///
/// # Panics
///
/// If it does not hold `within` that time; the message names `what` was waited for.
#[track_caller]
pub fn wait_until(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < within, "{what}: not within {within:?}");
        thread::sleep(Duration::from_millis(5));
    }
}
