//! Metrics of a worker.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{OfKind, OfKindAnd, spans};
use crate::Settled;

/// What a worker counts.
pub(crate) struct WorkerMetrics {
    registry: Arc<Registry>,
    attempts: Family<OfKindAnd, Counter>,
    took: Family<OfKind, Histogram, fn() -> Histogram>,
    busy: Gauge,
    slots: Gauge,
    queue_errors: Counter,
}

impl WorkerMetrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("lab_worker");
        let attempts = Family::default();
        let histogram: fn() -> Histogram = || Histogram::new(spans());
        let took = Family::new_with_constructor(histogram);
        let (busy, slots, queue_errors) = (Gauge::default(), Gauge::default(), Counter::default());
        registry.register("attempts", "Ended attempts by what became of them", Clone::clone(&attempts));
        registry.register("work_seconds", "Time that the work of an attempt took", Clone::clone(&took));
        registry.register("busy", "Tasks in hand", busy.clone());
        registry.register("slots", "Tasks that may be in hand at the same time", slots.clone());
        registry.register("queue_errors", "Questions that the queue did not answer", queue_errors.clone());
        Self { registry: Arc::new(registry), attempts, took, busy, slots, queue_errors }
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    pub(crate) fn settled(&self, kind: &str, settled: Settled) {
        let state = match settled {
            Settled::Done => "done",
            Settled::Again => "failed",
            Settled::Dead => "dead",
            Settled::Released => "released",
            Settled::Known => "known",
            Settled::Duplicate => "duplicate",
            Settled::Fenced => "fenced",
        };
        self.attempts.get_or_create(&OfKindAnd { kind: kind.to_owned(), state }).inc();
    }

    pub(crate) fn worked(&self, kind: &str, took: Duration) {
        self.took.get_or_create(&OfKind { kind: kind.to_owned() }).observe(took.as_secs_f64());
    }

    pub(crate) fn in_hand(&self, busy: usize, slots: usize) {
        self.busy.set(i64::try_from(busy).unwrap_or(i64::MAX));
        self.slots.set(i64::try_from(slots).unwrap_or(i64::MAX));
    }

    pub(crate) fn queue_failed(&self) {
        self.queue_errors.inc();
    }
}
