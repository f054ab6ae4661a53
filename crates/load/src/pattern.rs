//! When requests are due.

use std::time::Duration;

/// A rate above 0, at most a million a second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PerSecond(f64);

/// The number is no rate.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a rate: it must be above 0 and at most {MOST} per second")]
pub struct RateMistake(f64);

const MOST: f64 = 1_000_000.0;
/// One request in about 11 days.
const LEAST: f64 = 0.000_001;

impl PerSecond {
    /// This many requests a second.
    pub fn new(rate: f64) -> Result<Self, RateMistake> {
        if (LEAST..=MOST).contains(&rate) { Ok(Self(rate)) } else { Err(RateMistake(rate)) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// The shape of the load over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pattern {
    /// Evenly, for ever.
    Constant(PerSecond),
}

impl Pattern {
    /// When request `n` (from 0) is due, counted from the start of the load. Never before request `n - 1`.
    pub fn due(&self, n: u64) -> Duration {
        match self {
            // From n itself, so that no error adds up however long the load lasts.
            Self::Constant(rate) => Duration::try_from_secs_f64(n as f64 / rate.0).unwrap_or(Duration::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_constant_rate_is_even_and_does_not_drift() {
        let pattern = Pattern::Constant(PerSecond::new(20.0).unwrap());
        assert_eq!(pattern.due(0), Duration::ZERO);
        assert_eq!(pattern.due(1), Duration::from_millis(50));
        assert_eq!(pattern.due(20 * 86_400), Duration::from_hours(24));
    }

    #[test]
    fn a_rate_that_is_none_is_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e7, 1e-9] {
            assert!(PerSecond::new(rate).is_err(), "{rate}");
        }
    }

    proptest! {
        #[test]
        fn requests_are_due_in_their_order(rate in LEAST..MOST, n: u64) {
            let pattern = Pattern::Constant(PerSecond::new(rate).unwrap());
            prop_assert!(pattern.due(n) <= pattern.due(n.saturating_add(1)));
        }
    }
}
