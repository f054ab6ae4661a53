//! The two clocks: one for measuring durations, one that all processes since boot share.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The monotonic time now.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place: this crate waits for the kernel, not for a tokio clock"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Time since boot, including time asleep (`CLOCK_BOOTTIME`, clock_gettime(2)).
///
/// Unlike the wall clock nobody sets it, and unlike [`now`] it can be written to a file and compared
/// by another process of the same boot.
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}
