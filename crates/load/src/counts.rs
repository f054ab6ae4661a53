//! What is counted, and what is handed out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Failure, Latencies};

/// A request that starts later than this after it was due is counted as late.
pub(crate) const LATE: Duration = Duration::from_millis(10);

/// Counts over a span of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) ok: u64,
    pub(crate) late: u64,
    pub(crate) retried: u64,
    pub(crate) failures: BTreeMap<Failure, u64>,
    pub(crate) latencies: Latencies,
    pub(crate) starts: Latencies,
}

impl Counts {
    /// A request starts, `behind` the time at which it was due.
    pub(crate) fn sent(&mut self, behind: Duration) {
        self.sent += 1;
        self.late += u64::from(behind > LATE);
        self.starts.record(behind);
    }

    /// A request has ended, `latency` after it was due.
    pub(crate) fn ended(&mut self, outcome: Result<(), Failure>, latency: Duration) {
        match outcome {
            Ok(()) => {
                self.ok += 1;
                self.latencies.record(latency);
            }
            Err(failure) => {
                // One that was given up took at least this long; leaving it out would make a hanging system quick.
                if failure == Failure::Timeout {
                    self.latencies.record(latency);
                }
                *self.failures.entry(failure).or_default() += 1;
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.ok += other.ok;
        self.late += other.late;
        self.retried += other.retried;
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.latencies.merge(&other.latencies);
        self.starts.merge(&other.starts);
    }

    pub(crate) fn sample(self, over: Duration, due: u64, in_flight: usize) -> Sample {
        Sample {
            over,
            due,
            sent: self.sent,
            ok: self.ok,
            failures: self.failures,
            in_flight,
            late: self.late,
            retried: self.retried,
            latency: self.latencies,
            start_error: self.starts,
        }
    }
}

/// What happened in a span of time: since the last sample, or from the start to the end. The warm-up does not count.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Its length.
    pub over: Duration,
    /// Requests that the pattern asked for.
    pub due: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that ended with a whole 2xx answer: acknowledged.
    pub ok: u64,
    /// Requests that ended otherwise, or were not sent.
    pub failures: BTreeMap<Failure, u64>,
    /// Requests without an answer at its end.
    pub in_flight: usize,
    /// Requests that were sent more than 10 ms after they were due: this process or its machine is too slow.
    pub late: u64,
    /// How often a request was sent again.
    pub retried: u64,
    /// Latencies of the requests that succeeded or timed out, from the moment at which they were due.
    pub latency: Latencies,
    /// From the moment at which requests were due to the one at which they were sent.
    pub start_error: Latencies,
}

impl Sample {
    /// Failures among the requests that ended or were not sent, 0 to 1; none when there was neither.
    pub fn error_rate(&self) -> Option<f64> {
        let failed: u64 = self.failures.values().sum();
        let all = self.ok + failed;
        (all > 0).then(|| failed as f64 / all as f64)
    }

    /// Adds what happened after it.
    pub fn merge(&mut self, later: &Self) {
        self.over += later.over;
        self.due += later.due;
        self.sent += later.sent;
        self.ok += later.ok;
        for (failure, count) in &later.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.in_flight = later.in_flight;
        self.late += later.late;
        self.retried += later.retried;
        self.latency.merge(&later.latency);
        self.start_error.merge(&later.start_error);
    }
}
