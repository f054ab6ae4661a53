//! The readings of one measure in one period, in a few numbers.

use std::collections::BTreeMap;

use serde::Serialize;
use squall_model::measure::Outcome;
use squall_stats::{Description, Proportion, Sample};

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
    /// The same as a share of all readings (0 to 1) with its 95 % interval (Wilson).
    pub missed: Option<Proportion>,
    /// The numbers among them, in the base of their unit; `None` without any.
    pub numbers: Option<Description>,
    /// How often each text was read.
    pub texts: BTreeMap<String, u64>,
    /// Readings of further texts.
    pub other_texts: u64,
    /// Why the first unreadable reading was.
    pub first_unreadable: Option<String>,
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

    /// All readings are in: those among them that are numbers are these.
    pub(super) fn finish(&mut self, numbers: &Sample) {
        self.numbers = numbers.describe();
        self.missed = self.misses.and_then(|misses| Proportion::of(misses, self.n));
    }

    /// The share of readings that missed the expectation, in percent.
    pub fn missed_percent(&self) -> Option<f64> {
        self.missed.map(|missed| missed.share * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_misses_has_its_interval() {
        let mut tally = Tally { n: 100, misses: Some(3), ..Tally::default() };
        tally.finish(&Sample::of(&[]));
        let missed = tally.missed.unwrap();
        assert!((missed.low - 0.010_25).abs() < 1e-4 && (missed.high - 0.084_5).abs() < 1e-4, "{missed:?}");
        assert_eq!(tally.missed_percent(), Some(3.0));
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
