//! The readings of one measure in one period, in a few numbers.

use std::collections::BTreeMap;

use serde::Serialize;
use squall_model::measure::Outcome;

/// Different texts that are counted one by one; the rest are counted together.
const MOST_TEXTS: usize = 8;

/// The readings of one measure in one period.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// Readings, the unreadable ones included.
    pub n: u64,
    /// Those that could not be taken.
    pub unreadable: u64,
    /// Those whose source said that there is nothing.
    pub absent: u64,
    /// Those not as expected, the unreadable ones included; `None` where nothing is expected in this period.
    pub misses: Option<u64>,
    /// The numbers among them; `None` without any.
    pub numbers: Option<Numbers>,
    /// How often each text was read.
    pub texts: BTreeMap<String, u64>,
    /// Readings of further texts.
    pub other_texts: u64,
    /// Why the first unreadable reading was.
    pub first_unreadable: Option<String>,
}

/// Numbers in the base of their unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Numbers {
    /// How many.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The smallest that at least 95 % of them do not exceed (nearest rank).
    pub p95: f64,
    /// Smallest.
    pub min: f64,
    /// Greatest.
    pub max: f64,
}

impl Numbers {
    /// Of sorted, finite numbers.
    pub(crate) fn of(sorted: &[f64]) -> Option<Self> {
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let n = sorted.len();
        let rank = (n * 95).div_ceil(100).max(1);
        Some(Self {
            n: n as u64,
            mean: sorted.iter().sum::<f64>() / n as f64,
            median: median(sorted)?,
            p95: sorted[rank - 1],
            min,
            max,
        })
    }
}

pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    let n = sorted.len();
    let upper = *sorted.get(n / 2)?;
    // Halved before they are added: the sum of two great numbers may be infinite.
    Some(if n.is_multiple_of(2) { sorted[n / 2 - 1] / 2.0 + upper / 2.0 } else { upper })
}

impl Tally {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.n += 1;
        match outcome {
            Outcome::Value(_) => {}
            Outcome::Absent => self.absent += 1,
            Outcome::Unreadable(why) => {
                self.unreadable += 1;
                self.first_unreadable.get_or_insert_with(|| why.clone());
            }
            Outcome::Text(text) => {
                if let Some(count) = self.texts.get_mut(text) {
                    *count += 1;
                } else if self.texts.len() < MOST_TEXTS {
                    self.texts.insert(text.clone(), 1);
                } else {
                    self.other_texts += 1;
                }
            }
        }
    }

    /// The share of readings that missed the expectation, in percent.
    pub fn missed_percent(&self) -> Option<f64> {
        let misses = self.misses?;
        (self.n > 0).then(|| misses as f64 * 100.0 / self.n as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_a_table_worked_by_hand() {
        let sorted: Vec<f64> = (1..=20).map(f64::from).collect();
        let numbers = Numbers::of(&sorted).unwrap();
        assert!((numbers.mean - 10.5).abs() < 1e-12 && (numbers.median - 10.5).abs() < 1e-12);
        assert!((numbers.p95 - 19.0).abs() < 1e-12 && (numbers.max - 20.0).abs() < 1e-12);
        assert_eq!(Numbers::of(&[]), None);
        assert!((Numbers::of(&[7.0]).unwrap().p95 - 7.0).abs() < 1e-12);
    }

    #[test]
    fn many_different_texts_are_counted_together() {
        let mut tally = Tally::default();
        for n in 0..100 {
            tally.add(&Outcome::Text(format!("text {n}")));
        }
        assert_eq!((tally.n, tally.texts.len(), tally.other_texts), (100, 8, 92));
    }
}
