//! The stationary bootstrap: what would have been read in another run of the same system.
//!
//! Readings that follow each other resemble each other, so they must not be drawn one by one. Politis and Romano, "The
//! stationary bootstrap", JASA 89 (1994), draw stretches: each begins anywhere, goes on round the end, and stops
//! after any reading with a chance of one in the block length.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::LEVEL;
use crate::dependence::Dependence;
use crate::whitney::student;

/// An estimate with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Draws of a stretch of readings, from a seed.
#[derive(Clone, Debug)]
pub struct Stationary {
    chance: ChaCha8Rng,
}

impl Stationary {
    /// Draws for an interval. A percentile of the draws moves by about a hundredth of the interval's width with the seed.
    pub const DRAWS: usize = 2_000;

    /// The same seed gives the same draws.
    pub fn new(seed: u64) -> Self {
        Self { chance: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The mean of one draw of as many readings as there are, in stretches of this mean length (at least 1).
    ///
    /// `sums` is what [`running`] makes of the readings.
    fn draw(&mut self, sums: &[f64], length: f64) -> f64 {
        let n = sums.len() - 1;
        let (mut left, mut sum) = (n, 0.0);
        let ends = (1.0 - 1.0 / length).ln();
        while left > 0 {
            let from = self.chance.random_range(0..n);
            // A geometric length, by the inverse of its distribution.
            let drawn = if length <= 1.0 { 1.0 } else { (1.0 - self.chance.random::<f64>()).ln() / ends };
            let take = (drawn.ceil().max(1.0) as usize).min(left);
            let (rounds, rest) = (take / n, take % n);
            sum += sums[n] * rounds as f64;
            sum += if from + rest <= n {
                sums[from + rest] - sums[from]
            } else {
                sums[n] - sums[from] + sums[from + rest - n]
            };
            left -= take;
        }
        sum / n as f64
    }

    /// The mean of the readings with its interval; `None` of fewer than two.
    ///
    /// The interval is that of the draws around their mean, made wider in two ways, for the plain one is too narrow where
    /// readings resemble their neighbours: their spread is at least that of as many independent readings as the
    /// stretch is worth ([`crate::Dependence`]), and Student's factor is that of as many degrees of freedom.
    pub fn mean(&mut self, series: &[f64]) -> Option<Interval> {
        let drawn = self.errors(series)?;
        Some(interval(mean(series)?, drawn.errors, drawn.worth))
    }

    /// How much greater the mean of `then` is than that of `before`, with its interval as that of [`Self::mean`].
    pub fn difference(&mut self, before: &[f64], then: &[f64]) -> Option<Interval> {
        let (one, other) = (self.errors(before)?, self.errors(then)?);
        let errors = one.errors.iter().zip(&other.errors).map(|(one, other)| other - one).collect();
        Some(interval(mean(then)? - mean(before)?, errors, one.worth + other.worth - 1.0))
    }

    /// How far the means of draws are from the mean of the readings; `None` of fewer than two readings.
    fn errors(&mut self, series: &[f64]) -> Option<Drawn> {
        let middle = mean(series)?;
        if series.len() < 2 {
            return None;
        }
        let length = block_length(series);
        let worth = Dependence::of(series).effective;
        let drawn = inflation(series, length).unwrap_or(1.0);
        let wider = (series.len() as f64 / worth / drawn).max(1.0).sqrt();
        // Around the mean, so that no place is lost where it is far from zero.
        let centred: Vec<f64> = series.iter().map(|value| (value - middle) * wider).collect();
        let sums = running(&centred);
        let errors = (0..Self::DRAWS).map(|_| self.draw(&sums, length)).collect();
        Some(Drawn { errors, worth: worth.max(2.0) })
    }
}

struct Drawn {
    errors: Vec<f64>,
    /// Independent readings.
    worth: f64,
}

fn interval(estimate: f64, mut errors: Vec<f64>, worth: f64) -> Interval {
    errors.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| errors[((share * errors.len() as f64) as usize).min(errors.len() - 1)];
    let wider = student(worth - 1.0) / student(f64::INFINITY);
    let (low, high) = (at(LEVEL / 2.0) * wider, at(1.0 - LEVEL / 2.0) * wider);
    Interval { estimate, low: estimate - high, high: estimate - low }
}

/// Sums of the first 0, 1, 2, ... readings.
fn running(series: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    std::iter::once(0.0)
        .chain(series.iter().map(|value| {
            sum += value;
            sum
        }))
        .collect()
}

/// Around the first reading, so that equal ones have exactly their own mean.
fn mean(series: &[f64]) -> Option<f64> {
    let first = *series.first()?;
    Some(first + series.iter().map(|value| value - first).sum::<f64>() / series.len() as f64)
}

/// Autocovariances at the lags 0 to `most`, divided by n each.
pub(crate) fn autocovariances(series: &[f64], most: usize) -> Vec<f64> {
    let n = series.len();
    let Some(mean) = mean(series) else { return vec![0.0; most + 1] };
    let centred: Vec<f64> = series.iter().map(|value| value - mean).collect();
    let product = |lag: usize| {
        // Eight sums at once: one alone waits for itself.
        let (left, right) = (&centred[..n - lag], &centred[lag..]);
        let mut sums = [0.0_f64; 8];
        let (left_eights, right_eights) = (left.chunks_exact(8), right.chunks_exact(8));
        let rest: f64 =
            left_eights.remainder().iter().zip(right_eights.remainder()).map(|(a, b)| a * b).sum();
        for (a, b) in left_eights.zip(right_eights) {
            for at in 0..8 {
                sums[at] += a[at] * b[at];
            }
        }
        sums.iter().sum::<f64>() + rest
    };
    (0..=most).map(|lag| if lag < n { product(lag) / n as f64 } else { 0.0 }).collect()
}

/// The mean block length (at least 1) with which the variance of a mean is estimated best.
///
/// Politis and White, "Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23 (2004), as
/// corrected by Patton, Politis and White, Econometric Reviews 28 (2009), for the stationary bootstrap:
/// `(2 g^2 / d)^(1/3) n^(1/3)`, at most `ceil(min(3 sqrt(n), n / 3))`. The lag from which on the autocorrelation counts as
/// none is found as the package `arch` for Python does.
pub(crate) fn block_length(series: &[f64]) -> f64 {
    let n = series.len();
    let size = n as f64;
    let longest = (3.0 * size.sqrt()).min(size / 3.0).ceil().max(1.0);
    let run = 5.max(size.log10().floor() as usize);
    let most = (size.sqrt().ceil() as usize + run).min(n.saturating_sub(1));
    let covariances = autocovariances(series, most);
    if n < 3 || covariances[0] <= 0.0 {
        return 1.0;
    }
    let negligible = 2.0 * (size.log10() / size).sqrt();
    let is_negligible = |lag: &f64| (lag / covariances[0]).abs() < negligible;
    let first = covariances.windows(run).position(|lags| lags.iter().all(is_negligible));
    let window = first.map_or(most, |lag| (2 * lag.max(1)).min(most)).max(1);
    let (mut slope, mut variance) = (0.0, covariances[0]);
    for (lag, covariance) in covariances.iter().enumerate().take(window + 1).skip(1) {
        // The flat-top window of Politis and Romano (1995).
        let weight = (2.0 * (1.0 - lag as f64 / window as f64)).min(1.0);
        slope += 2.0 * weight * lag as f64 * covariance;
        variance += 2.0 * weight * covariance;
    }
    let square = 2.0 * variance * variance;
    if square <= 0.0 {
        return longest;
    }
    (2.0 * slope * slope / square * size).cbrt().clamp(1.0, longest)
}

/// How many times the variance of the mean of a stationary bootstrap's draw is that of independent draws.
///
/// In closed form, so that nothing is drawn: Politis and Romano (1994), lemma 1. `None` for readings without variance.
pub(crate) fn inflation(series: &[f64], length: f64) -> Option<f64> {
    let n = series.len();
    let stay = 1.0 - 1.0 / length.max(1.0);
    // Weights below a ten-thousandth are left out; beyond it, round the end, they grow again only for short stretches.
    let reach = if stay <= 0.0 { 0.0 } else { (1e-4_f64.ln() / stay.ln()).ceil() };
    let most = (reach as usize).min(n.saturating_sub(1));
    let covariances = autocovariances(series, most);
    if covariances[0] <= 0.0 {
        return None;
    }
    let mut sum = covariances[0];
    for (lag, covariance) in covariances.iter().enumerate().skip(1) {
        let share = lag as f64 / n as f64;
        let weight = (1.0 - share) * stay.powf(lag as f64) + share * stay.powf((n - lag) as f64);
        sum += 2.0 * weight * covariance;
    }
    Some(sum / covariances[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AR(1) with noise of a linear congruential generator, as in the Python of the next test.
    fn correlated(n: usize) -> Vec<f64> {
        let mut state = 12_345_u64;
        let mut value = 0.0;
        let next = |_| {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            value = 0.7 * value + state as f64 / f64::from(1_u32 << 31) - 0.5;
            value
        };
        (0..n).map(next).collect()
    }

    // arch 7 for Python: optimal_block_length(x) gives 8.497957 for 200 such readings and 4.826239 for the first 40.
    #[test]
    fn the_block_length_is_that_of_arch() {
        for (n, known) in [(200, 8.497_957), (40, 4.826_239)] {
            let found = block_length(&correlated(n));
            assert!((found - known).abs() < 1e-5, "{found} {known}");
        }
    }

    #[test]
    fn the_closed_form_is_what_drawing_gives() {
        let series = correlated(300);
        for length in [1.0, 3.0, 12.5] {
            let known = inflation(&series, length).unwrap();
            let sums = running(&series);
            let mut bootstrap = Stationary::new(11);
            let draws: Vec<f64> = (0..40_000).map(|_| bootstrap.draw(&sums, length)).collect();
            let middle = mean(&draws).unwrap();
            let variance = draws.iter().map(|draw| (draw - middle).powi(2)).sum::<f64>() / draws.len() as f64;
            let found = variance * 300.0 / autocovariances(&series, 0)[0];
            // The standard error of a variance of 40,000 draws is 0.7 %.
            assert!((found / known - 1.0).abs() < 0.03, "{length}: {found} {known}");
        }
    }

    // With 400 stretches of 200 readings the share that covers the truth has a standard error of 1.1 points.
    #[test]
    fn the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says() {
        let all = correlated(400 * 250);
        let truth = mean(&all).unwrap();
        let mut covered = 0;
        for (at, stretch) in all.chunks(250).enumerate() {
            let found = Stationary::new(at as u64).mean(&stretch[..200]).unwrap();
            covered += u32::from(found.low <= truth && truth <= found.high);
        }
        let share = f64::from(covered) / 400.0;
        assert!((0.91..=0.99).contains(&share), "{share}");
    }

    #[test]
    fn no_readings_and_equal_ones_are_no_trouble() {
        assert_eq!(Stationary::new(1).mean(&[]), None);
        assert_eq!(Stationary::new(1).mean(&[3.0]), None);
        let found = Stationary::new(1).mean(&[3.0; 50]).unwrap();
        assert!((found.low - 3.0).abs() < 1e-12 && (found.high - 3.0).abs() < 1e-12);
        assert!((block_length(&[]) - 1.0).abs() < 1e-12);
        assert_eq!(inflation(&[2.0; 9], 3.0), None);
    }
}
