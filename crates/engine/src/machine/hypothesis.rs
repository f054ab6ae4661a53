//! The steady-state hypothesis while a run goes on: baselines, misses, breaches, recovery.

use std::time::Duration;

use squall_model::event::{Baseline, Offset, Reading};
use squall_model::measure::{Judged, Outcome};
use squall_model::plan::{Condition, Plan};
use squall_model::stage::Stage;
use squall_model::unit::Quantity;

use super::watch::{Noted, Watch};

/// What is known of all measures.
#[derive(Debug)]
pub(super) struct Hypothesis {
    pub(super) watches: Vec<Watch>,
    judged: Judged,
    since: Offset,
}

/// What the baseline says.
pub(super) enum Baselined {
    /// A measure has not been read once.
    NotYet,
    Steady(Vec<Baseline>),
    Unsteady(Vec<String>),
}

/// The system is itself again.
pub(super) struct Back {
    /// When every measure had been as expected once.
    pub(super) first: Offset,
    /// Since when all of them are.
    pub(super) steady: Offset,
}

/// The middle of the values, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

impl Hypothesis {
    pub(super) fn new(plan: &Plan) -> Self {
        let watches = plan.series().into_iter().map(|(measure, instance)| Watch::new(measure, instance));
        Self { watches: watches.collect(), judged: Judged::Before, since: Offset::default() }
    }

    /// From now on readings that speak of `since` and later count for that time.
    pub(super) fn watch(&mut self, judged: Judged, since: Offset) {
        self.judged = judged;
        self.since = since;
        self.watches.iter_mut().for_each(Watch::begin);
    }

    /// The time with faults begins, with what its stage asks besides.
    pub(super) fn expose(&mut self, stage: Option<&Stage>, since: Offset) {
        for watch in &mut self.watches {
            let name = watch.measure.name.clone();
            let gates = stage.into_iter().flat_map(|stage| &stage.gate);
            let triggers = stage.into_iter().flat_map(|stage| &stage.rollback);
            watch.begin_stage(
                gates.filter(|gate| gate.measure == name).map(|gate| &gate.is),
                triggers.filter(|trigger| trigger.measure == name).map(|trigger| &trigger.abort),
            );
        }
        self.watch(Judged::During, since);
    }

    /// The time with faults is over: from `since` on, readings speak of the recovery. Said again, it changes nothing.
    pub(super) fn recover(&mut self, since: Offset) {
        if self.judged != Judged::During {
            return;
        }
        for watch in &mut self.watches {
            watch.during = std::mem::take(&mut watch.tally);
        }
        self.watch(Judged::After, since);
    }

    /// Whether a time with faults has been seen to its end.
    pub(super) fn was_exposed(&self) -> bool {
        self.judged == Judged::After
    }

    pub(super) fn is_exposed(&self) -> bool {
        self.judged == Judged::During
    }

    pub(super) fn note(&mut self, reading: &Reading) -> Noted {
        let (judged, since) = (self.judged, self.since);
        let Some(watch) = self.watches.iter_mut().find(|watch| watch.is_of(reading)) else {
            return Noted::default();
        };
        let speaks_of = Offset(reading.asked.0.saturating_sub(watch.measure.lag.0));
        watch.last = Some(reading.outcome.clone());
        if speaks_of >= since {
            return watch.note(judged, reading);
        }
        // A source that lags still speaks of the faults when they are gone.
        if judged == Judged::After {
            watch.note_late(reading);
        }
        Noted::default()
    }

    pub(super) fn baseline(&mut self) -> Baselined {
        if !self.is_answered() {
            return Baselined::NotYet;
        }
        let reasons: Vec<String> = self.watches.iter().filter_map(Watch::unsteady).collect();
        if !reasons.is_empty() {
            return Baselined::Unsteady(reasons);
        }
        let mut baselines = Vec::new();
        for watch in &mut self.watches {
            watch.median = median(&watch.baseline);
            if let Some(middle) = watch.median {
                baselines.push(Baseline {
                    measure: watch.measure.name.clone(),
                    instance: watch.instance.clone(),
                    median: Outcome::Value(Quantity::new(middle, watch.unit)),
                    n: watch.baseline.len() as u32,
                });
            }
        }
        Baselined::Steady(baselines)
    }

    /// Whether every measure was read since the phase began.
    pub(super) fn is_answered(&self) -> bool {
        self.watches.iter().all(|watch| watch.tally.readings > 0)
    }

    /// Whether the last reading is as the condition says; of a measure that is read for each instance, one of them.
    pub(super) fn is(&self, condition: &Condition) -> bool {
        let mut watches = self.watches.iter().filter(|watch| watch.measure.name == condition.measure);
        watches.any(|watch| watch.last.as_ref().is_some_and(|last| condition.is.holds(last, watch.median)))
    }

    /// Every measure that counts afterwards has been as expected for so long, without a break.
    pub(super) fn recovered(&self, steady_for: Duration) -> Option<Back> {
        let mut back = Back { first: self.since, steady: self.since };
        for watch in self.watches.iter().filter(|watch| watch.measure.is_judged(Judged::After)) {
            back.first = back.first.max(watch.first_met?);
            back.steady = back.steady.max(watch.met_since?);
        }
        let is_long_enough = self
            .watches
            .iter()
            .filter(|watch| watch.measure.is_judged(Judged::After))
            .all(|watch| watch.last_at.is_some_and(|last| last.0 >= back.steady.0 + steady_for));
        is_long_enough.then_some(back)
    }

    /// The measures that are not as expected, or have not been for long enough.
    pub(super) fn missing(&self) -> Vec<&Watch> {
        let after = self.watches.iter().filter(|watch| watch.measure.is_judged(Judged::After));
        let missing: Vec<&Watch> = after.clone().filter(|watch| watch.met_since.is_none()).collect();
        if missing.is_empty() { after.collect() } else { missing }
    }

    /// One sentence for each gate of the stage that is shut.
    pub(super) fn shut_gates(&self) -> Vec<String> {
        self.watches.iter().flat_map(Watch::shut_gates).collect()
    }

    /// One sentence for each measure that is not as expected in the time that is judged now.
    pub(super) fn relapses(&self) -> Vec<String> {
        self.watches.iter().filter_map(Watch::relapse).collect()
    }
}
