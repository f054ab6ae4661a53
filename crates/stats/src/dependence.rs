//! How much readings that follow each other resemble each other, and how many independent ones they are worth.

use serde::Serialize;

use crate::bootstrap::{autocovariances, block_length, inflation};

/// More readings than this are looked at in means of consecutive ones.
const MOST: usize = 8_192;

/// A correlation nearer to 1 than this cannot be told from one that never ends.
const GREATEST: f64 = 0.99;

/// How much the readings of a stretch resemble their neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dependence {
    /// Correlation of neighbours (of their ranks, in a comparison), -1 to 1, corrected for its bias; 0 where all readings are equal.
    pub lag1: f64,
    /// Mean length of the stretches in which the bootstrap draws, in readings.
    pub block: f64,
    /// How many independent readings the stretch is worth, at most as many as it has.
    pub effective: f64,
}

impl Dependence {
    /// Of a stretch in the order of time; where outliers must not count, of its mid-ranks.
    ///
    /// The variance of a mean of n readings is that of `effective` independent ones. It is estimated in two ways, and the more
    /// cautious counts: by the correlation of neighbours as in an AR(1) process, `(1 + r) / (1 - r)` (Bayley and
    /// Hammersley, "The effective number of independent observations in an autocorrelated time series", 1946), and by the
    /// stationary bootstrap. The first alone misses longer memories, the second alone is too low in short stretches.
    pub(crate) fn of(series: &[f64]) -> Self {
        let n = series.len() as f64;
        let covariances = autocovariances(series, 1);
        if covariances[0] <= 0.0 {
            return Self { lag1: 0.0, block: 1.0, effective: n };
        }
        let lag1 = unbiased(covariances[1] / covariances[0], n);
        let (block, drawn) = bootstrapped(series, covariances[0]);
        let factor = times(lag1).max(drawn).max(1.0);
        Self { lag1, block, effective: (n / factor).max(1.0) }
    }

    /// Both stretches with what is known of them together: the same system has about the same memory, and two stretches
    /// say more of it than one. The more cautious of a stretch's own value and the common one counts.
    pub(crate) fn shared(one: Self, n: f64, other: Self, m: f64) -> (Self, Self) {
        let common = times((one.lag1 * n + other.lag1 * m) / (n + m));
        let cautious = |own: Self, n: f64| Self { effective: own.effective.min(n / common).max(1.0), ..own };
        (cautious(one, n), cautious(other, m))
    }
}

/// The correlation of neighbours in a short stretch is estimated too low; Kendall, "Note on bias in the estimation
/// of autocorrelation", Biometrika 41 (1954): by `(1 + 3 r) / n`.
fn unbiased(lag1: f64, n: f64) -> f64 {
    (lag1 + (1.0 + 3.0 * lag1) / n).clamp(-GREATEST, GREATEST)
}

/// How many times the variance of the mean of an AR(1) process is that of independent readings; at least 1.
fn times(lag1: f64) -> f64 {
    ((1.0 + lag1) / (1.0 - lag1)).max(1.0)
}

/// The block length in readings, and how many times the variance is that of independent draws.
fn bootstrapped(series: &[f64], variance: f64) -> (f64, f64) {
    let size = series.len().div_ceil(MOST).max(1);
    if size == 1 {
        let block = block_length(series);
        return (block, inflation(series, block).unwrap_or(1.0));
    }
    // Batch means (Law and Carson 1979): the readings at the end that fill no batch are left out.
    let means: Vec<f64> =
        series.chunks_exact(size).map(|batch| batch.iter().sum::<f64>() / size as f64).collect();
    let block = block_length(&means);
    let among = inflation(&means, block).unwrap_or(0.0);
    let within = autocovariances(&means, 0)[0] * size as f64 / variance;
    (block * size as f64, among * within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::ranked;

    fn noise(n: usize, correlation: f64) -> Vec<f64> {
        let (mut state, mut value) = (7_u64, 0.0);
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            value = correlation * value + (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
            value
        };
        (0..n).map(next).collect()
    }

    fn of(series: &[f64]) -> Dependence {
        Dependence::of(&ranked(series).1)
    }

    #[test]
    fn independent_readings_count_nearly_all() {
        for n in [50, 2_000, 100_000] {
            let found = of(&noise(n, 0.0));
            assert!(found.effective > 0.75 * n as f64, "{n}: {found:?}");
        }
    }

    // AR(1) with 0.8: nine readings are worth one. Ranks are a little less correlated than what they are ranks of.
    #[test]
    fn nine_correlated_readings_are_worth_one() {
        for n in [2_000, 8_000, 300_000] {
            let found = of(&noise(n, 0.8));
            let ratio = n as f64 / found.effective;
            assert!((7.0..=13.0).contains(&ratio), "{n}: {ratio} {found:?}");
        }
    }

    #[test]
    fn equal_readings_and_a_straight_line_are_no_trouble() {
        assert_eq!(of(&[4.0; 30]), Dependence { lag1: 0.0, block: 1.0, effective: 30.0 });
        let line: Vec<f64> = (0..100).map(f64::from).collect();
        assert!(of(&line).effective < 2.0);
        assert!((of(&[1.0]).effective - 1.0).abs() < 1e-12 && (of(&[]).effective - 0.0).abs() < 1e-12);
    }
}
