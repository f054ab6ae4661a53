//! A run as lines: the fold of its events. Pure, so that a run and its replay look the same.
//!
//! ```text
//!     0.0s  steady      p99 41 ms, errors 0 %
//!    10.1s  injected    redis: delay 100 ms on BLMOVE
//! ```

mod ending;
mod progress;

use std::collections::BTreeMap;
use std::time::Duration;

use squall_model::conservation::describe;
use squall_model::event::{
    Blame, Event, EventKind, FaultRef, GroupsCompared, Mode, Offset, Phase, RunStarted,
};
use squall_model::measure::Outcome;
use squall_model::stage::StageOutcome;

pub(crate) use self::ending::Ending;
pub(crate) use self::progress::{Progress, Standing, TICK, style};
use crate::text::plain;

/// A line of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) at: Offset,
    pub(crate) word: &'static str,
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// How a line is meant; colour repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it goes.
    Quiet,
    /// All is well.
    Good,
    /// Something is broken on purpose.
    Broken,
    /// Something is not as expected.
    Worry,
    /// Something went wrong.
    Bad,
}

/// What was seen of a run so far.
#[derive(Default)]
pub(crate) struct Live {
    /// How often readings are shown.
    every: Duration,
    /// The longest that the run may take.
    pub(crate) most: Duration,
    mode: Mode,
    phase: Option<Phase>,
    measures: Vec<String>,
    last: BTreeMap<String, Outcome>,
    shown: Option<Offset>,
    /// How many stages a rollout has.
    stages: usize,
    is_ledger_lost: bool,
    /// The faults that are on, and their deadlines.
    pub(crate) active: Vec<(FaultRef, Offset)>,
    /// How the run ended.
    pub(crate) ending: Option<Ending>,
}

/// A reading line a second tells a person what happens; a long run must not fill a log.
const SHORTEST: Duration = Duration::from_secs(1);
const MOST_READING_LINES: u32 = 120;

impl Live {
    /// The lines for one more event.
    pub(crate) fn see(&mut self, event: &Event) -> Vec<Line> {
        let at = event.at;
        let mut lines = Vec::new();
        let mut say = |word, tone, text: String| lines.push(Line { at, word, text: plain(&text), tone });
        match &event.kind {
            EventKind::RunStarted(start) => {
                self.begin(start);
                let plan = &start.plan;
                let mode = match start.mode {
                    Mode::Real => "",
                    Mode::Dry => "; dry run, nothing is changed",
                    Mode::Control => "; control run, nothing is broken",
                };
                say("started", Tone::Quiet, format!("{}, seed {}{mode}", plan.name, plan.seed));
            }
            EventKind::PhaseEntered { phase } => self.phase = Some(*phase),
            EventKind::PhaseEnded { .. } | EventKind::FaultRequested { .. } | EventKind::LoadSampled(_) => {}
            EventKind::LedgerRead { .. } => self.is_ledger_lost = false,
            EventKind::LedgerUnreadable { .. } if self.is_ledger_lost => {}
            EventKind::InstanceStarted { instance, pid } => {
                say("started", Tone::Quiet, format!("{instance} (pid {pid})"));
            }
            EventKind::InstanceEnded { instance, how } => {
                say("ended", Tone::Quiet, format!("{instance}: {how}"));
            }
            EventKind::Read(reading) => {
                let name = of(&reading.measure, reading.instance.as_deref());
                self.last.insert(name, reading.outcome.clone());
                let is_due = self.shown.is_none_or(|shown| at.0 >= shown.0 + self.every);
                if is_due && self.last.len() == self.measures.len() {
                    self.shown = Some(at);
                    say("reading", Tone::Quiet, self.readings());
                }
            }
            // Without measures there is no steady state to speak of.
            EventKind::SteadyStateMet { .. } | EventKind::Recovered { .. } if self.measures.is_empty() => {}
            EventKind::SteadyStateMet { baselines } => {
                let all: Vec<String> = baselines
                    .iter()
                    .map(|b| {
                        let what = of(&b.measure, b.instance.as_deref());
                        format!("{what} {}", b.median)
                    })
                    .collect();
                say("steady", Tone::Good, all.join(", "));
            }
            EventKind::ExpectationMissed { measure, instance, outcome, expect } => {
                let what = of(measure, instance.as_deref());
                say("missed", Tone::Worry, format!("{what} {outcome}, expected {expect}"));
            }
            EventKind::ExpectationMet { measure, instance, outcome } => {
                let what = of(measure, instance.as_deref());
                say("met", Tone::Good, format!("{what} {outcome}, as expected again"));
            }
            EventKind::FaultWaited { fault, condition } => {
                say("waiting", Tone::Quiet, format!("{fault} waits for {condition}"));
            }
            EventKind::FaultInjected { fault, on, effect, until } => {
                self.active.push((fault.clone(), *until));
                say("injected", Tone::Broken, format!("{fault}{}: {effect}", places(on)));
            }
            EventKind::FaultFailed { fault, why } => {
                say("failed", Tone::Bad, format!("{fault}: {why}"));
            }
            EventKind::FaultLeftOut { fault, on, change, undo } => {
                say("left out", Tone::Quiet, format!("{fault}{}: {change}; undone by: {undo}", places(on)));
            }
            EventKind::FaultUndone { fault, proof } => {
                self.active.retain(|(active, _)| active != fault);
                say("undone", Tone::Good, format!("{fault}: {proof} (checked)"));
            }
            EventKind::UndoFailed { fault, why, by_hand } => {
                say("not undone", Tone::Bad, format!("{fault}: {why}"));
                for line in by_hand {
                    say("by hand", Tone::Bad, line.clone());
                }
            }
            EventKind::RestartSeen { fault, after } => {
                say("restarted", Tone::Good, format!("{fault}: whole again after {}", short(after.0)));
            }
            EventKind::RestartMissed { fault, within, found } => {
                say(
                    "missed",
                    Tone::Worry,
                    format!("{fault}: not whole again within {within}, found {found}"),
                );
            }
            EventKind::FaultEndedEarly { fault, how } => {
                say("failed", Tone::Bad, format!("{fault} ended before its time: {how}"));
            }
            EventKind::InventoryChanged { service, planned, found } => {
                say(
                    "failed",
                    Tone::Bad,
                    format!("{service}: planned with {planned} instances, found {found}"),
                );
            }
            EventKind::AbortTriggered { measure, instance, outcome, when, breaches } => {
                let what = of(measure, instance.as_deref());
                let text =
                    format!("{what} {outcome} breaches {when}, {breaches} in a row: undoing everything");
                say("aborted", Tone::Bad, text);
            }
            EventKind::StageEntered { stage, share } => {
                let number = u64::from(*stage) + 1;
                say("stage", Tone::Quiet, format!("{number} of {}: {share}", self.stages));
            }
            EventKind::StageEnded { stage, outcome, reasons } => {
                let number = u64::from(*stage) + 1;
                let tone = if *outcome == StageOutcome::Passed { Tone::Good } else { Tone::Worry };
                say("stage", tone, format!("{number} of {} {outcome}", self.stages));
                for reason in reasons {
                    say("", tone, reason.clone());
                }
            }
            EventKind::DeviationDetected { measure, instance, after } => {
                let what = of(measure, instance.as_deref());
                say("detected", Tone::Worry, format!("by {what}, {} after the injection", short(after.0)));
            }
            EventKind::GroupsCompared(GroupsCompared { measure, hit, control, blame, .. }) => {
                let tone = if *blame == Blame::Needless { Tone::Good } else { Tone::Worry };
                let text = format!("{measure}: {hit} where a fault hit, {control} where none did");
                say("compared", tone, text);
            }
            EventKind::BacklogDrained { measure, after, peak, level } => {
                let text = format!("{measure} back at {level} after {}, from {peak}", short(after.0));
                say("drained", Tone::Good, text);
            }
            EventKind::BacklogLeft { measure, within, now, level } => {
                let text = format!("{measure} is {now} after {within}, and was {level} at most before");
                say("missed", Tone::Worry, text);
            }
            EventKind::LedgerUnreadable { why, .. } => {
                self.is_ledger_lost = true;
                say("missed", Tone::Worry, format!("the ledger cannot be read: {why}"));
            }
            EventKind::ConservationJudged { balance, violations, after } => {
                let counts = describe(balance);
                if violations.is_empty() {
                    let text = format!("everything adds up after {}: {counts}", short(after.0));
                    say("conserved", Tone::Good, text);
                } else {
                    say("missed", Tone::Bad, format!("{}: {counts}", violations.join(", ")));
                }
            }
            EventKind::HaltRequested { by } => {
                say("halted", Tone::Worry, format!("asked for by {by}: undoing everything"));
            }
            EventKind::WardenReplaced {} => {
                say("warden", Tone::Worry, "it was lost and started again".to_owned());
            }
            EventKind::Recovered { first, steady } => {
                let text = format!("as expected after {}, steady after {}", short(first.0), short(steady.0));
                say("recovered", Tone::Good, text);
            }
            EventKind::NeverRecovered { within, measures } => {
                let text = format!("not steady again within {within}: {}", measures.join(", "));
                say("missed", Tone::Worry, text);
            }
            EventKind::RunEnded { verdict, sentence, reasons, left } => {
                if left.is_empty() {
                    say("clean", Tone::Good, "nothing of ours is left".to_owned());
                } else {
                    for what in left {
                        say("left", Tone::Bad, what.clone());
                    }
                }
                self.active.clear();
                let dry = (self.mode == Mode::Dry).then(|| "dry run: nothing was changed".to_owned());
                self.ending = Some(Ending {
                    verdict: *verdict,
                    sentence: plain(sentence),
                    reasons: reasons.iter().map(|reason| plain(reason)).chain(dry).collect(),
                });
            }
        }
        lines
    }

    fn begin(&mut self, start: &RunStarted) {
        self.most = start.plan.worst_case().0;
        self.every = SHORTEST.max(self.most / MOST_READING_LINES);
        self.mode = start.mode;
        self.stages = start.plan.stages.len();
        self.measures =
            start.plan.series().into_iter().map(|(measure, instance)| of(&measure.name, instance)).collect();
    }

    /// Every measure's last reading, in the order of the file.
    fn readings(&self) -> String {
        let of = |name: &String| self.last.get(name).map(|outcome| format!("{name} {outcome}"));
        self.measures.iter().filter_map(of).collect::<Vec<_>>().join(", ")
    }
}

/// A measure, of one instance where it is read for each.
fn of(measure: &str, instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("{measure} of {instance}"),
        None => measure.to_owned(),
    }
}

fn places(on: &[String]) -> String {
    if on.is_empty() { String::new() } else { format!(" on {}", on.join(", ")) }
}

/// To the tenth of a second, as the times on the left.
fn short(time: Duration) -> String {
    Offset(time).to_string()
}

#[cfg(test)]
impl Line {
    /// The line without colour.
    pub(crate) fn plain(&self) -> String {
        format!("{:>8}  {:<12}{}", self.at, self.word, self.text)
    }
}

#[cfg(test)]
mod tests {
    use squall_model::record::Record;

    use super::*;

    /// The lines of a run of the built-in queue that was recorded.
    #[test]
    fn a_run_reads_like_a_story() {
        let record = Record::read(include_str!("live/worker-loss.jsonl")).unwrap();
        let mut live = Live::default();
        let mut text = String::new();
        for event in &record.events {
            for line in live.see(event) {
                text.push_str(&line.plain());
                text.push('\n');
            }
        }
        text.push_str(&live.ending.unwrap().plain());
        insta::assert_snapshot!(text);
    }
}
