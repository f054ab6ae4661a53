//! The readings of each measure in each period, while they are collected.

use std::collections::{BTreeMap, HashMap};

use squall_model::event::{EventKind, Offset};
use squall_model::measure::Outcome;
use squall_model::plan::Group;
use squall_model::record::Record;
use squall_model::unit::Unit;
use squall_stats::{Pair, Sample};

use super::judge::Judge;
use super::periods::{Period, Periods};
use super::tally::Tally;

/// A recovery is over long before so many readings.
const MOST_AFTER: usize = 10_000;

/// The readings of one measure.
pub(crate) struct Series {
    /// Of the numbers; [`Unit::Number`] without any.
    pub(crate) unit: Unit,
    parts: [Part; 3],
    after: Vec<(Offset, f64)>,
}

/// The readings of one measure in one period.
pub(crate) struct Part {
    pub(crate) tally: Tally,
    /// Its numbers; where several instances are read, the mean of each round.
    pub(crate) sample: Sample,
    /// Whether each reading was not as expected, in the order of time; empty where nothing is expected.
    pub(crate) missed: Vec<bool>,
    /// The means of those that were hit and of the untouched ones, of each round in which both were read.
    pub(crate) pairs: Vec<Pair>,
}

/// The same while it is collected.
#[derive(Default)]
struct Collected {
    tally: Tally,
    missed: Vec<bool>,
    numbers: Vec<f64>,
    /// Readings of several instances at the same time, by the number of their round.
    rounds: BTreeMap<u64, [Sum; 3]>,
}

/// Readings of one group in one round.
#[derive(Clone, Copy, Default)]
struct Sum {
    sum: f64,
    n: u32,
}

impl Series {
    /// Those of a record, a series for each measure of its plan. The baselines are medians, by the name of the measure.
    pub(crate) fn of(record: &Record, periods: &Periods, baselines: &HashMap<&str, f64>) -> Vec<Self> {
        let plan = &record.start.plan;
        let index: HashMap<&str, usize> =
            plan.measures.iter().enumerate().map(|(at, measure)| (measure.name.as_str(), at)).collect();
        let judges: Vec<Option<Judge<'_>>> = plan
            .measures
            .iter()
            .map(|measure| {
                let baseline = baselines.get(measure.name.as_str()).copied();
                measure.expect.as_ref().and_then(|expect| Judge::new(expect, baseline))
            })
            .collect();
        let mut after: Vec<Vec<(Offset, f64)>> = vec![Vec::new(); plan.measures.len()];
        let mut units = vec![Unit::default(); plan.measures.len()];
        let mut collected: Vec<[Collected; 3]> = plan.measures.iter().map(|_| Default::default()).collect();
        let mut instances: HashMap<(usize, &str), (u64, usize)> = HashMap::new();
        for event in &record.events {
            let EventKind::Read(reading) = &event.kind else { continue };
            let Some(&at) = index.get(reading.measure.as_str()) else { continue };
            let measure = &plan.measures[at];
            let place = reading.instance.as_deref().map(|instance| {
                let known = instances.entry((at, instance)).or_insert_with(|| {
                    let stage = plan.stages.len().checked_sub(1).map(|last| last as u32);
                    (0, plan.side(measure, Some(instance), stage).map_or(2, |group| group as usize))
                });
                known.0 += 1;
                *known
            });
            let Some(period) = periods.at(Periods::spoken_of(reading.asked, measure.lag)) else { continue };
            let part = &mut collected[at][period as usize];
            part.tally.add(&reading.outcome);
            if measure.is_judged(period.judged())
                && let Some(judge) = &judges[at]
            {
                let misses = judge.misses(&reading.outcome);
                *part.tally.misses.get_or_insert(0) += u64::from(misses);
                part.missed.push(misses);
            }
            let Outcome::Value(quantity) = &reading.outcome else { continue };
            if units[at] == Unit::Number {
                units[at] = quantity.unit;
            }
            if quantity.value.is_finite() {
                part.push(quantity.value, place);
                if period == Period::After && place.is_none() && after[at].len() < MOST_AFTER {
                    after[at].push((reading.asked, quantity.value));
                }
            }
        }
        let series = collected.into_iter().zip(units).zip(after);
        series
            .map(|((parts, unit), after)| Self { unit, parts: parts.map(Collected::settled), after })
            .collect()
    }

    /// The readings in a period.
    pub(crate) fn part(&self, period: Period) -> &Part {
        &self.parts[period as usize]
    }

    /// The first numbers after the last undo with their times; none of a measure that is read for each instance.
    pub(crate) fn after(&self) -> &[(Offset, f64)] {
        &self.after
    }

    /// The tallies of the three periods.
    pub(crate) fn tallies(self) -> [Tally; 3] {
        self.parts.map(|part| part.tally)
    }
}

impl Collected {
    fn push(&mut self, value: f64, place: Option<(u64, usize)>) {
        let Some((round, group)) = place else { return self.numbers.push(value) };
        let sum = &mut self.rounds.entry(round).or_default()[group];
        sum.sum += value;
        sum.n += 1;
    }

    fn settled(mut self) -> Part {
        let mut pairs = Vec::new();
        for sums in self.rounds.values() {
            let all =
                sums.iter().fold(Sum::default(), |all, sum| Sum { sum: all.sum + sum.sum, n: all.n + sum.n });
            self.numbers.extend(all.mean());
            let both = (sums[Group::Hit as usize].mean(), sums[Group::Control as usize].mean());
            if let (Some(target), Some(control)) = both {
                pairs.push(Pair { target, control });
            }
        }
        let sample = Sample::of(&self.numbers);
        self.tally.finish(&sample);
        Part { tally: self.tally, sample, missed: self.missed, pairs }
    }
}

impl Sum {
    fn mean(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / f64::from(self.n))
    }
}
