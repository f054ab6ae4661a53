//! Waking at an exact time. tokio's timers round to a millisecond (1.3 to 1.8 ms late, measured); these lean on one
//! timerfd(2) a thread, which the kernel fires from its high-resolution clock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::watched::Watched;

thread_local! {
    static CLOCK: RefCell<Clock> = const { RefCell::new(Clock { timer: None, armed: None, next: 0, alarms: BTreeMap::new() }) };
}

/// The alarms of one thread.
struct Clock {
    timer: Option<OwnedFd>,
    /// When the timer fires.
    armed: Option<Instant>,
    /// Tells alarms of the same instant apart.
    next: u64,
    alarms: BTreeMap<(Instant, u64), Waker>,
}

/// Wakes one task of this thread.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<(Instant, u64)>);

impl Alarm {
    /// Wakes at this time, and no longer at the one that was set before. `None`: not at all.
    pub(crate) fn set(&mut self, at: Option<Instant>, waker: &Waker) {
        if self.0.map(|(set, _)| set) == at {
            return;
        }
        CLOCK.with_borrow_mut(|clock| {
            if let Some(key) = self.0.take() {
                clock.alarms.remove(&key);
            }
            let Some(at) = at else { return };
            clock.next += 1;
            let key = (at, clock.next);
            clock.alarms.insert(key, waker.clone());
            self.0 = Some(key);
            if clock.armed.is_none_or(|armed| at < armed) {
                clock.arm(at);
            }
        });
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(key) = self.0.take() {
            // The thread may be ending, with its clock gone before its tasks.
            let _ = CLOCK.try_with(|clock| {
                if let Ok(mut clock) = clock.try_borrow_mut() {
                    clock.alarms.remove(&key);
                }
            });
        }
    }
}

/// Lets something go on for so long at the most. `None`: it has not ended by then.
///
/// Costs no system call while an earlier alarm of the thread is set. tokio's `timeout` wakes the thread's own epoll for
/// each one that is made while no other is pending: once a connection, where it limits the dial.
pub(crate) async fn within<R>(limit: Duration, work: impl Future<Output = R>) -> Option<R> {
    let (mut work, mut alarm) = (pin!(work), Alarm::default());
    // One that no clock reaches is none.
    let end = now().checked_add(limit);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        if end.is_some_and(|end| now() >= end) {
            return Poll::Ready(None);
        }
        alarm.set(end, context.waker());
        Poll::Pending
    })
    .await
}

impl Clock {
    fn arm(&mut self, at: Instant) {
        let Some(timer) = &self.timer else { return };
        // A value of zero would disarm it.
        let left = at.saturating_duration_since(now()).max(Duration::from_nanos(1));
        let value = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let spec = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        if timerfd_settime(timer, TimerfdTimerFlags::empty(), &spec).is_ok() {
            self.armed = Some(at);
        }
    }

    /// Takes out what is due.
    fn due(&mut self) -> Vec<Waker> {
        let now = now();
        let later = self.alarms.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut self.alarms, later);
        self.armed = None;
        if let Some((at, _)) = self.alarms.first_key_value().map(|(key, _)| *key) {
            self.arm(at);
        }
        due.into_values().collect()
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Makes this thread's timer; the future rings its alarms and never ends.
///
/// # Errors
/// When the kernel gives no descriptor.
pub(crate) fn run() -> io::Result<impl Future<Output = ()>> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let watched = Watched::new(timer.try_clone()?)?;
    CLOCK.with_borrow_mut(|clock| {
        clock.timer = Some(timer);
        clock.armed = None;
    });
    Ok(poll_fn(move |context| {
        loop {
            if watched.poll_readable(context).is_pending() {
                return Poll::Pending;
            }
            let mut count = [0; 8];
            let read = watched.read_with(|timer| Ok(rustix::io::read(timer, &mut count)?));
            if read.is_ok() {
                let due = CLOCK.with_borrow_mut(Clock::due);
                due.into_iter().for_each(Waker::wake);
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_ring_in_order_never_early_and_not_once_they_are_set_to_another_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ringing = run().unwrap();
            let began = now();
            let wait = |millis: u64| {
                let mut alarm = Alarm::default();
                poll_fn(move |context| {
                    let at = began + Duration::from_millis(millis);
                    if now() >= at {
                        return Poll::Ready(millis);
                    }
                    alarm.set(Some(began + Duration::from_hours(1)), context.waker());
                    alarm.set(Some(at), context.waker());
                    Poll::Pending
                })
            };
            let rung = async {
                tokio::join!(async { (wait(30).await, now()) }, async { (wait(10).await, now()) }, async {
                    (wait(0).await, now())
                })
            };
            let (late, early, _) = tokio::select! {
                () = ringing => unreachable!("it never ends"),
                rung = rung => rung,
            };
            assert!(early.1 < late.1);
            assert!(early.1 >= began + Duration::from_millis(10));
            assert!(late.1 >= began + Duration::from_millis(30));
        });
        CLOCK.with_borrow(|clock| assert!(clock.alarms.is_empty(), "what rang or was set anew is forgotten"));
    }
}
