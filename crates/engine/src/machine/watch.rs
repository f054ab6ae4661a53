//! One series of readings and what is expected of it: a measure, or a measure of one instance.

use squall_model::event::{EventKind, Misses, Offset, Reading};
use squall_model::measure::{Abort, Expect, Judged, Measure, Outcome};
use squall_model::unit::Unit;

/// One series.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) measure: Measure,
    pub(super) instance: Option<String>,
    pub(super) last: Option<Outcome>,
    pub(super) baseline: Vec<f64>,
    pub(super) unit: Unit,
    pub(super) median: Option<f64>,
    /// In the phase being judged.
    pub(super) tally: Tally,
    /// Of the time with faults, kept when the phase is over.
    pub(super) during: Tally,
    missing: bool,
    aborts: Vec<Counted>,
    gates: Vec<Gate>,
    pub(super) first_met: Option<Offset>,
    pub(super) met_since: Option<Offset>,
    pub(super) last_at: Option<Offset>,
}

/// An abort threshold and its breaches in a row.
#[derive(Debug)]
struct Counted {
    abort: Abort,
    breaches: u32,
}

/// What a stage expects besides.
#[derive(Debug)]
struct Gate {
    expect: Expect,
    tally: Tally,
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
    pub(super) instance: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) when: String,
    pub(super) breaches: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) readings: u32,
    pub(super) misses: u32,
    unreadable: u32,
    worst: Option<Outcome>,
}

/// A measure, of one instance where it is read for each.
pub(super) fn title(measure: &str, instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("{measure} of {instance}"),
        None => measure.to_owned(),
    }
}

impl Watch {
    pub(super) fn new(measure: &Measure, instance: Option<&str>) -> Self {
        let aborts = measure.abort.iter().map(|abort| Counted { abort: abort.clone(), breaches: 0 });
        Self {
            measure: measure.clone(),
            instance: instance.map(str::to_owned),
            last: None,
            baseline: Vec::new(),
            unit: Unit::Number,
            median: None,
            tally: Tally::default(),
            during: Tally::default(),
            missing: false,
            aborts: aborts.collect(),
            gates: Vec::new(),
            first_met: None,
            met_since: None,
            last_at: None,
        }
    }

    pub(super) fn title(&self) -> String {
        title(&self.measure.name, self.instance.as_deref())
    }

    pub(super) fn is_of(&self, reading: &Reading) -> bool {
        self.measure.name == reading.measure && self.instance.as_deref() == reading.instance.as_deref()
    }

    /// A stretch of time that is judged begins.
    pub(super) fn begin(&mut self) {
        self.tally = Tally::default();
        self.first_met = None;
        self.met_since = None;
        self.last_at = None;
        for counted in &mut self.aborts {
            counted.breaches = 0;
        }
    }

    /// A stage begins, with thresholds and expectations of its own.
    pub(super) fn begin_stage<'a>(
        &mut self,
        gates: impl Iterator<Item = &'a Expect>,
        aborts: impl Iterator<Item = &'a Abort>,
    ) {
        self.during = Tally::default();
        self.gates = gates.map(|expect| Gate { expect: expect.clone(), tally: Tally::default() }).collect();
        let own = self.measure.abort.iter().cloned();
        self.aborts = own.chain(aborts.cloned()).map(|abort| Counted { abort, breaches: 0 }).collect();
    }

    pub(super) fn note(&mut self, judged: Judged, reading: &Reading) -> Noted {
        let outcome = &reading.outcome;
        self.last_at = Some(reading.asked);
        if let (Judged::Before, Outcome::Value(quantity)) = (judged, outcome) {
            self.baseline.push(quantity.value);
            self.unit = quantity.unit;
        }
        let abort = if judged == Judged::During { self.note_breach(outcome) } else { None };
        if judged == Judged::During {
            for gate in &mut self.gates {
                gate.tally.count(outcome, &gate.expect, self.median);
            }
        }
        let judged_here = self.measure.is_judged(judged) || judged == Judged::Before;
        let Some(expect) = self.measure.expect.as_ref().filter(|_| judged_here) else {
            self.tally.see(outcome);
            return Noted { change: None, abort };
        };
        // Before the baseline is known a relative limit says nothing, but a reading that failed does.
        let met = if judged == Judged::Before && expect.is_relative() {
            self.tally.see(outcome);
            let met = !matches!(outcome, Outcome::Unreadable(_));
            self.tally.misses += u32::from(!met);
            met
        } else {
            self.tally.count(outcome, expect, self.median)
        };
        if met {
            self.first_met.get_or_insert(reading.asked);
            self.met_since.get_or_insert(reading.asked);
        } else {
            self.met_since = None;
        }
        let change = (met == self.missing).then(|| {
            let (measure, instance) = (self.measure.name.clone(), self.instance.clone());
            let outcome = outcome.clone();
            if met {
                EventKind::ExpectationMet { measure, instance, outcome }
            } else {
                EventKind::ExpectationMissed { measure, instance, outcome, expect: expect.to_string() }
            }
        });
        self.missing = !met;
        Noted { change, abort }
    }

    /// A reading of the time with faults that comes when they are gone.
    pub(super) fn note_late(&mut self, reading: &Reading) {
        for gate in &mut self.gates {
            gate.tally.count(&reading.outcome, &gate.expect, self.median);
        }
        let Some(expect) = self.measure.expect.as_ref() else { return };
        self.during.count(&reading.outcome, expect, self.median);
    }

    /// A reading that could not be taken is a breach too: blind is not safe.
    fn note_breach(&mut self, outcome: &Outcome) -> Option<Breach> {
        let mut breach = None;
        for counted in &mut self.aborts {
            let Counted { abort, breaches } = counted;
            if !matches!(outcome, Outcome::Unreadable(_)) && !abort.when.holds(outcome, self.median) {
                *breaches = 0;
                continue;
            }
            *breaches += 1;
            if *breaches >= abort.consecutive && breach.is_none() {
                breach = Some(Breach {
                    measure: self.measure.name.clone(),
                    instance: self.instance.clone(),
                    outcome: outcome.clone(),
                    when: abort.when.to_string(),
                    breaches: *breaches,
                });
            }
        }
        breach
    }

    pub(super) fn unsteady(&self) -> Option<String> {
        let name = self.title();
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

    /// Whether it left what is expected while faults were on, further than is allowed.
    pub(super) fn has_deviated(&self) -> bool {
        self.measure.is_judged(Judged::During) && self.during.exceeds(self.measure.allow.0)
    }

    pub(super) fn deviation(&self) -> Option<String> {
        let expect = self.measure.expect.as_ref().filter(|_| self.has_deviated())?;
        Some(format!("{} was not {expect} while faults were on: {}", self.title(), self.during.describe()))
    }

    /// The gates of the stage that it did not pass.
    pub(super) fn shut_gates(&self) -> impl Iterator<Item = String> {
        let shut = self.gates.iter().filter(|gate| gate.tally.exceeds(self.measure.allow.0));
        shut.map(|gate| {
            format!("{} was not {} as the gate asks: {}", self.title(), gate.expect, gate.tally.describe())
        })
    }

    /// It was not as expected in the time that is judged now.
    pub(super) fn relapse(&self) -> Option<String> {
        let expect = self.measure.expect.as_ref().filter(|_| self.measure.is_judged(Judged::After))?;
        self.tally.exceeds(self.measure.allow.0).then(|| {
            format!("{} was not {expect} after the recovery: {}", self.title(), self.tally.describe())
        })
    }
}

impl Tally {
    /// One more reading that nothing is expected of.
    fn see(&mut self, outcome: &Outcome) {
        self.readings += 1;
        self.unreadable += u32::from(matches!(outcome, Outcome::Unreadable(_)));
    }

    /// One more reading; whether it is as expected.
    fn count(&mut self, outcome: &Outcome, expect: &Expect, median: Option<f64>) -> bool {
        self.see(outcome);
        let met = expect.holds(outcome, median);
        if !met {
            self.misses += 1;
            if self.worst.as_ref().is_none_or(|worst| is_worse(outcome, worst, expect, median)) {
                self.worst = Some(outcome.clone());
            }
        }
        met
    }

    pub(super) fn exceeds(&self, allowed_percent: f64) -> bool {
        f64::from(self.misses) * 100.0 > allowed_percent * f64::from(self.readings)
    }

    pub(super) fn misses(&self) -> Misses {
        Misses { missed: self.misses, readings: self.readings }
    }

    pub(super) fn describe(&self) -> String {
        let mut text = self.misses().to_string();
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
fn is_worse(outcome: &Outcome, worst: &Outcome, expect: &Expect, baseline: Option<f64>) -> bool {
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
            instance: self.instance.clone(),
            outcome: self.outcome.clone(),
            when: self.when.clone(),
            breaches: self.breaches,
        }
    }
}
