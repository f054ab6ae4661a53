//! Distributions of latencies: how a record keeps them, and what can be read from them.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A distribution as text: an HdrHistogram of microseconds in the format V2, deflated, in base64 (it begins with `HISTF`).
///
/// It stays text until somebody reads it, so that a long record takes little memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LatencyText(pub String);

/// The text is no distribution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a distribution of latencies: {0}")]
pub struct BadLatencies(String);

/// A distribution of latencies to three significant digits, from a microsecond to an hour. Merging loses nothing, so
/// that quantiles of any span of time are those of its requests.
#[derive(Clone, PartialEq)]
pub struct Latencies {
    micros: Histogram<u64>,
}

/// What squall records; a distribution with other bounds was not made by it.
const BOUNDS: (u64, u64, u8) = (1, 3_600_000_000, 3);
/// A full distribution takes less than this as text.
const LONGEST: usize = 256 * 1024;

impl LatencyText {
    /// The distribution.
    pub fn read(&self) -> Result<Latencies, BadLatencies> {
        if self.0.len() > LONGEST {
            return Err(BadLatencies(format!("{} characters are too many", self.0.len())));
        }
        let bytes = STANDARD.decode(&self.0).map_err(|error| BadLatencies(error.to_string()))?;
        let micros: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| BadLatencies(error.to_string()))?;
        if (micros.low(), micros.high(), micros.sigfig()) != BOUNDS {
            return Err(BadLatencies("other bounds than from 1 us to 1 h with 3 digits".to_owned()));
        }
        Ok(Latencies { micros })
    }
}

impl Default for Latencies {
    fn default() -> Self {
        let (low, high, digits) = BOUNDS;
        Self { micros: Histogram::new_with_bounds(low, high, digits).expect("the bounds are valid") }
    }
}

impl Latencies {
    /// Adds one; those of more than an hour count as an hour.
    pub fn record(&mut self, latency: Duration) {
        self.micros.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.micros.add(&other.micros).expect("all have the same bounds");
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.micros.len()
    }

    /// The latency in seconds that the share `quantile` (0 to 1) did not exceed; `None` without any.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let micros = || self.micros.value_at_quantile(quantile).min(self.micros.max());
        (self.count() > 0).then(|| micros() as f64 / 1e6)
    }

    /// The mean in seconds; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.micros.mean() / 1e6)
    }

    /// As text for a record.
    pub fn write(&self) -> LatencyText {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.micros, &mut bytes)
            .expect("a distribution with the bounds of the type can be written to memory");
        LatencyText(STANDARD.encode(bytes))
    }
}

impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| self.quantile(q).unwrap_or_default());
        write!(f, "{} latencies, p50 {p50} s, p99 {p99} s, max {max} s", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // C7: what is merged from parts, and what went through a record, is what was recorded at once.
        #[test]
        fn merging_and_writing_lose_nothing(
            parts in proptest::collection::vec(proptest::collection::vec(0_u64..10_000_000_000, 0..50), 0..6),
        ) {
            let mut whole = Latencies::default();
            let mut merged = Latencies::default();
            for part in &parts {
                let mut some = Latencies::default();
                for micros in part {
                    whole.record(Duration::from_micros(*micros));
                    some.record(Duration::from_micros(*micros));
                }
                merged.merge(&some.write().read().unwrap());
            }
            prop_assert_eq!(&merged, &whole);
            prop_assert_eq!(merged.quantile(0.99), whole.quantile(0.99));
            prop_assert_eq!(merged.count(), parts.iter().map(Vec::len).sum::<usize>() as u64);
        }

        #[test]
        fn text_that_is_no_distribution_is_refused(text in "[A-Za-z0-9+/=]{0,200}") {
            prop_assert!(LatencyText(text).read().is_err());
        }

        #[test]
        fn a_damaged_distribution_is_refused_or_read(at in 0_usize..60, to in any::<u8>()) {
            let mut some = Latencies::default();
            (1..1_000).for_each(|n| some.record(Duration::from_micros(n * n)));
            let mut text = some.write().0.into_bytes();
            let at = at % text.len();
            text[at] = to;
            let _ = LatencyText(String::from_utf8_lossy(&text).into_owned()).read();
        }
    }

    #[test]
    fn quantiles_are_within_a_thousandth() {
        let mut all = Latencies::default();
        (1..=1_000).for_each(|n| all.record(Duration::from_millis(n)));
        for (quantile, seconds) in [(0.5, 0.5), (0.99, 0.99), (1.0, 1.0)] {
            let found = all.quantile(quantile).unwrap();
            assert!((found - seconds).abs() <= seconds / 1_000.0, "{quantile}: {found}");
        }
        assert_eq!(Latencies::default().quantile(0.5), None);
        assert!(all.write().0.starts_with("HISTF"));
    }

    #[test]
    fn other_bounds_are_refused() {
        let mut bytes = Vec::new();
        let wide = Histogram::<u64>::new_with_bounds(1, u64::MAX / 2, 5).unwrap();
        V2DeflateSerializer::new().serialize(&wide, &mut bytes).unwrap();
        assert!(LatencyText(STANDARD.encode(bytes)).read().is_err());
        assert!(LatencyText("A".repeat(LONGEST + 4)).read().is_err());
    }
}
