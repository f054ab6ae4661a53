//! Metrics of a relay.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::Millis;

/// What a relay counts.
pub(crate) struct RelayMetrics {
    registry: Arc<Registry>,
    delivered: Counter,
    failed: Counter,
    refused: Counter,
    behind: Gauge<f64, AtomicU64>,
}

impl RelayMetrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("lab_relay");
        let (delivered, failed, refused) = (Counter::default(), Counter::default(), Counter::default());
        let behind = Gauge::default();
        registry.register("delivered", "Reports that the outside service took", delivered.clone());
        registry.register("failed", "Tries that failed and are repeated", failed.clone());
        registry.register("refused", "Reports that the outside service refused for good", refused.clone());
        registry.register("behind_seconds", "Age of the oldest report that is not delivered", behind.clone());
        Self { registry: Arc::new(registry), delivered, failed, refused, behind }
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    pub(crate) fn delivered(&self) {
        self.delivered.inc();
    }

    pub(crate) fn failed(&self) {
        self.failed.inc();
    }

    pub(crate) fn refused(&self) {
        self.refused.inc();
    }

    /// The oldest report that waits is from this moment; none waits otherwise.
    pub(crate) fn waiting(&self, since: Option<Millis>) {
        self.behind.set(since.map_or(0.0, |since| Millis::now().seconds_since(since)));
    }
}
