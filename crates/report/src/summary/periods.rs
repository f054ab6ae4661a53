//! Before, during and after the faults.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use squall_model::event::{EventKind, Offset, Phase};
use squall_model::measure::Judged;
use squall_model::record::Record;
use squall_model::unit::Span;

/// The part of a run that a reading speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// From the start of the baseline to the first fault.
    Before,
    /// From the first fault to the last undo.
    During,
    /// From the last undo on.
    After,
}

/// Where the three periods meet.
///
/// The faults' time begins with the first injection and ends with the last undo. In a dry run it is the time
/// of the phases in which faults would have been on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Periods {
    /// Start of the baseline.
    pub begin: Offset,
    /// Start of the faults' time; `None`: there was none.
    pub faults_from: Option<Offset>,
    /// End of the faults' time; `None`: it did not end, or there was none.
    pub faults_until: Option<Offset>,
}

impl Periods {
    /// The three, in their order.
    pub const ALL: [Period; 3] = [Period::Before, Period::During, Period::After];

    pub(super) fn of(record: &Record) -> Self {
        let mut periods = Self::default();
        let (mut injected, mut undone) = (None, None);
        let (mut phase_from, mut phase_until) = (None, None);
        let mut baseline = None;
        let mut owed = BTreeSet::new();
        for event in &record.events {
            match &event.kind {
                EventKind::PhaseEntered { phase: Phase::BaselineCheck } => {
                    baseline = baseline.or(Some(event.at));
                }
                EventKind::PhaseEntered { phase: Phase::FaultInjection } => {
                    phase_from = phase_from.or(Some(event.at));
                }
                EventKind::PhaseEntered { phase: Phase::Rollback } if phase_from.is_some() => {
                    phase_until = phase_until.or(Some(event.at));
                }
                EventKind::FaultInjected { fault, .. } => {
                    injected = injected.or(Some(event.at));
                    owed.insert(fault);
                }
                EventKind::FaultUndone { fault, .. } | EventKind::UndoFailed { fault, .. } => {
                    undone = Some(event.at);
                    owed.remove(fault);
                }
                EventKind::RunEnded { .. } => owed.clear(),
                _ => {}
            }
        }
        periods.begin = baseline.unwrap_or_default();
        (periods.faults_from, periods.faults_until) = match injected {
            Some(from) => (Some(from), undone.filter(|_| owed.is_empty()).map(|until| until.max(from))),
            None => (phase_from, phase_until),
        };
        periods
    }

    /// The time that a reading speaks of: when it was asked for, less the lag of its source.
    pub fn spoken_of(asked: Offset, lag: Span) -> Offset {
        Offset(asked.0.saturating_sub(lag.0))
    }

    /// The period of a time; `None` before the baseline.
    pub fn at(&self, time: Offset) -> Option<Period> {
        if self.faults_until.is_some_and(|until| time >= until) {
            Some(Period::After)
        } else if self.faults_from.is_some_and(|from| time >= from) {
            Some(Period::During)
        } else if time >= self.begin {
            Some(Period::Before)
        } else {
            None
        }
    }

    /// The length of a period in a run that ended at `end`; `None`: it did not come so far.
    pub fn length(&self, period: Period, end: Offset) -> Option<Duration> {
        let (from, until) = match period {
            Period::Before => (Some(self.begin), self.faults_from.unwrap_or(end)),
            Period::During => (self.faults_from, self.faults_until.unwrap_or(end)),
            Period::After => (self.faults_until, end),
        };
        from.map(|from| until.0.saturating_sub(from.0))
    }
}

impl Period {
    /// The word of the plan for it.
    pub fn judged(self) -> Judged {
        match self {
            Self::Before => Judged::Before,
            Self::During => Judged::During,
            Self::After => Judged::After,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        })
    }
}
