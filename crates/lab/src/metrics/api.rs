//! Metrics of the API.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::spans;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

/// What the API counts.
pub(crate) struct ApiMetrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    took: Family<Route, Histogram, fn() -> Histogram>,
    limited: Counter,
    logins: Family<Ended, Counter>,
    followers: Gauge,
}

impl ApiMetrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("lab_api");
        let requests = Family::default();
        let histogram: fn() -> Histogram = || Histogram::new(spans());
        let took = Family::new_with_constructor(histogram);
        let (limited, logins, followers) = (Counter::default(), Family::default(), Gauge::default());
        registry.register("requests", "Answered requests", Clone::clone(&requests));
        registry.register("request_seconds", "Time to an answer", Clone::clone(&took));
        registry.register("rate_limited", "Requests that were refused for their rate", limited.clone());
        registry.register("logins", "Logins by how they ended", Clone::clone(&logins));
        registry.register("followers", "Clients that follow the events", followers.clone());
        Self { registry, requests, took, limited, logins, followers }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// An answer. The route is the pattern, not the path, so that strangers cannot make names.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.took.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Request { method, route, status }).inc();
    }

    pub(crate) fn limited(&self) {
        self.limited.inc();
    }

    pub(crate) fn logged_in(&self) {
        self.logins.get_or_create(&Ended { outcome: "accepted" }).inc();
    }

    pub(crate) fn login_refused(&self) {
        self.logins.get_or_create(&Ended { outcome: "refused" }).inc();
    }

    /// A client that follows the events, until it is dropped.
    pub(crate) fn follower(&self) -> Follower {
        self.followers.inc();
        Follower(self.followers.clone())
    }

    pub(crate) fn followers(&self) -> i64 {
        self.followers.get()
    }
}

/// Counts one follower.
pub(crate) struct Follower(Gauge);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.dec();
    }
}
