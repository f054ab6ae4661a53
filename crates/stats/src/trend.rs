//! Whether a number goes up or down from run to run.

use std::fmt;

use serde::Serialize;

use crate::LEVEL;
use crate::describe::median;
use crate::whitney::{p_of, student};

/// Numbers that are needed at least: with four, no order is significant.
const FEWEST: usize = 5;

/// More numbers than this are not looked at: the last ones count.
const MOST: usize = 2_000;

/// The trend of numbers in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trend {
    /// How many numbers.
    pub n: usize,
    /// Change from one to the next: the median of all slopes (Theil and Sen).
    pub slope: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Two-sided p-value of the test of Mann and Kendall.
    pub p: f64,
}

/// Where a trend leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Upwards, and that is no chance.
    Up,
    /// Downwards, and that is no chance.
    Down,
    /// Neither that could be told from chance.
    Level,
}

impl Trend {
    /// Of finite numbers in the order of time; `None` of fewer than five. Of more than 2,000 the last 2,000 count.
    ///
    /// The test is Mann's, "Nonparametric tests against trend", Econometrica 13 (1945), normal with the correction for ties
    /// and continuity (Kendall, "Rank correlation methods", 1975). The slope is Sen's, "Estimates of the regression
    /// coefficient based on Kendall's tau", JASA 63 (1968), after Theil (1950), with Sen's interval.
    pub fn of(series: &[f64]) -> Option<Self> {
        let series = &series[series.len().saturating_sub(MOST)..];
        let n = series.len();
        if n < FEWEST || series.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
        let mut score = 0_i64;
        for (at, earlier) in series.iter().enumerate() {
            for (on, later) in series.iter().enumerate().skip(at + 1) {
                slopes.push((later - earlier) / (on - at) as f64);
                score += i64::from(later > earlier) - i64::from(later < earlier);
            }
        }
        slopes.sort_unstable_by(f64::total_cmp);
        let spread = deviation(series);
        let z = if spread > 0.0 { ((score.abs() - 1).max(0)) as f64 / spread } else { 0.0 };
        let half = student(f64::INFINITY) * spread;
        let (count, last) = (slopes.len() as f64, slopes.len() - 1);
        // Ranks from 1: Sen 1968, equation 2.6, rounded as SciPy does.
        let low = (((count - half) / 2.0).round() - 1.0).max(0.0) as usize;
        let high = (f64::midpoint(count, half).round() as usize).min(last);
        Some(Self {
            n,
            slope: median(&slopes)?,
            low: slopes[low.min(last)],
            high: slopes[high],
            p: p_of(z, f64::INFINITY),
        })
    }

    /// Where it leads.
    pub fn direction(&self) -> Direction {
        match self.p < LEVEL {
            true if self.slope > 0.0 => Direction::Up,
            true if self.slope < 0.0 => Direction::Down,
            _ => Direction::Level,
        }
    }
}

/// The standard deviation of Kendall's score where there is no trend.
fn deviation(series: &[f64]) -> f64 {
    let mut sorted = series.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let part = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let ties: f64 = sorted.chunk_by(|one, other| other <= one).map(|tied| part(tied.len() as f64)).sum();
    ((part(series.len() as f64) - ties) / 18.0).max(0.0).sqrt()
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "rises",
            Self::Down => "falls",
            Self::Level => "no trend",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SciPy 1.17: theilslopes(y, arange(10)) gives slope, low, high; R 4: cor.test(1:10, y, method="kendall", exact=FALSE,
    // continuity=TRUE) gives p.
    #[test]
    fn slopes_are_those_of_scipy_and_p_that_of_r() {
        let known = [
            (
                [1., 3., 2., 5., 4., 6., 8., 7., 9., 12.],
                1.0,
                0.75,
                1.428_571_428_571_428_6,
                0.000_676_764_180_1,
            ),
            ([1., 1., 2., 5., 4., 4., 8., 7., 9., 9.], 1.0, 0.666_666_666_666_666_6, 1.25, 0.001_530_954_345),
        ];
        for (series, slope, low, high, p) in known {
            let found = Trend::of(&series).unwrap();
            assert!((found.slope - slope).abs() < 1e-12, "{found:?}");
            assert!((found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9, "{found:?}");
            assert!((found.p - p).abs() < 1e-8, "{found:?}");
            assert_eq!(found.direction(), Direction::Up);
        }
    }

    #[test]
    fn few_and_equal_numbers_have_no_trend() {
        assert_eq!(Trend::of(&[1.0, 2.0, 3.0, 4.0]), None);
        assert_eq!(Trend::of(&[1.0, 2.0, f64::NAN, 4.0, 5.0]), None);
        assert_eq!(Trend::of(&[5.0; 12]).unwrap().direction(), Direction::Level);
        assert_eq!(Trend::of(&[9.0, 7.0, 6.0, 5.0, 3.0]).unwrap().direction(), Direction::Down);
    }
}
