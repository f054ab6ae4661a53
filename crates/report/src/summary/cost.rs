//! What the faults cost: how soon it was seen, what piled up, what was not done, what was lost.

use serde::Serialize;
use squall_model::conservation::{Counts, describe};
use squall_model::event::EventKind;
use squall_model::measure::Outcome;
use squall_model::record::Record;
use squall_model::unit::Span;

use super::periods::Periods;
use super::throughput::{self, MeasuredThroughput, Throughput};

/// What the faults cost, as far as the record says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    /// The first reading that was not as expected, once for each stage of a rollout.
    pub detected: Vec<Detected>,
    /// What became of the backlog; in a rollout, after its last stage.
    pub backlog: Option<Backlog>,
    /// What the load did not get done; `None` without a load, or without a baseline of it.
    pub throughput: Option<Throughput>,
    /// What was not done of what measures count; empty where none says what the system gets done.
    pub measured: Vec<MeasuredThroughput>,
    /// Whether everything that was sent became something, once.
    pub conservation: Option<Balance>,
    /// That was to be found out, and the run ended before.
    pub unjudged: Option<Unjudged>,
    /// Looks at the ledger that could not be taken.
    pub ledger_unreadable: u64,
    /// Why the last of them could not.
    pub ledger_trouble: Option<String>,
}

/// The first reading that was not as expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Detected {
    /// The measure.
    pub measure: String,
    /// The instance, of a measure that is read for each.
    pub instance: Option<String>,
    /// From the first injection.
    pub after: Span,
}

/// What became of the backlog.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Backlog {
    /// It was back at its level.
    Drained {
        /// The measure.
        measure: String,
        /// From the last undo.
        after: Span,
        /// The largest reading since the faults began.
        peak: Outcome,
        /// The largest reading of the baseline.
        level: Outcome,
    },
    /// It was not, in time.
    Left {
        /// The measure.
        measure: String,
        /// The time that it had.
        within: Span,
        /// The last reading.
        now: Outcome,
        /// The largest reading of the baseline.
        level: Outcome,
    },
}

/// Whether everything that was sent became something, once.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Balance {
    /// What the run did.
    pub counts: Counts,
    /// What is wrong with it, a phrase each; empty: it adds up.
    pub violations: Vec<String>,
    /// From the end of the load to the look that decided.
    pub after: Span,
}

/// The run ended after the first fault and before all work was accounted for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unjudged {
    /// What the ledger said at the last look; work that was under way may have been done since.
    pub looked: Option<Counts>,
}

impl Cost {
    pub(super) fn of(record: &Record, periods: &Periods) -> Self {
        let mut cost = Self {
            throughput: throughput::of_load(record, periods),
            measured: throughput::of_measures(record, periods),
            ..Self::default()
        };
        let mut looked = None;
        for event in &record.events {
            match &event.kind {
                EventKind::DeviationDetected { measure, instance, after } => {
                    let (measure, instance) = (measure.clone(), instance.clone());
                    cost.detected.push(Detected { measure, instance, after: *after });
                }
                EventKind::BacklogDrained { measure, after, peak, level } => {
                    cost.backlog = Some(Backlog::Drained {
                        measure: measure.clone(),
                        after: *after,
                        peak: peak.clone(),
                        level: level.clone(),
                    });
                }
                EventKind::BacklogLeft { measure, within, now, level } => {
                    cost.backlog = Some(Backlog::Left {
                        measure: measure.clone(),
                        within: *within,
                        now: now.clone(),
                        level: level.clone(),
                    });
                }
                EventKind::LedgerRead { counts, .. } => looked = Some(counts),
                EventKind::LedgerUnreadable { why, .. } => {
                    cost.ledger_unreadable += 1;
                    cost.ledger_trouble = Some(why.clone());
                }
                EventKind::ConservationJudged { balance, violations, after } => {
                    cost.conservation = Some(Balance {
                        counts: balance.clone(),
                        violations: violations.clone(),
                        after: *after,
                    });
                }
                _ => {}
            }
        }
        let is_open = record.start.plan.conservation.is_some() && cost.conservation.is_none();
        cost.unjudged =
            (is_open && periods.faults_from.is_some()).then(|| Unjudged { looked: looked.cloned() });
        cost
    }
}

impl Cost {
    /// Each figure with its name and its value in words, in the order of time.
    pub(crate) fn words(&self) -> Vec<(&'static str, String)> {
        let mut words = Vec::new();
        for detected in &self.detected {
            let of = detected.instance.as_ref().map_or(String::new(), |instance| format!(" of {instance}"));
            words.push((
                "detected",
                format!("{}{of} left what is expected after {}", detected.measure, detected.after),
            ));
        }
        match &self.backlog {
            Some(Backlog::Drained { measure, after, peak, level }) => {
                words.push((
                    "backlog drained",
                    format!("{measure} after {after}, from {peak} back to {level}"),
                ));
            }
            Some(Backlog::Left { measure, within, now, level }) => {
                words.push((
                    "backlog left",
                    format!("{measure} is {now} after {within}, and was {level} before"),
                ));
            }
            None => {}
        }
        if let Some(throughput) = self.throughput {
            words.push(("throughput lost", throughput.words()));
        }
        words.extend(self.measured.iter().map(|measured| ("throughput lost", measured.words())));
        if let Some(balance) = &self.conservation {
            let verdict = match balance.violations.as_slice() {
                [] => "everything adds up".to_owned(),
                violations => format!("it does not add up: {}", violations.join(", ")),
            };
            words.push((
                "conservation",
                format!("{verdict} ({}; {} after the load)", describe(&balance.counts), balance.after),
            ));
        }
        if let Some(unjudged) = &self.unjudged {
            let looked =
                unjudged.looked.as_ref().map(|counts| format!("; at the last look {}", describe(counts)));
            words.push((
                "conservation",
                format!("not judged: the run ended before that{}", looked.unwrap_or_default()),
            ));
        }
        if let Some(trouble) = &self.ledger_trouble {
            words.push((
                "ledger",
                format!("{} looks could not be taken, the last: {trouble}", self.ledger_unreadable),
            ));
        }
        words
    }
}
