//! Waiting for the clock, by a condition: how long a thread sleeps says little about what a clock shows.

use std::{thread, time::Instant};

use doorward::Timestamp;

use crate::stage::AGES;

/// Waits until the clock by which doorward dates is past this instant.
pub(crate) fn wait_until_after(instant: Timestamp) {
    let begin = Instant::now();
    while Timestamp::now() <= instant {
        assert!(begin.elapsed() < AGES, "the clock stands still");
        thread::yield_now();
    }
}
