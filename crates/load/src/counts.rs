//! What is counted, and what is handed out.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::Latencies;

/// A request that starts later than this after it was due is counted as late.
pub(crate) const LATE: Duration = Duration::from_millis(10);

/// Why a request did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Nobody listens at the address.
    Refused,
    /// No connection for another reason: no route, no name, no free port or descriptor.
    Connect,
    /// No whole answer in time.
    Timeout,
    /// The connection ended before the whole answer was there.
    Cut,
    /// The answer was not HTTP.
    Protocol,
    /// A whole answer with a status other than 2xx.
    Status(u16),
    /// Not sent: as many requests as allowed were waiting for their answers.
    Ceiling,
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => to.write_str("connection refused"),
            Self::Connect => to.write_str("no connection"),
            Self::Timeout => to.write_str("timeout"),
            Self::Cut => to.write_str("connection cut"),
            Self::Protocol => to.write_str("not HTTP"),
            Self::Status(status) => write!(to, "status {status}"),
            Self::Ceiling => to.write_str("too many in flight"),
        }
    }
}

/// Counts over a span of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) ok: u64,
    pub(crate) late: u64,
    pub(crate) failures: BTreeMap<Failure, u64>,
    pub(crate) latencies: Latencies,
}

impl Counts {
    /// A request starts, `behind` the time at which it was due.
    pub(crate) fn sent(&mut self, behind: Duration) {
        self.sent += 1;
        self.late += u64::from(behind > LATE);
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
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.latencies.merge(&other.latencies);
    }
}

/// What happened since the last sample.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The time since the last sample, or since the start.
    pub over: Duration,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that ended with a whole 2xx answer: acknowledged.
    pub ok: u64,
    /// Requests that ended otherwise, or were not sent.
    pub failures: BTreeMap<Failure, u64>,
    /// Requests without an answer at this moment.
    pub in_flight: usize,
    /// Requests that were sent more than 10 ms after they were due: this process or its machine is too slow.
    pub late: u64,
    /// Latencies of the requests that succeeded or timed out, from the moment at which they were due.
    pub latency: Latencies,
}

impl Sample {
    /// Failures among the requests that ended or were not sent, 0 to 1; none when there was neither.
    pub fn error_rate(&self) -> Option<f64> {
        error_rate(self.ok, &self.failures)
    }
}

/// What happened from the start to the end.
#[derive(Debug, Clone)]
pub struct Totals {
    /// The time from the start to the end of the last request.
    pub over: Duration,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that ended with a whole 2xx answer: acknowledged.
    pub ok: u64,
    /// Requests that ended otherwise, or were not sent.
    pub failures: BTreeMap<Failure, u64>,
    /// Requests that were sent more than 10 ms after they were due.
    pub late: u64,
    /// Latencies of the requests that succeeded or timed out, from the moment at which they were due.
    pub latency: Latencies,
}

impl Totals {
    /// Failures among all requests, 0 to 1; none when none was due.
    pub fn error_rate(&self) -> Option<f64> {
        error_rate(self.ok, &self.failures)
    }
}

fn error_rate(ok: u64, failures: &BTreeMap<Failure, u64>) -> Option<f64> {
    let failed: u64 = failures.values().sum();
    let all = ok + failed;
    (all > 0).then(|| failed as f64 / all as f64)
}
