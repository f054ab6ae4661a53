//! Processor time: threads that are busy for a share of the time.
//!
//! Each worker keeps a debt: the processor time that it should have had by now minus what it has
//! had by its own thread clock. So a share is kept exactly, also when the machine is busy.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{Held, Hold, Measured, StressError};
use crate::clock;

/// How long one turn of being busy and resting takes.
const PERIOD: Duration = Duration::from_millis(10);

/// How much a starved worker catches up; more would be a burst that nobody has asked for.
const MOST_DEBT: Duration = Duration::from_millis(200);

/// How long the effect is measured before it is called ready.
const MEASURING: Duration = Duration::from_millis(300);

/// Less than this share of what was asked is no effect: even a machine with ten times the work for
/// its cores gives more.
const LEAST_SHARE: f64 = 0.05;

struct Workers;

impl Hold for Workers {}

pub(super) fn take(percent: f64, workers: u32) -> Result<Held, StressError> {
    if !(percent > 0.0 && percent <= 100.0) {
        return Err(StressError::Order { why: "percent must be more than 0 and at most 100" });
    }
    if workers == 0 {
        return Err(StressError::Order { why: "at least one worker is needed" });
    }
    let share = percent / 100.0;
    let used = Arc::new(AtomicU64::new(0));
    for _ in 0..workers {
        let used = Arc::clone(&used);
        thread::Builder::new()
            .name("squall-cpu".into())
            .stack_size(64 * 1024)
            .spawn(move || work(share, &used))
            .map_err(|source| StressError::Take { what: "a thread", source })?;
    }
    let (begin, before) = (clock::now(), used.load(Ordering::Relaxed));
    thread::sleep(MEASURING);
    let spent = Duration::from_micros(used.load(Ordering::Relaxed) - before).as_secs_f64();
    let all = begin.elapsed().as_secs_f64() * f64::from(workers);
    let measured = spent / all * 100.0;
    if measured < percent * LEAST_SHARE {
        let (measured, wanted) = (measured as u64, percent as u64);
        return Err(StressError::NoEffect { what: "percent of processor time", measured, wanted });
    }
    Ok((Box::new(Workers), Measured::Cpu { percent: measured, workers }))
}

fn work(share: f64, used: &AtomicU64) {
    let mut begin = clock::now();
    let mut offset = thread_time();
    let mut counted = Duration::ZERO;
    // Working this far ahead takes a share of the period; the rest of it is rest.
    let lead = PERIOD.mul_f64(share * (1.0 - share));
    loop {
        let owed = begin.elapsed().mul_f64(share);
        let mut had = thread_time().saturating_sub(offset);
        if owed > had + MOST_DEBT {
            // Starved: forgive the rest, so that it is not made up for later.
            begin = clock::now();
            offset = thread_time();
            counted = Duration::ZERO;
            continue;
        }
        let turn = clock::now();
        while had < begin.elapsed().mul_f64(share) + lead && turn.elapsed() < PERIOD {
            spin();
            had = thread_time().saturating_sub(offset);
        }
        used.fetch_add(had.saturating_sub(counted).as_micros() as u64, Ordering::Relaxed);
        counted = had;
        let ahead = had.saturating_sub(begin.elapsed().mul_f64(share));
        thread::sleep(ahead.div_f64(share));
    }
}

/// Some tens of microseconds of arithmetic.
fn spin() {
    let mut value = 1_u64;
    for step in 0..10_000_u64 {
        value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step));
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}
