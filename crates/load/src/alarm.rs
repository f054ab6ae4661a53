//! Waking up at a time, to some tens of microseconds. Tokio's own timer counts in milliseconds.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// A timer of the kernel (timerfd_create(2)).
pub(crate) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    /// Needs a tokio runtime with its network driver.
    #[expect(
        deprecated,
        reason = "the newer form is unsafe, and asks for what an owned descriptor is: open as long as it is held"
    )]
    pub(crate) fn new() -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self(AsyncFd::new(timer)?))
    }

    /// Waits until `time`.
    pub(crate) async fn at(&self, time: Instant) -> io::Result<()> {
        loop {
            let left = time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.set(left)?;
            // Setting it anew empties it, so it need not be read; the edge wakes us.
            self.0.readable().await?.clear_ready();
        }
    }

    fn set(&self, left: Duration) -> io::Result<()> {
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: seconds, tv_nsec: i64::from(left.subsec_nanos()) },
        };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_wakes_at_the_time_or_after_it_and_again() {
        let alarm = Alarm::new().unwrap();
        for micros in [0, 100, 5_000, 300] {
            let time = Instant::now() + Duration::from_micros(micros);
            alarm.at(time).await.unwrap();
            assert!(Instant::now() >= time);
        }
        // One that was not waited for to its end does not disturb the next.
        let far = Instant::now() + Duration::from_millis(20);
        assert!(tokio::time::timeout(Duration::from_millis(1), alarm.at(far)).await.is_err());
        alarm.at(far).await.unwrap();
        assert!(Instant::now() >= far);
    }
}
