//! A distribution of latencies.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

/// Longest latency that is told apart; longer ones count as this.
const LONGEST: Duration = Duration::from_hours(1);

/// Latencies to three significant digits, from 1 microsecond to an hour. Distributions of several loads or spans
/// can be merged without loss.
#[derive(Clone)]
pub struct Latencies {
    micros: Histogram<u64>,
}

impl Default for Latencies {
    fn default() -> Self {
        let longest = u64::try_from(LONGEST.as_micros()).expect("an hour of microseconds is a u64");
        Self { micros: Histogram::new_with_bounds(1, longest, 3).expect("the bounds are those of the type") }
    }
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        self.micros.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.micros.add(&other.micros).expect("both have the bounds of the type");
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.micros.len()
    }

    /// The latency that the share `quantile` (0 to 1) did not exceed; none without latencies.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        (self.count() > 0)
            .then(|| Duration::from_micros(self.micros.value_at_quantile(quantile).min(self.micros.max())))
    }

    /// As bytes: an HdrHistogram of microseconds in the format V2, deflated.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.micros, &mut bytes)
            .expect("a distribution with the bounds of the type can be written to memory");
        bytes
    }

    /// The longest; none without latencies.
    pub fn max(&self) -> Option<Duration> {
        self.quantile(1.0)
    }
}

impl fmt::Debug for Latencies {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|q| self.quantile(q).unwrap_or_default());
        write!(to, "{} latencies, p50 {p50:?}, p95 {p95:?}, p99 {p99:?}, max {max:?}", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thousandth_and_merging_loses_nothing() {
        let mut even = Latencies::default();
        let mut odd = Latencies::default();
        for n in 1..=1000u64 {
            let half = if n % 2 == 0 { &mut even } else { &mut odd };
            half.record(Duration::from_millis(n));
        }
        even.merge(&odd);
        assert_eq!(even.count(), 1000);
        for (quantile, millis) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = even.quantile(quantile).unwrap().as_secs_f64() * 1000.0;
            assert!((found - millis).abs() <= millis / 1000.0, "{quantile}: {found}");
        }
    }

    #[test]
    fn nothing_has_no_quantile_and_the_extremes_are_kept() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.max(), None);
        latencies.record(Duration::ZERO);
        latencies.record(Duration::MAX);
        assert_eq!(latencies.count(), 2);
        assert!(latencies.max().unwrap() >= Duration::from_mins(59));
    }
}
