//! What the faults cost: how soon it was seen, what piled up, what was not done, what was lost.

use serde::Serialize;
use squall_model::conservation::{Counts, describe};
use squall_model::event::{EventKind, Offset};
use squall_model::measure::Outcome;
use squall_model::record::Record;
use squall_model::unit::{Quantity, Span, Unit};
use squall_stats::Shortfall;

use super::periods::{Period, Periods};
use crate::wording::grouped;

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
    /// Whether everything that was sent became something, once.
    pub conservation: Option<Balance>,
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

impl Cost {
    pub(super) fn of(record: &Record, periods: &Periods) -> Self {
        let mut cost = Self { throughput: throughput(record, periods), ..Self::default() };
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
        cost
    }
}

/// Against what was sent, so that a load that changes its rate is no loss.
fn throughput(record: &Record, periods: &Periods) -> Option<Throughput> {
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
            words.push((
                "throughput lost",
                format!(
                    "{} of {} requests ({}); {} caught up with",
                    grouped(throughput.lost.round() as u64),
                    grouped(throughput.wanted.round() as u64),
                    Quantity::new(throughput.share * 100.0, Unit::Percent),
                    grouped(throughput.gained.round() as u64)
                ),
            ));
        }
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
        if let Some(trouble) = &self.ledger_trouble {
            words.push((
                "ledger",
                format!("{} looks could not be taken, the last: {trouble}", self.ledger_unreadable),
            ));
        }
        words
    }
}
