//! The measures: what was read before, during and after, and whether that is as expected.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use squall_model::event::{EventKind, Offset, Phase};
use squall_model::measure::{Expect, Judged, Limit, Measure, Probe};
use squall_model::record::Record;
use squall_model::unit::{Percent, Quantity, Span, Unit};
use squall_stats::{LEVEL, change_point, median};

use super::contrast::{Contrast, Raw, p_value};
use super::groups::GroupsSummary;
use super::periods::{Period, Periods};
use super::series::Series;
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
    /// The clearest change of level after the last undo; `None` where there was none that could be told from chance.
    pub settled: Option<Settled>,
    /// The instances that were hit beside the untouched ones, of a measure that is read for each; or the requests.
    pub groups: Option<GroupsSummary>,
    /// Whether it was as expected.
    pub standing: Standing,
    /// Why it was not.
    pub reasons: Vec<String>,
}

/// A change of level after the last undo: the moment at which a measure was itself again, or was another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settled {
    /// From the last undo to the first reading of the new level, in seconds.
    pub after: f64,
    /// Median from the last undo to then, in the base of the unit.
    pub from: f64,
    /// Median from then on.
    pub to: f64,
    /// Chance of so clear a change where there is none (Pettitt).
    pub p: f64,
}

impl Settled {
    fn of(series: &Series, periods: &Periods) -> Option<Self> {
        let undone = periods.faults_until?;
        let (times, numbers): (Vec<Offset>, Vec<f64>) = series.after().iter().copied().unzip();
        let change = change_point(&numbers).filter(|change| change.p < LEVEL)?;
        let after = (times[change.at].seconds() - undone.seconds()).max(0.0);
        Some(Self { after, from: change.from, to: change.to, p: change.p })
    }
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

/// What a record says of its measures apart from the readings.
pub(crate) struct Facts<'a> {
    /// Medians of the baseline, by the name of the measure.
    pub(crate) baselines: HashMap<&'a str, f64>,
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
    let facts = Facts::of(record);
    let series = Series::of(record, periods, &facts.baselines);
    let (mut during, mut after) = (Vec::new(), Vec::new());
    let mut measures = Vec::new();
    let mut groups = Vec::new();
    for (measure, series) in plan.measures.iter().zip(series) {
        let [before, then, last] = Periods::ALL.map(|period| &series.part(period).sample);
        during.push(Raw::between(&measure.name, series.unit, before, then));
        after.push(Raw::between(&measure.name, series.unit, before, last));
        groups.push(GroupsSummary::of(record, measure, &series));
        measures.push(summarize(measure, series, &facts, periods));
    }
    // Three questions, each asked of all measures: did the faults move it, is it what it was, is the fault to blame?
    let contrasts = Contrast::of_all(during).into_iter().zip(Contrast::of_all(after));
    let groups = GroupsSummary::of_all(groups);
    for ((measure, (during, after)), groups) in measures.iter_mut().zip(contrasts).zip(groups) {
        (measure.contrast_during, measure.contrast_after, measure.groups) = (during, after, groups);
    }
    measures
}

impl<'a> Facts<'a> {
    pub(crate) fn of(record: &'a Record) -> Self {
        let index: HashSet<&str> =
            record.start.plan.measures.iter().map(|measure| measure.name.as_str()).collect();
        let mut facts =
            Self { baselines: HashMap::new(), steady: SteadyState::NotMet, aborts: Vec::new(), never: &[] };
        let mut in_baseline = Phase::Init;
        let mut read: HashMap<&str, Vec<f64>> = HashMap::new();
        for event in &record.events {
            match &event.kind {
                EventKind::PhaseEntered { phase } => in_baseline = *phase,
                EventKind::Read(reading) if in_baseline == Phase::BaselineCheck => {
                    let number = reading.outcome.as_number().filter(|number| number.is_finite());
                    if let (Some(number), true) = (number, index.contains(reading.measure.as_str())) {
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

fn summarize(measure: &Measure, series: Series, facts: &Facts<'_>, periods: &Periods) -> MeasureSummary {
    let unit = series.unit;
    let settled = Settled::of(&series, periods);
    let [before, during, after] = series.tallies();
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
        groups: None,
        settled,
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

    /// What else there is to say of it, a sentence each: the groups, and when it settled.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(groups) = &self.groups {
            notes.push(groups.sentence.clone());
        }
        if let Some(settled) = self.settled {
            notes.push(format!(
                "{} changed its level {} after the last undo, from {} to {} ({})",
                self.name,
                Quantity::new(settled.after, Unit::Seconds),
                self.quantity(settled.from),
                self.quantity(settled.to),
                p_value(settled.p)
            ));
        }
        notes
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
        Probe::Traffic { .. } => "traffic",
        Probe::Prometheus { .. } => "prometheus",
    }
}
