//! The measures: what was read before, during and after, and whether that is as expected.

use std::collections::HashMap;

use serde::Serialize;
use squall_model::event::{EventKind, Phase};
use squall_model::measure::{Expect, Judged, Limit, Measure, Outcome, Probe};
use squall_model::record::Record;
use squall_model::unit::{Percent, Quantity, Span, Unit};
use squall_stats::{Sample, median};

use super::contrast::{Contrast, Raw};
use super::judge::Judge;
use super::periods::{Period, Periods};
use super::tally::Tally;

/// What became of one measure.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MeasureSummary {
    /// Its name.
    pub name: String,
    /// The kind of its probe, as people write it.
    pub probe: String,
    /// The unit of its numbers.
    pub unit: Unit,
    /// What was expected, as written.
    pub expect: Option<String>,
    /// The limits of the expectation as numbers, relative ones worked out with the baseline.
    pub limits: Vec<f64>,
    /// What would have ended the run, as written.
    pub abort: Option<String>,
    /// The share of readings that may miss the expectation.
    pub allow: Percent,
    /// In which periods the expectation counts.
    pub judged: Vec<Judged>,
    /// How long before a reading the time lies that it speaks of.
    pub lag: Span,
    /// Median of the baseline.
    pub baseline: Option<f64>,
    /// Readings before the faults.
    pub before: Tally,
    /// Readings during the faults.
    pub during: Tally,
    /// Readings after the faults.
    pub after: Tally,
    /// From before to during; `None` where one of them has no numbers.
    pub contrast_during: Option<Contrast>,
    /// From before to after; `None` where one of them has no numbers.
    pub contrast_after: Option<Contrast>,
    /// Whether it was as expected.
    pub standing: Standing,
    /// Why it was not.
    pub reasons: Vec<String>,
}

/// Whether a measure was as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// In every period that counts and was reached.
    Met,
    /// Not in every period.
    Missed,
    /// Something is expected, and no reading could be taken.
    Unread,
    /// Nothing is expected: only recorded.
    Recorded,
}

/// The readings of one measure while they are collected.
#[derive(Default)]
struct Collected {
    tally: Tally,
    numbers: Vec<f64>,
}

struct Facts<'a> {
    baselines: HashMap<&'a str, f64>,
    steady: SteadyState,
    aborts: Vec<(&'a str, &'a str, u32)>,
    never: &'a [String],
}

#[derive(Clone, Copy, PartialEq)]
enum SteadyState {
    Met,
    NotMet,
}

pub(super) fn of(record: &Record, periods: &Periods) -> Vec<MeasureSummary> {
    let plan = &record.start.plan;
    let index: HashMap<&str, usize> =
        plan.measures.iter().enumerate().map(|(at, measure)| (measure.name.as_str(), at)).collect();
    let facts = Facts::of(record, &index);
    let judges: Vec<Option<Judge<'_>>> = plan
        .measures
        .iter()
        .map(|measure| {
            let baseline = facts.baselines.get(measure.name.as_str()).copied();
            measure.expect.as_ref().and_then(|expect| Judge::new(expect, baseline))
        })
        .collect();
    let mut units: Vec<Option<Unit>> = vec![None; plan.measures.len()];
    let mut collected: Vec<[Collected; 3]> = plan.measures.iter().map(|_| Default::default()).collect();
    for event in &record.events {
        let EventKind::Read(reading) = &event.kind else { continue };
        let Some(&at) = index.get(reading.measure.as_str()) else { continue };
        let measure = &plan.measures[at];
        let Some(period) = periods.at(Periods::spoken_of(reading.asked, measure.lag)) else { continue };
        let part = &mut collected[at][period as usize];
        part.tally.add(&reading.outcome);
        if let Outcome::Value(quantity) = &reading.outcome {
            units[at].get_or_insert(quantity.unit);
            if quantity.value.is_finite() {
                part.numbers.push(quantity.value);
            }
        }
        if measure.is_judged(period.judged())
            && let Some(judge) = &judges[at]
        {
            *part.tally.misses.get_or_insert(0) += u64::from(judge.misses(&reading.outcome));
        }
    }
    let parts = plan.measures.iter().zip(collected).zip(units);
    let (mut during, mut after) = (Vec::new(), Vec::new());
    let mut measures = Vec::new();
    for ((measure, parts), unit) in parts {
        let samples = parts.each_ref().map(|part| Sample::of(&part.numbers));
        let [before, then, last] = &samples;
        let unit = unit.unwrap_or_default();
        during.push(Raw::between(&measure.name, unit, before, then));
        after.push(Raw::between(&measure.name, unit, before, last));
        measures.push(summarize(measure, parts, &samples, unit, &facts));
    }
    // Two questions, each asked of all measures: did the faults move it, and is it what it was?
    let contrasts = Contrast::of_all(during).into_iter().zip(Contrast::of_all(after));
    for (measure, (during, after)) in measures.iter_mut().zip(contrasts) {
        (measure.contrast_during, measure.contrast_after) = (during, after);
    }
    measures
}

impl<'a> Facts<'a> {
    fn of(record: &'a Record, index: &HashMap<&'a str, usize>) -> Self {
        let mut facts =
            Self { baselines: HashMap::new(), steady: SteadyState::NotMet, aborts: Vec::new(), never: &[] };
        let mut in_baseline = Phase::Init;
        let mut read: HashMap<&str, Vec<f64>> = HashMap::new();
        for event in &record.events {
            match &event.kind {
                EventKind::PhaseEntered { phase } => in_baseline = *phase,
                EventKind::Read(reading) if in_baseline == Phase::BaselineCheck => {
                    let number = reading.outcome.as_number().filter(|number| number.is_finite());
                    if let (Some(number), true) = (number, index.contains_key(reading.measure.as_str())) {
                        read.entry(&reading.measure).or_default().push(number);
                    }
                }
                EventKind::SteadyStateMet { baselines } => {
                    facts.steady = SteadyState::Met;
                    for baseline in baselines {
                        if let Some(number) = baseline.median.as_number() {
                            facts.baselines.insert(&baseline.measure, number);
                        }
                    }
                }
                EventKind::AbortTriggered { measure, when, breaches, .. } => {
                    facts.aborts.push((measure, when, *breaches));
                }
                EventKind::NeverRecovered { measures, .. } => facts.never = measures,
                _ => {}
            }
        }
        if facts.steady == SteadyState::NotMet {
            for (measure, mut numbers) in read {
                numbers.sort_unstable_by(f64::total_cmp);
                facts.baselines.extend(median(&numbers).map(|median| (measure, median)));
            }
        }
        facts
    }
}

fn summarize(
    measure: &Measure,
    parts: [Collected; 3],
    samples: &[Sample; 3],
    unit: Unit,
    facts: &Facts<'_>,
) -> MeasureSummary {
    let [mut before, mut during, mut after] = parts.map(|part| part.tally);
    for (tally, sample) in [&mut before, &mut during, &mut after].into_iter().zip(samples) {
        tally.finish(sample);
    }
    let baseline = facts.baselines.get(measure.name.as_str()).copied();
    let mut summary = MeasureSummary {
        name: measure.name.clone(),
        probe: kind(&measure.probe).to_owned(),
        unit,
        expect: measure.expect.as_ref().map(ToString::to_string),
        limits: measure.expect.as_ref().map(|expect| limits(expect, baseline)).unwrap_or_default(),
        abort: measure.abort.as_ref().map(|abort| format!("{} ({} in a row)", abort.when, abort.consecutive)),
        allow: measure.allow,
        judged: measure.judged.clone(),
        lag: measure.lag,
        baseline,
        contrast_during: None,
        contrast_after: None,
        before,
        during,
        after,
        standing: Standing::Recorded,
        reasons: Vec::new(),
    };
    summary.judge(measure, facts);
    summary
}

impl MeasureSummary {
    /// The readings of a period.
    pub fn tally(&self, period: Period) -> &Tally {
        match period {
            Period::Before => &self.before,
            Period::During => &self.during,
            Period::After => &self.after,
        }
    }

    /// A number of this measure with its unit.
    pub fn quantity(&self, value: f64) -> Quantity {
        Quantity::new(value, self.unit)
    }

    /// The baseline counts only where the steady state was not met, and the time after the faults only by the
    /// recovery: misses right after the last undo are what a recovery is made of.
    fn judge(&mut self, measure: &Measure, facts: &Facts<'_>) {
        let mut reasons = Vec::new();
        for (period, counts) in
            [(Period::Before, facts.steady == SteadyState::NotMet), (Period::During, true)]
        {
            let tally = self.tally(period);
            if let (true, Some(share), Some(misses)) = (counts, tally.missed_percent(), tally.misses)
                && share > measure.allow.0
            {
                reasons.push(format!(
                    "{misses} of {} readings {period} the faults were not {} ({}, {} allowed)",
                    tally.n,
                    self.expect.as_deref().unwrap_or("as expected"),
                    Quantity::new(share, Unit::Percent),
                    measure.allow,
                ));
            }
        }
        for (_, when, breaches) in facts.aborts.iter().filter(|(name, ..)| *name == measure.name) {
            reasons.push(format!("{breaches} readings in a row were {when}: the run was aborted"));
        }
        if facts.never.contains(&measure.name) {
            reasons.push("still not as expected at the end of the time for recovery".to_owned());
        }
        let all = [&self.before, &self.during, &self.after];
        let (n, unreadable) =
            all.iter().fold((0, 0), |(n, unreadable), tally| (n + tally.n, unreadable + tally.unreadable));
        self.standing = match (&measure.expect, reasons.is_empty()) {
            (Some(_), _) if n == unreadable => Standing::Unread,
            (_, false) => Standing::Missed,
            (Some(_), true) => Standing::Met,
            (None, true) => Standing::Recorded,
        };
        if self.standing == Standing::Unread {
            reasons.insert(
                0,
                match n {
                    0 => "was never read".to_owned(),
                    n => format!("none of {n} readings could be taken"),
                },
            );
        }
        self.reasons = reasons;
    }
}

fn limits(expect: &Expect, baseline: Option<f64>) -> Vec<f64> {
    let limits = match expect {
        Expect::Is { limit: limit @ (Limit::Absolute(_) | Limit::Baseline { .. }), .. } => {
            limit.value(baseline).into_iter().collect()
        }
        Expect::Between { low, high } => vec![low.value, high.value],
        Expect::Absent | Expect::Present | Expect::Text(_) | Expect::Matches(_) => Vec::new(),
    };
    limits.into_iter().filter(|limit| limit.is_finite()).collect()
}

fn kind(probe: &Probe) -> &'static str {
    match probe {
        Probe::Http(_) => "http",
        Probe::Tcp { .. } => "tcp",
        Probe::Command { .. } => "command",
        Probe::Process { .. } => "process",
        Probe::Cgroup { .. } => "cgroup",
        Probe::Log { .. } => "log",
        Probe::Queue { .. } => "queue",
        Probe::Load(_) => "load",
        Probe::Prometheus { .. } => "prometheus",
    }
}
