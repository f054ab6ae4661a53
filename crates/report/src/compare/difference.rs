//! One measure of two runs beside each other.

use std::collections::BTreeMap;

use serde::Serialize;
use squall_model::measure::{Compare, Expect, Measure};
use squall_model::record::Record;
use squall_model::unit::{Percent, Unit};
use squall_stats::{Comparison, Effect, LEVEL, Sample, Size};

use super::Worse;
use crate::summary::{Facts, Period, Periods, Series, Summary};

/// One measure in one period, in both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The measure.
    pub measure: String,
    /// The period.
    pub period: Period,
    /// What of it: its numbers, or the share of readings that were not as expected.
    pub what: What,
    /// The unit of the numbers below.
    pub unit: Unit,
    /// The level in the reference: the median, or the share of misses in percent.
    pub from: f64,
    /// The level now.
    pub to: f64,
    /// What the comparison says.
    pub comparison: Comparison,
    /// The p-value corrected for all comparisons of the two runs (Holm).
    pub corrected: Option<f64>,
    /// What follows.
    pub worse: Worse,
    /// The same as a sentence.
    pub sentence: String,
}

/// What of a measure is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Its numbers.
    Numbers,
    /// The share of readings that were not as expected.
    Misses,
}

/// Which way is worse.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wish {
    Less,
    More,
    Unsaid,
}

pub(super) fn differences(
    reference: &Record,
    run: &Record,
    summaries: &(Summary, Summary),
) -> Vec<Difference> {
    let series = |record: &Record, summary: &Summary| -> BTreeMap<String, Series> {
        let names = record.start.plan.measures.iter().map(|measure| measure.name.clone());
        names.zip(Series::of(record, &summary.periods, &Facts::of(record).baselines)).collect()
    };
    let (earlier, later) = (series(reference, &summaries.0), series(run, &summaries.1));
    let mut differences = Vec::new();
    for measure in &run.start.plan.measures {
        let (Some(one), Some(other)) = (earlier.get(&measure.name), later.get(&measure.name)) else {
            continue;
        };
        for period in Periods::ALL {
            let (one_part, other_part) = (one.part(period), other.part(period));
            let new = |what, unit, from, to, comparison| Difference {
                measure: measure.name.clone(),
                period,
                what,
                unit,
                from,
                to,
                comparison,
                corrected: None,
                worse: Worse::Unknown,
                sentence: String::new(),
            };
            let medians = (one_part.sample.describe(), other_part.sample.describe());
            if let (Some(from), Some(to)) = medians
                && one.unit == other.unit
            {
                let comparison = Comparison::between(&one_part.sample, &other_part.sample);
                differences.push(new(What::Numbers, other.unit, from.median, to.median, comparison));
            }
            let missed = (one_part.tally.missed, other_part.tally.missed);
            if let (Some(from), Some(to)) = missed
                && (from.count > 0 || to.count > 0)
            {
                let shares = [&one_part.missed, &other_part.missed].map(|missed| {
                    let shares: Vec<f64> = missed.iter().map(|missed| f64::from(u8::from(*missed))).collect();
                    Sample::of(&shares)
                });
                let comparison = Comparison::between(&shares[0], &shares[1]);
                differences.push(new(
                    What::Misses,
                    Unit::Percent,
                    from.share * 100.0,
                    to.share * 100.0,
                    comparison,
                ));
            }
        }
    }
    differences
}

/// Nothing is said by an equality: away from it is worse on either side, and readings on both sides hide it. Their
/// misses are compared.
pub(super) fn wish(measure: &Measure) -> Wish {
    match &measure.expect {
        Some(Expect::Is { compare: Compare::Less | Compare::AtMost, .. }) => Wish::Less,
        Some(Expect::Is { compare: Compare::More | Compare::AtLeast, .. }) => Wish::More,
        _ => Wish::Unsaid,
    }
}

impl Difference {
    /// The effect, where there were enough readings.
    pub fn effect(&self) -> Option<&Effect> {
        self.comparison.effect()
    }

    pub(super) fn p(&self) -> Option<f64> {
        self.effect().map(|effect| effect.p)
    }

    pub(super) fn judge(&self, wish: Wish, margin: Percent) -> Worse {
        let (Some(effect), Some(corrected)) = (self.effect(), self.corrected) else { return Worse::Unknown };
        if corrected >= LEVEL {
            return Worse::Same;
        }
        // Shares are differences of percents already; other numbers may move by a share of their level.
        let room = match self.what {
            What::Misses => margin.0,
            What::Numbers => self.from.abs() * margin.0 / 100.0,
        };
        // The shift of a share is that of zeros and ones: its level says more.
        let (near, far) = match self.what {
            What::Misses => (self.to - self.from, self.to - self.from),
            What::Numbers => (effect.low, effect.high),
        };
        // Where most readings are equal the shift is none, and the rest lean to one side.
        let leans = near.abs().max(far.abs()) <= 0.0 && effect.size > Size::Negligible;
        let up = near > room || (leans && effect.cliffs_delta > 0.0);
        let down = far < -room || (leans && effect.cliffs_delta < 0.0);
        match (wish, up, down) {
            (_, false, false) => Worse::Same,
            (Wish::Unsaid, ..) => Worse::Changed,
            (Wish::Less, true, _) | (Wish::More, _, true) => Worse::Worse,
            _ => Worse::Better,
        }
    }
}
