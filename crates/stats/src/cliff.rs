//! Cliff's delta: how much more often a reading is greater than a baseline reading than it is less.

use std::fmt;

use serde::Serialize;

/// The size of an effect in a word.
///
/// The borders of Cliff's delta (Cliff, "Dominance statistics", Psychological Bulletin 114, 1993) are those of Romano,
/// Kromrey, Coraggio and Skowronek (2006): 0.147, 0.33 and 0.474. They are conventions: how much a shift matters
/// is a question to the people whom it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// Below 0.147.
    Negligible,
    /// Below 0.33.
    Small,
    /// Below 0.474.
    Medium,
    /// From 0.474 on.
    Large,
}

impl Size {
    /// Of a delta, -1 to 1.
    pub fn of(delta: f64) -> Self {
        match delta.abs() {
            delta if delta < 0.147 => Self::Negligible,
            delta if delta < 0.33 => Self::Small,
            delta if delta < 0.474 => Self::Medium,
            _ => Self::Large,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Negligible => "negligible",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        })
    }
}

/// Pairs in which the later one is greater less those in which it is less, of all pairs. Both sorted, neither empty.
pub(crate) fn delta(before: &[f64], then: &[f64]) -> f64 {
    let (mut below, mut up_to, mut balance) = (0, 0, 0_i128);
    for later in then {
        while below < before.len() && before[below] < *later {
            below += 1;
        }
        while up_to < before.len() && before[up_to] <= *later {
            up_to += 1;
        }
        balance += below as i128 - (before.len() - up_to) as i128;
    }
    balance as f64 / (before.len() as f64 * then.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apart_is_one_and_alike_is_nothing() {
        assert!((delta(&[1.0, 2.0], &[3.0, 4.0, 5.0]) - 1.0).abs() < 1e-12);
        assert!((delta(&[3.0, 4.0], &[1.0, 2.0]) + 1.0).abs() < 1e-12);
        assert!(delta(&[1.0, 2.0], &[1.0, 2.0]).abs() < 1e-12);
        // Of six pairs three are greater, two less, one is tied.
        assert!((delta(&[1.0, 3.0], &[0.0, 3.0, 4.0]) - 1.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn the_borders_are_those_of_romano() {
        let words = [0.146, -0.147, 0.329, 0.33, -0.474].map(|delta| Size::of(delta).to_string());
        assert_eq!(words, ["negligible", "small", "small", "medium", "large"]);
    }
}
