//! What Prometheus reads: text in the OpenMetrics form, at `/metrics` of each process.
//!
//! `targets/lab-alerts.yml` has the alert rules that go with these names.

mod api;
mod page;
mod queue;
mod relay;
mod worker;

pub(crate) use api::{ApiMetrics, Follower};
pub(crate) use page::{Page, serve};
pub(crate) use queue::QueueFigures;
pub(crate) use relay::RelayMetrics;
pub(crate) use worker::WorkerMetrics;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::histogram::exponential_buckets;

/// Upper ends of the buckets for spans: 1 ms to 32 s, doubling.
fn spans() -> impl Iterator<Item = f64> {
    exponential_buckets(0.001, 2.0, 16)
}

/// A type of task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: String,
}

/// A type of task, and how something ended or stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKindAnd {
    kind: String,
    state: &'static str,
}
