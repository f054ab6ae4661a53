//! How far readings moved from the baseline, and how sure that is.
//!
//! The test is Mann and Whitney's (1947) with the normal approximation, corrected for ties and continuity; the
//! effect size is Cliff's delta (1993); the shift with its interval is Hodges and Lehmann's (1963). Readings
//! that follow each other closely resemble each other, so the interval is rather too narrow than too wide.

use serde::Serialize;

/// Fewer numbers than this on one side say nothing.
const FEWEST: usize = 4;

/// Numbers of each side whose differences are looked at one by one. More are thinned evenly by rank.
const MOST_RANKS: usize = 256;

/// The difference between two sets of readings, in the base of their unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Effect {
    /// The shift: median of all differences (Hodges-Lehmann).
    pub shift: f64,
    /// Lower end of the shift's 95 % interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Cliff's delta, -1 to 1: how much more often a reading is greater than a baseline reading than less.
    pub cliffs_delta: f64,
    /// Two-sided p-value of the Mann-Whitney test.
    pub p: f64,
}

impl Effect {
    /// Of sorted, finite numbers; `None` where either side has too few.
    pub(super) fn between(before: &[f64], then: &[f64]) -> Option<Self> {
        if before.len() < FEWEST || then.len() < FEWEST {
            return None;
        }
        let (n, m) = (before.len() as f64, then.len() as f64);
        let balance = balance(before, then);
        let mut differences: Vec<f64> = Vec::new();
        let (thin_before, thin_then) = (thinned(before), thinned(then));
        for later in &thin_then {
            differences.extend(thin_before.iter().map(|earlier| later - earlier));
        }
        differences.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let last = differences.len() - 1;
            differences[((share * last as f64).round() as usize).min(last)]
        };
        let half = 1.959_964 * ((n + m + 1.0) / (12.0 * n * m)).sqrt();
        Some(Self {
            shift: at(0.5),
            low: at((0.5 - half).max(0.0)),
            high: at((0.5 + half).min(1.0)),
            cliffs_delta: balance / (n * m),
            p: p_value(before, then, balance),
        })
    }

    /// The size of the effect in a word (Romano et al. 2006): negligible, small, medium, large.
    pub fn size(&self) -> &'static str {
        match self.cliffs_delta.abs() {
            delta if delta < 0.147 => "negligible",
            delta if delta < 0.33 => "small",
            delta if delta < 0.474 => "medium",
            _ => "large",
        }
    }
}

/// Pairs in which the later one is greater, less the pairs in which it is less.
fn balance(before: &[f64], then: &[f64]) -> f64 {
    let (mut below, mut up_to, mut balance) = (0, 0, 0.0);
    for later in then {
        while below < before.len() && before[below] < *later {
            below += 1;
        }
        while up_to < before.len() && before[up_to] <= *later {
            up_to += 1;
        }
        balance += below as f64 - (before.len() - up_to) as f64;
    }
    balance
}

fn p_value(before: &[f64], then: &[f64], balance: f64) -> f64 {
    let (n, m) = (before.len() as f64, then.len() as f64);
    let mut all: Vec<f64> = before.iter().chain(then).copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let total = n + m;
    let ties: f64 = all
        .chunk_by(|left, right| left.total_cmp(right).is_eq())
        .map(|tied| {
            let t = tied.len() as f64;
            t * t * t - t
        })
        .sum();
    let variance = n * m / 12.0 * ((total + 1.0) - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    // U less its mean is half of the balance.
    let z = ((balance.abs() / 2.0 - 0.5).max(0.0)) / variance.sqrt();
    erfc(z / std::f64::consts::SQRT_2)
}

/// The complementary error function for `x >= 0` (Abramowitz and Stegun 7.1.26, error below 1.5e-7).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = t
        * (0.254_829_592
            + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (series * (-x * x).exp()).clamp(0.0, 1.0)
}

fn thinned(sorted: &[f64]) -> Vec<f64> {
    if sorted.len() <= MOST_RANKS {
        return sorted.to_vec();
    }
    (0..MOST_RANKS).map(|at| sorted[(at * 2 + 1) * sorted.len() / (MOST_RANKS * 2)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // E4: Mann and Whitney's test on a textbook's table (Siegel 1956, rats taught to imitate): U = 9, n = 5, m = 4.
    #[test]
    fn the_test_agrees_with_a_published_table() {
        let mut controls = [110.0, 70.0, 53.0, 51.0];
        let mut taught = [78.0, 64.0, 75.0, 45.0, 82.0];
        controls.sort_unstable_by(f64::total_cmp);
        taught.sort_unstable_by(f64::total_cmp);
        let effect = Effect::between(&controls, &taught).unwrap();
        // 2U/(nm) - 1 with U = 11 for the taught.
        assert!((effect.cliffs_delta - 0.1).abs() < 1e-12, "{effect:?}");
        assert!((effect.p - 0.9025).abs() < 0.001, "{effect:?}");
        assert_eq!(effect.size(), "negligible");
    }

    #[test]
    fn a_clear_shift_is_found_with_its_interval() {
        let before: Vec<f64> = (0..1_000).map(|n| 40.0 + f64::from(n % 10)).collect();
        let mut before = before;
        before.sort_unstable_by(f64::total_cmp);
        let then: Vec<f64> = before.iter().map(|value| value + 171.0).collect();
        let effect = Effect::between(&before, &then).unwrap();
        assert!((effect.shift - 171.0).abs() < 0.6 && effect.low <= 171.0 && effect.high >= 171.0);
        assert!((effect.cliffs_delta - 1.0).abs() < 1e-12 && effect.p < 1e-6 && effect.size() == "large");
    }

    #[test]
    fn no_difference_and_too_few_readings_are_not_an_effect() {
        let effect = Effect::between(&[5.0; 9], &[5.0; 9]).unwrap();
        assert!(effect.shift.abs() < 1e-12 && effect.cliffs_delta.abs() < 1e-12);
        assert!((effect.p - 1.0).abs() < 1e-12);
        assert_eq!(Effect::between(&[1.0; 3], &[2.0; 9]), None);
    }
}
