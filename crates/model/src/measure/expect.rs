//! What is expected of a reading.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::unit::Quantity;

/// What is expected of a reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// A number compared with a limit.
    Is {
        /// The comparison.
        compare: Compare,
        /// The limit.
        limit: Limit,
    },
    /// A number between two, both included.
    Between {
        /// At least.
        low: Quantity,
        /// At most.
        high: Quantity,
    },
    /// There is nothing: no series, no value.
    Absent,
    /// There is something.
    Present,
    /// This very text.
    Text(String),
    /// A text that this regular expression finds something in.
    Matches(String),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compare {
    /// `<`
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `>`
    #[serde(rename = ">")]
    More,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `!=`
    #[serde(rename = "!=")]
    Unequal,
}

/// The right side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// A quantity.
    Absolute(Quantity),
    /// `baseline * factor + plus`, of the median of the baseline's readings.
    Baseline {
        /// Multiplied with the median.
        factor: f64,
        /// Added to it.
        plus: Quantity,
    },
}

/// A limit relative to the baseline, but the baseline gave no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the baseline gave no number to compare with")]
pub struct NoBaseline;

impl Compare {
    /// Whether the comparison is true. A number that is none (NaN) is never less, more or equal.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Equal => (left - right).abs() <= f64::EPSILON * left.abs().max(right.abs()).max(1.0),
            Self::Unequal => !left.is_nan() && !Self::Equal.holds(left, right),
        }
    }
}

impl Limit {
    /// The number, given the median of the baseline.
    pub fn value(&self, baseline: Option<f64>) -> Result<f64, NoBaseline> {
        match self {
            Self::Absolute(quantity) => Ok(quantity.value),
            Self::Baseline { factor, plus } => Ok(baseline.ok_or(NoBaseline)? * factor + plus.value),
        }
    }
}

impl Expect {
    /// Whether an outcome is as expected. An unreadable one never is; a relative limit needs the baseline's median.
    pub fn holds(&self, outcome: &Outcome, baseline: Option<f64>) -> bool {
        match (self, outcome) {
            (_, Outcome::Unreadable(_)) => false,
            (Self::Absent, outcome) => *outcome == Outcome::Absent,
            (Self::Present, outcome) => *outcome != Outcome::Absent,
            (Self::Is { compare, limit }, Outcome::Value(quantity)) => {
                limit.value(baseline).is_ok_and(|limit| compare.holds(quantity.value, limit))
            }
            (Self::Between { low, high }, Outcome::Value(quantity)) => {
                (low.value..=high.value).contains(&quantity.value)
            }
            (Self::Text(wanted), outcome) => outcome.as_text().is_some_and(|text| text == *wanted),
            (Self::Matches(pattern), outcome) => outcome
                .as_text()
                .is_some_and(|text| regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(&text))),
            (Self::Is { .. } | Self::Between { .. }, _) => false,
        }
    }

    /// Whether it needs the baseline.
    pub fn is_relative(&self) -> bool {
        matches!(self, Self::Is { limit: Limit::Baseline { .. }, .. })
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::Unequal => "!=",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(quantity) => quantity.fmt(f),
            Self::Baseline { factor, plus } => {
                f.write_str("baseline")?;
                if (factor - 1.0).abs() > f64::EPSILON {
                    write!(f, " * {factor}")?;
                }
                match plus.value {
                    value if value > 0.0 => write!(f, " + {plus}"),
                    value if value < 0.0 => write!(f, " - {}", Quantity::new(-value, plus.unit)),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is { compare, limit } => write!(f, "{compare} {limit}"),
            Self::Between { low, high } => write!(f, "between {low} and {high}"),
            Self::Absent => f.write_str("absent"),
            Self::Present => f.write_str("present"),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Matches(pattern) => write!(f, "matches /{pattern}/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Unit;

    fn at_most(limit: Limit) -> Expect {
        Expect::Is { compare: Compare::AtMost, limit }
    }

    // S9, E3: "could not measure" is never success.
    #[test]
    fn an_unreadable_outcome_meets_no_expectation() {
        let unreadable = Outcome::Unreadable("timed out".into());
        for expect in
            [Expect::Absent, Expect::Present, at_most(Limit::Absolute(Quantity::new(1.0, Unit::Number)))]
        {
            assert!(!expect.holds(&unreadable, Some(1.0)), "{expect}");
        }
    }

    #[test]
    fn a_relative_limit_follows_the_baseline_and_fails_without_one() {
        let expect = at_most(Limit::Baseline { factor: 1.15, plus: Quantity::default() });
        let reading = Outcome::Value(Quantity::new(0.110, Unit::Seconds));
        assert!(expect.holds(&reading, Some(0.1)));
        assert!(!expect.holds(&reading, Some(0.09)));
        assert!(!expect.holds(&reading, None));
        assert_eq!(expect.to_string(), "<= baseline * 1.15");
    }

    #[test]
    fn a_number_that_is_none_is_not_fine() {
        assert!(Expect::Matches("^ok".into()).holds(&Outcome::Text("ok then".into()), None));
        for compare in [Compare::Less, Compare::AtMost, Compare::More, Compare::Equal, Compare::Unequal] {
            assert!(!compare.holds(f64::NAN, 1.0), "{compare}");
        }
    }
}
