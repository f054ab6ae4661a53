//! What was not done: requests of the load, and what measures count that say what the system gets done.

use std::collections::BTreeMap;

use serde::Serialize;
use squall_model::event::{EventKind, Offset, Reading};
use squall_model::measure::{Flow, Measure};
use squall_model::record::Record;
use squall_model::stage::StageOutcome;
use squall_model::unit::{Quantity, Unit};
use squall_stats::Shortfall;

use super::periods::{Period, Periods};
use crate::wording::grouped;

/// Requests done from the first fault on, against those that would have been done had it been as before: the same share of
/// those that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Throughput {
    /// Requests that would have been done.
    pub wanted: f64,
    /// Those that were not, when they were: the area below.
    pub lost: f64,
    /// Those beyond: what was caught up with.
    pub gained: f64,
    /// The lost ones as a share (0 to 1) of the wanted.
    pub share: f64,
}

/// What a measure says of what the system got done, from the first fault until it was itself again. Of a measure that is
/// read for each instance it is the sum over them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MeasuredThroughput {
    /// The measure.
    pub measure: String,
    /// What is counted: a number, or bytes.
    pub unit: Unit,
    /// The mean of the baseline, in the unit a second.
    pub level: f64,
    /// What would have been done at that level, in the time of which something is known.
    pub wanted: f64,
    /// What was not, when it was: the area below the level.
    pub lost: f64,
    /// What was done beyond it: the area above.
    pub gained: f64,
    /// What was lost as a share (0 to 1) of what was wanted.
    pub share: f64,
    /// Seconds for which there is no number.
    pub unknown: f64,
}

/// Against what was sent, so that a load that changes its rate is no loss.
pub(super) fn of_load(record: &Record, periods: &Periods) -> Option<Throughput> {
    let from = periods.faults_from?;
    let (mut sent, mut done, mut wanted) = (0.0, 0.0, 0.0);
    let mut since: Option<Offset> = None;
    let mut off = Vec::new();
    for event in &record.events {
        let EventKind::LoadSampled(sample) = &event.kind else { continue };
        let span = since.map_or(0.0, |since| event.at.seconds() - since.seconds());
        since = Some(event.at);
        if periods.at(event.at) == Some(Period::Before) {
            sent += sample.sent as f64;
            done += sample.ok as f64;
        }
        if event.at < from || span <= 0.0 || sent <= 0.0 {
            continue;
        }
        let usual = sample.sent as f64 * done / sent;
        wanted += usual;
        if off.is_empty() {
            off.push((event.at.seconds() - span, 0.0));
        }
        off.push((event.at.seconds(), (sample.ok as f64 - usual) / span));
    }
    let area = Shortfall::of(0.0, off);
    let share = (wanted > 0.0).then(|| area.lost / wanted)?;
    Some(Throughput { wanted, lost: area.lost, gained: area.gained, share })
}

/// Of each measure that says what the system gets done, in the order of the plan.
pub(super) fn of_measures(record: &Record, periods: &Periods) -> Vec<MeasuredThroughput> {
    let plan = &record.start.plan;
    let Some(from) = periods.faults_from.filter(|_| plan.measures.iter().any(|one| one.throughput.is_some()))
    else {
        return Vec::new();
    };
    let until = end(record);
    let measures = plan.measures.iter().filter_map(|measure| {
        let flow = measure.throughput?;
        let mut meters: BTreeMap<Option<&str>, Meter> = BTreeMap::new();
        for event in &record.events {
            let EventKind::Read(reading) = &event.kind else { continue };
            if reading.measure == measure.name {
                let meter = meters.entry(reading.instance.as_deref()).or_insert_with(|| Meter::new(flow));
                meter.note(reading, measure, (periods.begin, from, until));
            }
        }
        MeasuredThroughput::sum(measure, meters.into_values())
    });
    measures.collect()
}

/// When the system was itself again, or was given up: after that the load may have ended.
fn end(record: &Record) -> Offset {
    let end = record.events.iter().rfind(|event| match &event.kind {
        EventKind::Recovered { .. }
        | EventKind::NeverRecovered { .. }
        | EventKind::FaultUndone { .. }
        | EventKind::UndoFailed { .. } => true,
        EventKind::StageEnded { outcome, .. } => *outcome != StageOutcome::Left,
        _ => false,
    });
    end.or(record.events.last()).map(|event| event.at).unwrap_or_default()
}

/// One series of readings.
struct Meter {
    flow: Flow,
    unit: Unit,
    /// The last reading that had its time accounted for, in seconds.
    since: Option<f64>,
    /// The last number, of a counter.
    count: f64,
    /// What was done in the baseline, and in how many seconds.
    before: (f64, f64),
    /// Times and rates from the first fault on; without a number where nothing is known.
    rates: Vec<(f64, f64)>,
}

impl Meter {
    fn new(flow: Flow) -> Self {
        Self { flow, unit: Unit::Number, since: None, count: 0.0, before: (0.0, 0.0), rates: Vec::new() }
    }

    /// A reading speaks of the time since the one before it.
    fn note(&mut self, reading: &Reading, measure: &Measure, (begin, from, until): (Offset, Offset, Offset)) {
        let at = Periods::spoken_of(reading.asked, measure.lag);
        if at < begin || at > until {
            return;
        }
        let number = reading.outcome.as_number().filter(|number| number.is_finite());
        if let (Some(_), Some(unit)) = (number, reading.outcome.unit()) {
            self.unit = if unit == Unit::PerSecond { Unit::Number } else { unit };
        }
        // A counter that could not be read tells with its next number what came meanwhile.
        if number.is_none() && self.flow == Flow::Total {
            return;
        }
        let time = at.seconds();
        let since = self.since.replace(time);
        let before = std::mem::replace(&mut self.count, number.unwrap_or_default());
        let Some(since) = since.filter(|since| *since < time) else { return };
        let span = time - since;
        let rate = match (number, self.flow) {
            (None, _) => f64::NAN,
            (Some(rate), Flow::Rate) => rate,
            (Some(count), Flow::Count) => count / span,
            // A counter that is less than it was began again at 0.
            (Some(total), Flow::Total) => (if total < before { total } else { total - before }) / span,
        };
        if at >= from {
            if self.rates.is_empty() {
                self.rates.push((since, 0.0));
            }
            self.rates.push((time, rate));
        } else if rate.is_finite() {
            self.before.0 += rate * span;
            self.before.1 += span;
        }
    }
}

impl MeasuredThroughput {
    /// `None` without a baseline, or where nothing was read after it.
    fn sum(measure: &Measure, meters: impl Iterator<Item = Meter>) -> Option<Self> {
        let mut sum = Self {
            measure: measure.name.clone(),
            unit: Unit::Number,
            level: 0.0,
            wanted: 0.0,
            lost: 0.0,
            gained: 0.0,
            share: 0.0,
            unknown: 0.0,
        };
        for meter in meters {
            if meter.before.1 <= 0.0 {
                continue;
            }
            let level = meter.before.0 / meter.before.1;
            let (mut known, mut unknown) = (0.0, 0.0);
            for pair in meter.rates.windows(2) {
                let span = pair[1].0 - pair[0].0;
                if pair[1].1.is_finite() { known += span } else { unknown += span }
            }
            let area = Shortfall::of(level, meter.rates);
            sum.unit = meter.unit;
            sum.level += level;
            sum.wanted += level * known;
            sum.lost += area.lost;
            sum.gained += area.gained;
            sum.unknown += unknown;
        }
        sum.share = (sum.wanted > 0.0).then(|| sum.lost / sum.wanted)?;
        Some(sum)
    }

    fn quantity(&self, value: f64) -> String {
        match self.unit {
            Unit::Number => grouped(value.round().max(0.0) as u64),
            unit => Quantity::new(value, unit).to_string(),
        }
    }

    /// `done: 120 of 500 (24 %), at 20/s before; 30 more than before in other seconds; nothing is known of 4s`.
    pub(super) fn words(&self) -> String {
        let level = match self.unit {
            Unit::Number => Quantity::new(self.level, Unit::PerSecond).to_string(),
            unit => format!("{}/s", Quantity::new(self.level, unit)),
        };
        let unknown = if self.unknown > 0.0 {
            format!("; nothing is known of {}", Quantity::new(self.unknown, Unit::Seconds))
        } else {
            String::new()
        };
        format!(
            "{}: {} of {} ({}), at {level} before; {} caught up with{unknown}",
            self.measure,
            self.quantity(self.lost),
            self.quantity(self.wanted),
            Quantity::new(self.share * 100.0, Unit::Percent),
            self.quantity(self.gained),
        )
    }
}

impl Throughput {
    /// `100 of 400 requests (25 %); 20 caught up with`.
    pub(super) fn words(&self) -> String {
        format!(
            "{} of {} requests ({}); {} caught up with",
            grouped(self.lost.round() as u64),
            grouped(self.wanted.round() as u64),
            Quantity::new(self.share * 100.0, Unit::Percent),
            grouped(self.gained.round() as u64)
        )
    }
}
