//! What a load is made of.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::{HttpTarget, Pattern};

/// What is loaded.
#[derive(Debug, Clone)]
pub enum Target {
    /// Requests over HTTP/1.1, connections kept alive.
    Http(HttpTarget),
}

/// A load before it starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is loaded.
    pub target: Target,
    /// When requests are due.
    pub pattern: Pattern,
    /// Requests without an answer at the same time. One that is due beyond that is not sent and counts as
    /// [`Failure::Ceiling`](crate::Failure::Ceiling): the system did not keep up.
    pub max_in_flight: NonZeroUsize,
    /// A request is given up this long after it was sent.
    pub timeout: Duration,
    /// The load ends by itself when this many requests were due.
    pub max_total: Option<u64>,
}

impl Settings {
    /// At most 1000 requests in flight, 10 s for each, no end.
    pub fn new(target: Target, pattern: Pattern) -> Self {
        Self {
            target,
            pattern,
            max_in_flight: NonZeroUsize::new(1000).expect("1000 is not zero"),
            timeout: Duration::from_secs(10),
            max_total: None,
        }
    }
}
