//! The backlog: how high it rose, and when it was back at its level of the baseline.

use squall_model::event::{EventKind, Offset, Reading};
use squall_model::measure::Outcome;
use squall_model::unit::{Quantity, Span, Unit};

/// The measure that is the backlog.
#[derive(Debug)]
pub(super) struct Backlog {
    measure: String,
    lag: Span,
    unit: Unit,
    /// The largest reading of the baseline.
    level: Option<f64>,
    /// The largest reading since the faults began.
    peak: Option<f64>,
    now: Option<Outcome>,
    drained: Option<Offset>,
}

/// The part of a run that a reading belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Baseline,
    Faults,
    /// After the last undo, which was then.
    Recovery(Offset),
}

impl Backlog {
    pub(super) fn new(measure: &str, lag: Span) -> Self {
        let measure = measure.to_owned();
        Self { measure, lag, unit: Unit::Number, level: None, peak: None, now: None, drained: None }
    }

    /// The faults begin, perhaps once more.
    pub(super) fn expose(&mut self) {
        self.peak = None;
        self.drained = None;
    }

    pub(super) fn note(&mut self, reading: &Reading, part: Part) {
        if reading.measure != self.measure {
            return;
        }
        self.now = Some(reading.outcome.clone());
        let Outcome::Value(quantity) = &reading.outcome else { return };
        self.unit = quantity.unit;
        let higher = |than: Option<f64>| Some(than.map_or(quantity.value, |than| than.max(quantity.value)));
        match part {
            Part::Baseline => self.level = higher(self.level),
            Part::Faults => self.peak = higher(self.peak),
            Part::Recovery(since) => {
                let speaks_of = Offset(reading.asked.0.saturating_sub(self.lag.0));
                if self.drained.is_none() {
                    self.peak = higher(self.peak);
                }
                if speaks_of >= since && self.level.is_some_and(|level| quantity.value <= level) {
                    self.drained.get_or_insert(reading.asked);
                }
            }
        }
    }

    /// Why it cannot be the measure of a recovery.
    pub(super) fn unsteady(&self) -> Option<String> {
        let name = &self.measure;
        self.level.is_none().then(|| format!("{name} is the backlog, and gave no number in the baseline"))
    }

    pub(super) fn is_drained(&self) -> bool {
        self.drained.is_some()
    }

    fn outcome(&self, value: Option<f64>) -> Outcome {
        value.map_or(Outcome::Absent, |value| Outcome::Value(Quantity::new(value, self.unit)))
    }

    /// How it went, `after` the last undo where it is drained.
    pub(super) fn event(&self, since: Offset, within: Span) -> EventKind {
        let (measure, level) = (self.measure.clone(), self.outcome(self.level));
        match self.drained {
            Some(at) => EventKind::BacklogDrained {
                measure,
                after: super::whole_millis(at.0.saturating_sub(since.0)),
                peak: self.outcome(self.peak),
                level,
            },
            None => EventKind::BacklogLeft {
                measure,
                within,
                now: self.now.clone().unwrap_or(Outcome::Absent),
                level,
            },
        }
    }

    /// Why the recovery is not one.
    pub(super) fn deviation(&self, within: Span) -> String {
        let now = self.now.as_ref().map(ToString::to_string).unwrap_or_default();
        let level = self.outcome(self.level);
        format!("{} was {now} {within} after the last undo, and {level} at most before", self.measure)
    }
}
