//! Requests per second.

/// A rate of requests: 0, or from 0.0001 to a million a second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PerSecond(f64);

/// The number is no rate.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a rate: it must be 0, or from {LEAST} to {MOST} per second")]
pub struct RateMistake(f64);

/// More a second one process does not send.
pub(crate) const MOST: f64 = 1_000_000.0;
/// One request in less than three hours.
pub(crate) const LEAST: f64 = 0.000_1;

impl PerSecond {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// The highest rate there is: a million a second.
    pub const MOST: Self = Self(MOST);

    /// This many requests a second.
    pub fn new(rate: f64) -> Result<Self, RateMistake> {
        if rate == 0.0 || (LEAST..=MOST).contains(&rate) {
            // Not -0.
            Ok(Self(rate.abs()))
        } else {
            Err(RateMistake(rate))
        }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Whether nothing is sent.
    pub fn is_zero(self) -> bool {
        self.0 == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_is_none_is_refused() {
        for rate in [-1.0, f64::NAN, f64::INFINITY, 1e7, 1e-9] {
            assert!(PerSecond::new(rate).is_err(), "{rate}");
        }
        assert!(PerSecond::new(0.0).unwrap().is_zero());
        assert!(PerSecond::new(-0.0).unwrap().get().is_sign_positive());
    }
}
