//! The steady-state hypothesis while a run goes on: baselines, misses, breaches, recovery.

use std::time::Duration;

use squall_model::event::{Baseline, EventKind, Offset, Reading};
use squall_model::measure::{Judged, Measure, Outcome};
use squall_model::plan::{Condition, Plan};
use squall_model::unit::{Quantity, Unit};

/// What is known of all measures.
#[derive(Debug)]
pub(super) struct Hypothesis {
    watches: Vec<Watch>,
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

/// What a reading changed.
#[derive(Default)]
pub(super) struct Noted {
    pub(super) change: Option<EventKind>,
    pub(super) abort: Option<Breach>,
}

/// An abort threshold breached often enough.
#[derive(Debug)]
pub(super) struct Breach {
    pub(super) measure: String,
    pub(super) outcome: Outcome,
    pub(super) when: String,
    pub(super) breaches: u32,
}

/// The system is itself again.
pub(super) struct Back {
    /// When every measure had been as expected once.
    pub(super) first: Offset,
    /// Since when all of them are.
    pub(super) steady: Offset,
}

/// One measure.
#[derive(Debug)]
struct Watch {
    measure: Measure,
    last: Option<Outcome>,
    baseline: Vec<f64>,
    unit: Unit,
    median: Option<f64>,
    /// In the phase being judged.
    tally: Tally,
    /// Of the time with faults, kept when the phase is over.
    during: Tally,
    missing: bool,
    breaches: u32,
    first_met: Option<Offset>,
    met_since: Option<Offset>,
    last_at: Option<Offset>,
}

#[derive(Clone, Debug, Default)]
struct Tally {
    readings: u32,
    misses: u32,
    unreadable: u32,
    worst: Option<Outcome>,
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
        let watches = plan.measures.iter().map(|measure| Watch {
            measure: measure.clone(),
            last: None,
            baseline: Vec::new(),
            unit: Unit::Number,
            median: None,
            tally: Tally::default(),
            during: Tally::default(),
            missing: false,
            breaches: 0,
            first_met: None,
            met_since: None,
            last_at: None,
        });
        Self { watches: watches.collect(), judged: Judged::Before, since: Offset::default() }
    }

    /// From now on readings that speak of `since` and later count for that time.
    pub(super) fn watch(&mut self, judged: Judged, since: Offset) {
        self.judged = judged;
        self.since = since;
        for watch in &mut self.watches {
            watch.tally = Tally::default();
            watch.breaches = 0;
            watch.first_met = None;
            watch.met_since = None;
            watch.last_at = None;
        }
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

    pub(super) fn note(&mut self, reading: &Reading) -> Noted {
        let (judged, since) = (self.judged, self.since);
        let Some(watch) = self.watches.iter_mut().find(|watch| watch.measure.name == reading.measure) else {
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
                    instance: None,
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

    /// Whether the last reading is as the condition says.
    pub(super) fn is(&self, condition: &Condition) -> bool {
        let watch = self.watches.iter().find(|watch| watch.measure.name == condition.measure);
        watch.is_some_and(|watch| {
            watch.last.as_ref().is_some_and(|last| condition.is.holds(last, watch.median))
        })
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
    pub(super) fn missing(&self) -> Vec<String> {
        let after = self.watches.iter().filter(|watch| watch.measure.is_judged(Judged::After));
        let missing: Vec<String> = after
            .clone()
            .filter(|watch| watch.met_since.is_none())
            .map(|watch| watch.measure.name.clone())
            .collect();
        if missing.is_empty() { after.map(|watch| watch.measure.name.clone()).collect() } else { missing }
    }

    /// One sentence for each measure that left what is expected while faults were on.
    pub(super) fn deviations(&self) -> Vec<String> {
        self.watches.iter().filter_map(Watch::deviation).collect()
    }
}

impl Watch {
    fn note(&mut self, judged: Judged, reading: &Reading) -> Noted {
        let outcome = &reading.outcome;
        self.tally.readings += 1;
        self.last_at = Some(reading.asked);
        if matches!(outcome, Outcome::Unreadable(_)) {
            self.tally.unreadable += 1;
        }
        if let (Judged::Before, Outcome::Value(quantity)) = (judged, outcome) {
            self.baseline.push(quantity.value);
            self.unit = quantity.unit;
        }
        let abort = self.note_breach(judged, outcome);
        let judged_here = self.measure.is_judged(judged) || judged == Judged::Before;
        let Some(expect) = self.measure.expect.as_ref().filter(|_| judged_here) else {
            return Noted { change: None, abort };
        };
        // Before the baseline is known a relative limit says nothing, but a reading that failed does.
        let met = if judged == Judged::Before && expect.is_relative() {
            !matches!(outcome, Outcome::Unreadable(_))
        } else {
            expect.holds(outcome, self.median)
        };
        if met {
            self.first_met.get_or_insert(reading.asked);
            self.met_since.get_or_insert(reading.asked);
        } else {
            self.met_since = None;
            self.tally.misses += 1;
            if self.tally.worst.as_ref().is_none_or(|worst| is_worse(outcome, worst, expect, self.median)) {
                self.tally.worst = Some(outcome.clone());
            }
        }
        let change = (met == self.missing).then(|| {
            let measure = self.measure.name.clone();
            let outcome = outcome.clone();
            if met {
                EventKind::ExpectationMet { measure, instance: None, outcome }
            } else {
                EventKind::ExpectationMissed { measure, instance: None, outcome, expect: expect.to_string() }
            }
        });
        self.missing = !met;
        Noted { change, abort }
    }

    /// A reading of the time with faults that comes when they are gone.
    fn note_late(&mut self, reading: &Reading) {
        let Some(expect) = self.measure.expect.as_ref() else { return };
        self.during.readings += 1;
        self.during.unreadable += u32::from(matches!(reading.outcome, Outcome::Unreadable(_)));
        if !expect.holds(&reading.outcome, self.median) {
            self.during.misses += 1;
        }
    }

    /// A reading that could not be taken is a breach too: blind is not safe.
    fn note_breach(&mut self, judged: Judged, outcome: &Outcome) -> Option<Breach> {
        let abort = self.measure.abort.as_ref()?;
        if judged != Judged::During {
            return None;
        }
        if !matches!(outcome, Outcome::Unreadable(_)) && !abort.when.holds(outcome, self.median) {
            self.breaches = 0;
            return None;
        }
        self.breaches += 1;
        (self.breaches >= abort.consecutive).then(|| Breach {
            measure: self.measure.name.clone(),
            outcome: outcome.clone(),
            when: abort.when.to_string(),
            breaches: self.breaches,
        })
    }

    fn unsteady(&self) -> Option<String> {
        let name = &self.measure.name;
        let expect = self.measure.expect.as_ref()?;
        if expect.is_relative() {
            if self.baseline.is_empty() {
                let last = self.last.as_ref().map(ToString::to_string).unwrap_or_default();
                return Some(format!("{name} gave no number in the baseline ({last})"));
            }
        } else if !self.measure.judged.contains(&Judged::Before) {
            return None;
        }
        self.tally
            .exceeds(self.measure.allow.0)
            .then(|| format!("{name} was not {expect} in the baseline: {}", self.tally.describe()))
    }

    fn deviation(&self) -> Option<String> {
        if !self.measure.is_judged(Judged::During) || !self.during.exceeds(self.measure.allow.0) {
            return None;
        }
        let expect = self.measure.expect.as_ref()?;
        Some(format!(
            "{} was not {expect} while faults were on: {}",
            self.measure.name,
            self.during.describe()
        ))
    }
}

impl Tally {
    fn exceeds(&self, allowed_percent: f64) -> bool {
        f64::from(self.misses) * 100.0 > allowed_percent * f64::from(self.readings)
    }

    fn describe(&self) -> String {
        let mut text = format!("{} of {} readings missed", self.misses, self.readings);
        if let Some(worst) = &self.worst {
            text.extend([", the worst ", &worst.to_string()]);
        }
        if self.unreadable > 0 {
            text.extend([", ", &self.unreadable.to_string(), " could not be read"]);
        }
        text
    }
}

/// Further from the limit; a number says more than "unreadable".
fn is_worse(
    outcome: &Outcome,
    worst: &Outcome,
    expect: &squall_model::measure::Expect,
    baseline: Option<f64>,
) -> bool {
    use squall_model::measure::Expect;
    let limit = match expect {
        Expect::Is { limit, .. } => limit.value(baseline).unwrap_or_default(),
        Expect::Between { low, high } => f64::midpoint(low.value, high.value),
        _ => return false,
    };
    match (outcome.as_number(), worst.as_number()) {
        (Some(one), Some(other)) => (one - limit).abs() > (other - limit).abs(),
        (Some(_), None) => true,
        _ => false,
    }
}

impl Breach {
    pub(super) fn event(&self) -> EventKind {
        EventKind::AbortTriggered {
            measure: self.measure.clone(),
            instance: None,
            outcome: self.outcome.clone(),
            when: self.when.clone(),
            breaches: self.breaches,
        }
    }
}
