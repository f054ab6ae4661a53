//! A share with its interval.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::LEVEL;

/// How many of how many, as a share with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Proportion {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The share, 0 to 1.
    pub share: f64,
    /// Lower end of its interval, 0 to 1.
    pub low: f64,
    /// Upper end of its interval, 0 to 1.
    pub high: f64,
}

impl Proportion {
    /// The share of `count` in `of`; `None` of nothing, or of less than was counted.
    ///
    /// The interval is the score interval of Wilson, "Probable inference, the law of succession, and statistical
    /// inference", JASA 22 (1927), without correction for continuity. It stays between 0 and 1 and says something also
    /// where nothing or everything was counted. It takes the trials for independent.
    pub fn of(count: u64, of: u64) -> Option<Self> {
        if of == 0 || count > of {
            return None;
        }
        let (n, share) = (of as f64, count as f64 / of as f64);
        let z = Normal::standard().inverse_cdf(1.0 - LEVEL / 2.0);
        let z2 = z * z;
        let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        let low = if count == 0 { 0.0 } else { (middle - half).clamp(0.0, share) };
        let high = if count == of { 1.0 } else { (middle + half).clamp(share, 1.0) };
        Some(Self { count, of, share, low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SciPy 1.17: binomtest(k, n).proportion_ci(method='wilson'); the last is Newcombe (1998), table I: 0.2553 to 0.3662.
    #[test]
    fn intervals_are_those_of_scipy_and_of_newcombe() {
        let known = [
            (0, 10, 0.0, 0.277_532_799_862_889_26),
            (5, 10, 0.236_593_090_512_564, 0.763_406_909_487_436_1),
            (10, 10, 0.722_467_200_137_110_9, 1.0),
            (3, 100, 0.010_254_524_024_038_925, 0.084_519_364_290_527_62),
            (81, 263, 0.255_288_519_878_274_2, 0.366_209_576_982_800_04),
        ];
        for (count, of, low, high) in known {
            let found = Proportion::of(count, of).unwrap();
            assert!((found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9, "{found:?}");
        }
        assert_eq!(Proportion::of(0, 0), None);
        assert_eq!(Proportion::of(2, 1), None);
    }

    #[test]
    fn an_interval_of_many_is_narrow() {
        let found = Proportion::of(u64::MAX / 2, u64::MAX).unwrap();
        assert!(found.low <= found.share && found.share <= found.high && found.high - found.low < 1e-9);
    }
}
