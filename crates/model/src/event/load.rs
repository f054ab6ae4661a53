//! What the load of a run did.

use serde::{Deserialize, Serialize};

use crate::latency::LatencyText;
use crate::unit::Span;

/// What the load did in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LoadSample {
    /// Length of the stretch.
    pub over: Span,
    /// Requests that the pattern asked for.
    pub due: u64,
    /// Requests started.
    pub sent: u64,
    /// Requests answered with success.
    pub ok: u64,
    /// Requests failed, by kind; those that were not sent for lack of room (`too many in flight`) are among them.
    pub failed: std::collections::BTreeMap<String, u64>,
    /// Requests started more than 10 ms after they were due: the load itself was slow.
    pub late: u64,
    /// Requests sent again after a failure; each is one request among those sent.
    pub retried: u64,
    /// Requests under way at the end of it.
    pub in_flight: u64,
    /// Latency in seconds, counted from the time that a request was due; `None` without any finished request.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Latencies of the requests that succeeded or timed out, for true quantiles of any span of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyText>,
}
