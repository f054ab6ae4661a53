//! A stretch of readings in a few numbers.

use serde::Serialize;

/// A stretch of readings in a few numbers, in the unit of the readings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Description {
    /// How many.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// 95th percentile, by nearest rank ([`quantile`]).
    pub p95: f64,
    /// 99th percentile, by nearest rank ([`quantile`]).
    pub p99: f64,
    /// Smallest.
    pub min: f64,
    /// Greatest.
    pub max: f64,
}

impl Description {
    /// Of sorted, finite numbers; `None` without any.
    pub fn of(sorted: &[f64]) -> Option<Self> {
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let n = sorted.len();
        // Each divided before it is added: the sum of great numbers may be infinite.
        let mean = sorted.iter().map(|value| value / n as f64).sum::<f64>();
        Some(Self {
            n: n as u64,
            mean: mean.clamp(min, max),
            median: median(sorted)?,
            p95: quantile(sorted, 0.95)?,
            p99: quantile(sorted, 0.99)?,
            min,
            max,
        })
    }
}

/// The middle of sorted numbers, or the mean of the two in the middle; `None` without any.
pub fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let is_even = sorted.len().is_multiple_of(2);
    // Halved before they are added: the sum of two great numbers may be infinite.
    Some(if is_even { sorted[sorted.len() / 2 - 1] / 2.0 + upper / 2.0 } else { upper })
}

/// The smallest of sorted numbers that at least this share (0 to 1) of them does not exceed; `None` without any.
///
/// This is the inverse of the empirical distribution, the nearest rank: type 1 of Hyndman and Fan, "Sample quantiles in
/// statistical packages", The American Statistician 50 (1996). It is always a number that was really read, which
/// the other eight definitions do not promise.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    // Shares such as 0.95 are not exact: 20 * 0.95 must be rank 19, not 20.
    let rank = (sorted.len() as f64 * share - 1e-9).ceil().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_a_table_worked_by_hand() {
        let sorted: Vec<f64> = (1..=20).map(f64::from).collect();
        let described = Description::of(&sorted).unwrap();
        assert!((described.mean - 10.5).abs() < 1e-12 && (described.median - 10.5).abs() < 1e-12);
        assert!((described.p95 - 19.0).abs() < 1e-12 && (described.p99 - 20.0).abs() < 1e-12);
        assert_eq!(Description::of(&[]), None);
        assert!((Description::of(&[7.0]).unwrap().p95 - 7.0).abs() < 1e-12);
    }

    // R 4: quantile(c(3,1,4,1,5,9,2,6,5,3), c(.5,.95,.99), type=1) gives 3 9 9.
    #[test]
    fn quantiles_are_those_of_r_with_type_1() {
        let mut sorted = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0];
        sorted.sort_unstable_by(f64::total_cmp);
        for (share, known) in [(0.5, 3.0), (0.95, 9.0), (0.99, 9.0), (0.0, 1.0), (1.0, 9.0)] {
            assert!((quantile(&sorted, share).unwrap() - known).abs() < 1e-12, "{share}");
        }
    }

    #[test]
    fn great_numbers_do_not_overflow() {
        let described = Description::of(&[f64::MAX, f64::MAX, f64::MAX, f64::MAX]).unwrap();
        assert!(described.mean.is_finite() && described.median.is_finite());
    }
}
