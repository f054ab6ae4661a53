//! Whether two stretches of readings differ, by how much, and how sure that is.

use std::fmt;

use serde::Serialize;

use crate::cliff::{Size, delta};
use crate::dependence::Dependence;
use crate::sample::Sample;
use crate::shift::Differences;
use crate::whitney::{EXACT_BELOW, Exact, deviation, p_of, student, ties};

/// Readings that each side needs at least. With four and four, only the most extreme order of all is significant.
pub const FEWEST: usize = 5;

/// Independent readings that a stretch has at least, whatever its memory: Student's distribution needs a degree of freedom.
const FEWEST_EFFECTIVE: f64 = 2.0;

/// What a comparison of two stretches says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Comparison {
    /// Too few readings to say anything.
    TooFew {
        /// Readings before.
        before: usize,
        /// Readings then.
        then: usize,
        /// Readings that each side needs.
        needed: usize,
    },
    /// Enough readings, but they resemble their neighbours so much that even the clearest difference could be chance.
    TooDependent {
        /// How many independent readings those before are worth.
        before: f64,
        /// How many independent readings those then are worth.
        then: f64,
    },
    /// Compared.
    Compared(Effect),
}

/// The difference between two stretches, in the unit of the readings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Effect {
    /// The shift: the median of all differences (Hodges and Lehmann).
    pub shift: f64,
    /// Lower end of its 95 % interval: the shifts that the test does not reject.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Cliff's delta, -1 to 1: how much more often a reading is greater than one before than it is less.
    pub cliffs_delta: f64,
    /// The delta in a word.
    pub size: Size,
    /// Two-sided p-value.
    pub p: f64,
    /// Which test gave it.
    pub test: Test,
}

/// Which test was made. All three are of Mann and Whitney.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Test {
    /// With the exact distribution: fewer than 50 readings a side, no two equal, none depending on its neighbours.
    Exact,
    /// With the normal approximation, corrected for equal readings and for continuity; none depending on its neighbours.
    Normal,
    /// Corrected for readings that resemble their neighbours.
    Autocorrelated {
        /// How many independent readings those before are worth.
        before: f64,
        /// How many independent readings those then are worth.
        then: f64,
        /// The longer of the two mean block lengths of the bootstrap, in readings.
        block: f64,
    },
}

impl Comparison {
    /// Compares two stretches of readings.
    ///
    /// *Test.* Mann and Whitney's (1947): exact where it can be, else normal with correction for ties and continuity (Lehmann
    /// 1975). Where readings resemble their neighbours, the variance of U is multiplied by `(1/n' + 1/m') / (1/n + 1/m)`
    /// with n' and m' the numbers of independent readings that the sides are worth ([`Dependence`]): U is, but for a
    /// small rest, a difference of two means of ranks (Hajek's projection), so what correlation does to the variance
    /// of a mean it does to that of U. The deviate is then Student's with Welch's (1947) degrees of freedom.
    ///
    /// *Interval.* The shifts that the same test would not reject, which are those between two order statistics of all
    /// differences (Moses 1953; Lehmann 1975). So zero is outside just when `p < 0.05`, but for equal readings.
    pub fn between(before: &Sample, then: &Sample) -> Self {
        if before.len() < FEWEST || then.len() < FEWEST {
            return Self::TooFew { before: before.len(), then: then.len(), needed: FEWEST };
        }
        let (early, later) = (before.sorted(), then.sorted());
        let (n, m) = (early.len() as f64, later.len() as f64);
        let differences = Differences::of(early, later);
        let cliffs_delta = delta(early, later);
        // U less its mean, so that it is not lost in the rounding of great numbers.
        let off = cliffs_delta * n * m / 2.0;
        let (one, other) = Dependence::shared(before.dependence(), n, then.dependence(), m);
        let is_dependent = one.effective < n || other.effective < m;
        let is_exact = early.len().max(later.len()) < EXACT_BELOW && ties(early, later) <= 0.0;
        let (test, p, rank) = if !is_dependent && is_exact {
            let exact = Exact::of(early.len(), later.len());
            (Test::Exact, exact.p(off + n * m / 2.0), exact.rank())
        } else {
            let worth = (one.effective, other.effective);
            let (wider, freedom) = if is_dependent { dependent(worth, n, m) } else { (1.0, f64::INFINITY) };
            let spread = deviation(early, later) * wider;
            let half = student(freedom) * spread + 0.5;
            let rank = (n * m / 2.0 - half).ceil();
            if is_dependent && (rank < 1.0 || worth.0.min(worth.1) < FEWEST_EFFECTIVE) {
                return Self::TooDependent { before: worth.0, then: worth.1 };
            }
            let z = if spread > 0.0 { (off.abs() - 0.5).max(0.0) / spread } else { 0.0 };
            let test = if is_dependent {
                Test::Autocorrelated { before: worth.0, then: worth.1, block: one.block.max(other.block) }
            } else {
                Test::Normal
            };
            (test, p_of(z, freedom), (rank.max(1.0) as u64).min(differences.len().div_ceil(2)))
        };
        Self::Compared(Effect {
            shift: differences.median(),
            low: differences.at(rank),
            high: differences.at(differences.len() + 1 - rank),
            cliffs_delta,
            size: Size::of(cliffs_delta),
            p,
            test,
        })
    }

    /// The effect, where there is one to speak of.
    pub fn effect(&self) -> Option<&Effect> {
        match self {
            Self::Compared(effect) => Some(effect),
            Self::TooFew { .. } | Self::TooDependent { .. } => None,
        }
    }
}

/// The factor of U's standard deviation, and Welch's degrees of freedom.
fn dependent((one, other): (f64, f64), n: f64, m: f64) -> (f64, f64) {
    let wider = ((1.0 / one + 1.0 / other) / (1.0 / n + 1.0 / m)).sqrt();
    let part = |worth: f64| 1.0 / (worth * worth * (worth - 1.0).max(1.0));
    let freedom = (1.0 / one + 1.0 / other).powi(2) / (part(one) + part(other));
    (wider, freedom)
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.pad("Mann-Whitney, exact"),
            Self::Normal => f.pad("Mann-Whitney, normal"),
            Self::Autocorrelated { .. } => f.pad("Mann-Whitney, corrected for autocorrelation"),
        }
    }
}

/// Why there is no effect to speak of, or the test and its p-value.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { before, then, needed } => {
                write!(f, "n={}, at least {needed} needed", before.min(then))
            }
            Self::TooDependent { before, then } => {
                let worth = before.min(*then);
                write!(
                    f,
                    "readings resemble their neighbours and are worth {worth:.1} independent ones, too few to tell"
                )
            }
            Self::Compared(effect) => write!(f, "{}, p = {:.4}", effect.test, effect.p),
        }
    }
}
