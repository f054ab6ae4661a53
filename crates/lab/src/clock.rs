//! The time that processes share.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970, by the machine's clock.
///
/// Leases are compared between processes and outlive them, so this is the wall clock. When it jumps, leases end
/// early or late; the attempt number, not the time, decides whose completion counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// This moment.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(whole(since))
    }

    /// The moment `span` later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(whole(span)))
    }

    /// The moment `span` earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(whole(span)))
    }

    /// Seconds from `earlier` to this moment; 0 when the clock went back.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0).max(0) as f64 / 1000.0
    }
}

fn whole(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
