//! The control group: the change of the target that the untouched rest does not have.

use serde::Serialize;

use crate::bootstrap::{Interval, Stationary};
use crate::comparison::Comparison;
use crate::sample::Sample;

/// The target and the control group, read at the same time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// What the faulted instances showed.
    pub target: f64,
    /// What the untouched instances showed.
    pub control: f64,
}

/// What is left of a change when the change of the control group is taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Net {
    /// The target, before and then.
    pub target: Comparison,
    /// The control group, before and then.
    pub control: Comparison,
    /// Target less control, before and then: the part of the change that the fault is blamed for.
    pub net: Comparison,
    /// The same by means, the classical difference in differences, with the interval of the stationary bootstrap.
    pub mean: Option<Interval>,
}

impl Net {
    /// Compares both, before and then. The seed is that of the bootstrap's draws.
    ///
    /// Difference in differences (Card and Krueger, "Minimum wages and employment", American Economic Review 84, 1994). The two
    /// groups are read at the same time, so what hits both is in both readings, and goes out when one is taken from the
    /// other; the series of what is left is compared as any other. It may be correlated in time, which Bertrand,
    /// Duflo and Mullainathan, "How much should we trust differences-in-differences estimates?" (2004), found to
    /// be what makes such comparisons cry wolf, and which [`Comparison::between`] takes care of.
    pub fn of(before: &[Pair], then: &[Pair], seed: u64) -> Self {
        let each = |pairs: &[Pair], what: fn(&Pair) -> f64| -> Vec<f64> { pairs.iter().map(what).collect() };
        let compared = |what: fn(&Pair) -> f64| {
            Comparison::between(&Sample::of(&each(before, what)), &Sample::of(&each(then, what)))
        };
        let rest: fn(&Pair) -> f64 = |pair| pair.target - pair.control;
        Self {
            target: compared(|pair| pair.target),
            control: compared(|pair| pair.control),
            net: compared(rest),
            mean: Stationary::new(seed).difference(&each(before, rest), &each(then, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, mut state: u64) -> Vec<f64> {
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..n).map(next).collect()
    }

    fn pairs(n: usize, seed: u64, target: f64, control: f64) -> Vec<Pair> {
        let (one, other) = (noise(n, seed), noise(n, seed + 100));
        let pairs = one.iter().zip(&other);
        pairs.map(|(one, other)| Pair { target: target + one, control: control + other }).collect()
    }

    // E4: a bad day elsewhere is not blamed on the fault.
    #[test]
    fn what_hits_both_is_not_blamed() {
        let net = Net::of(&pairs(40, 1, 10.0, 20.0), &pairs(40, 2, 15.0, 25.0), 1);
        let [target, control] = [net.target, net.control].map(|found| *found.effect().unwrap());
        assert!(target.p < 1e-6 && control.p < 1e-6 && target.shift > 4.5, "{net:?}");
        let left = net.net.effect().unwrap();
        assert!(left.p > 0.05 && left.low < 0.0 && left.high > 0.0, "{net:?}");
        let mean = net.mean.unwrap();
        assert!(mean.low < 0.0 && mean.high > 0.0, "{net:?}");
    }

    #[test]
    fn what_hits_the_target_alone_is_blamed_by_its_size() {
        let net = Net::of(&pairs(40, 1, 10.0, 20.0), &pairs(40, 2, 15.0, 21.0), 1);
        let left = net.net.effect().unwrap();
        assert!(left.p < 1e-6 && left.low > 3.5 && left.high < 4.5, "{net:?}");
        let mean = net.mean.unwrap();
        assert!(mean.low > 3.5 && mean.high < 4.5 && (mean.estimate - 4.0).abs() < 0.3, "{net:?}");
    }
}
