//! Metrics of the queue, read from its store at each scrape: they are right whichever processes live.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{OfKind, OfKindAnd};
use crate::breaker::BreakerView;
use crate::{BreakerState, Millis, Queue, QueueError, Scope, Stats};

/// The states of tasks among the kept counts.
const STATES: [&str; 5] = ["queued", "running", "done", "dead", "purged"];

/// The queue's figures by type of task.
pub(crate) struct QueueFigures {
    counts: BTreeMap<(String, String), u64>,
    oldest: BTreeMap<String, f64>,
    all: Stats,
}

impl QueueFigures {
    /// Reads them.
    pub(crate) fn read(
        queue: &mut dyn Queue,
        stuck_after: Duration,
        now: Millis,
    ) -> Result<Self, QueueError> {
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for count in queue.counts()? {
            *counts.entry((count.kind, count.name)).or_default() += count.n;
        }
        let waiting: BTreeSet<&String> = counts
            .iter()
            .filter(|((_, name), n)| name == "queued" && **n > 0)
            .map(|((kind, _), _)| kind)
            .collect();
        let mut oldest = BTreeMap::new();
        for kind in waiting {
            let scope = Scope { tag: None, kind: Some(kind.clone()) };
            if let Some(age) = queue.stats(&scope, stuck_after, now)?.oldest_queued_s {
                oldest.insert(kind.clone(), age);
            }
        }
        let all = queue.stats(&Scope::default(), stuck_after, now)?;
        Ok(Self { counts, oldest, all })
    }

    /// The metrics of these figures, or of a queue that did not answer, and of the breakers where there are some.
    pub(crate) fn registry(figures: Option<&Self>, breakers: &[BreakerView]) -> Registry {
        let mut registry = Registry::with_prefix("lab");
        let up: Gauge = Gauge::default();
        up.set(i64::from(figures.is_some()));
        registry.register("queue_up", "Whether the queue answered", up);
        if let Some(figures) = figures {
            figures.fill(&mut registry);
        }
        fill_breakers(&mut registry, breakers);
        registry
    }

    fn fill(&self, registry: &mut Registry) {
        let tasks: Family<OfKindAnd, Gauge> = Family::default();
        let kept: [(&str, &str, Family<OfKind, Counter>); 4] = [
            ("retries", "Attempts after a first one", Family::default()),
            ("late", "Tasks that ended after their deadline", Family::default()),
            ("duplicates", "Completions that were refused because the task was done", Family::default()),
            ("fenced", "Ends that were refused because another attempt had the task", Family::default()),
        ];
        for ((kind, name), n) in &self.counts {
            let of_kind = OfKind { kind: kind.clone() };
            if let Some(state) = STATES.into_iter().find(|state| state == name) {
                let n = i64::try_from(*n).unwrap_or(i64::MAX);
                tasks.get_or_create(&OfKindAnd { kind: kind.clone(), state }).set(n);
            } else if let Some((_, _, family)) = kept.iter().find(|(known, _, _)| known == name) {
                family.get_or_create(&of_kind).inc_by(*n);
            }
        }
        registry.register("tasks", "Tasks by state", tasks);
        for (name, help, family) in kept {
            registry.register(format!("tasks_{name}"), help, family);
        }
        let oldest: Family<OfKind, Gauge<f64, std::sync::atomic::AtomicU64>> = Family::default();
        for (kind, age) in &self.oldest {
            oldest.get_or_create(&OfKind { kind: kind.clone() }).set(*age);
        }
        registry.register("queue_oldest_seconds", "Age of the oldest queued task", oldest);
        let (depth, stuck, dead): (Gauge, Gauge, Gauge) = Default::default();
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        depth.set(whole(self.all.depth));
        stuck.set(whole(self.all.stuck));
        dead.set(whole(self.all.dead));
        registry.register("queue_depth", "Tasks that are queued or running", depth);
        registry.register("queue_stuck", "Tasks whose lease ended and that nobody took over", stuck);
        registry.register("queue_dead_letters", "Tasks in the dead-letter queue", dead);
    }
}

fn fill_breakers(registry: &mut Registry, breakers: &[BreakerView]) {
    let state: Family<OfKindAnd, Gauge> = Family::default();
    let opened: Family<OfKind, Counter> = Family::default();
    for breaker in breakers {
        for known in [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen] {
            let labels = OfKindAnd { kind: breaker.kind.clone(), state: known.name() };
            state.get_or_create(&labels).set(i64::from(known == breaker.state));
        }
        opened.get_or_create(&OfKind { kind: breaker.kind.clone() }).inc_by(breaker.opened);
    }
    registry.register("breaker_state", "1 for the state that the breaker of a type is in", state);
    registry.register("breaker_opened", "How often the breaker of a type has opened", opened);
}
