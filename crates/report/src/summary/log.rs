//! The events as lines, without readings and load samples.

use std::fmt;

use serde::Serialize;
use squall_model::conservation::describe;
use squall_model::event::{EventKind, GroupsCompared, Mode, Offset};
use squall_model::record::Record;

/// One event as a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogLine {
    /// When.
    pub at: Offset,
    /// The word in front.
    pub word: Word,
    /// What happened.
    pub text: String,
}

/// The words of a run's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the word that it shows")]
pub enum Word {
    Started,
    Phase,
    Instance,
    Steady,
    Missed,
    Met,
    Waiting,
    Requested,
    Injected,
    Failed,
    LeftOut,
    Undone,
    Owed,
    Restart,
    Early,
    Inventory,
    Abort,
    Stage,
    Compared,
    Halt,
    Warden,
    Recovered,
    Lost,
    Clean,
    Ended,
}

/// The lines, and how many more there would have been. The first and the last events are the ones kept.
pub(super) fn of(record: &Record, most: usize) -> (Vec<LogLine>, u64) {
    let mut lines: Vec<LogLine> = record
        .events
        .iter()
        .filter_map(|event| line(&event.kind).map(|(word, text)| LogLine { at: event.at, word, text }))
        .collect();
    let left_out = lines.len().saturating_sub(most);
    let head = most / 2;
    lines.drain(head.min(lines.len())..(head + left_out).min(lines.len()));
    (lines, left_out as u64)
}

fn line(kind: &EventKind) -> Option<(Word, String)> {
    Some(match kind {
        EventKind::Read(_) | EventKind::LoadSampled(_) | EventKind::LedgerRead { .. } => return None,
        EventKind::RunStarted(start) => {
            let mode = match start.mode {
                Mode::Real => "",
                Mode::Dry => ", dry run: nothing is changed",
                Mode::Control => ", control run: nothing is broken",
            };
            (
                Word::Started,
                format!("{} (run {}, seed {}{mode})", start.plan.name, start.run, start.plan.seed),
            )
        }
        EventKind::PhaseEntered { phase } => (Word::Phase, format!("{phase} entered")),
        EventKind::PhaseEnded { phase, outcome } => (Word::Phase, format!("{phase} ended: {outcome}")),
        EventKind::InstanceStarted { instance, pid } => {
            (Word::Instance, format!("{instance} started (pid {pid})"))
        }
        EventKind::InstanceEnded { instance, how } => (Word::Instance, format!("{instance} ended: {how}")),
        EventKind::SteadyStateMet { baselines } => {
            let medians: Vec<String> = baselines
                .iter()
                .map(|baseline| format!("{} {} (n {})", baseline.measure, baseline.median, baseline.n))
                .collect();
            (Word::Steady, medians.join(", "))
        }
        EventKind::ExpectationMissed { measure, instance, outcome, expect } => {
            (Word::Missed, format!("{} {outcome}, expected {expect}", series(measure, instance.as_deref())))
        }
        EventKind::ExpectationMet { measure, instance, outcome } => {
            (Word::Met, format!("{} {outcome}, as expected again", series(measure, instance.as_deref())))
        }
        EventKind::FaultWaited { fault, condition } => {
            (Word::Waiting, format!("{fault} waits for {condition}"))
        }
        EventKind::FaultRequested { fault } => (Word::Requested, fault.to_string()),
        EventKind::FaultInjected { fault, on, effect, until } => {
            (Word::Injected, format!("{fault}{}: {effect} (until {until} at the latest)", places(on)))
        }
        EventKind::FaultFailed { fault, why } => (Word::Failed, format!("{fault}: {why}")),
        EventKind::FaultLeftOut { fault, on, change, undo } => {
            (Word::LeftOut, format!("{fault}{}: {change}; undone by: {undo}", places(on)))
        }
        EventKind::FaultUndone { fault, proof } => (Word::Undone, format!("{fault}: {proof}")),
        EventKind::UndoFailed { fault, why, .. } => {
            (Word::Owed, format!("{fault} could not be undone: {why}"))
        }
        EventKind::RestartSeen { fault, after } => {
            (Word::Restart, format!("{fault}: whole again after {after}"))
        }
        EventKind::RestartMissed { fault, within, found } => {
            (Word::Restart, format!("{fault}: not whole again within {within}, found {found}"))
        }
        EventKind::FaultEndedEarly { fault, how } => {
            (Word::Early, format!("{fault} ended before its time: {how}"))
        }
        EventKind::InventoryChanged { service, planned, found } => {
            (Word::Inventory, format!("{service}: planned with {planned} instances, found {found}"))
        }
        EventKind::AbortTriggered { measure, instance, outcome, when, breaches } => {
            let what = series(measure, instance.as_deref());
            (Word::Abort, format!("{what} {outcome}, breach of {when}, {breaches} in a row"))
        }
        EventKind::StageEntered { stage, share } => {
            (Word::Stage, format!("stage {} entered: {share}", u64::from(*stage) + 1))
        }
        EventKind::StageEnded { stage, outcome, reasons } => {
            let why = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
            (Word::Stage, format!("stage {} {outcome}{why}", u64::from(*stage) + 1))
        }
        EventKind::DeviationDetected { measure, instance, after } => {
            let what = series(measure, instance.as_deref());
            (Word::Missed, format!("{what} left what is expected {after} after the injection"))
        }
        EventKind::GroupsCompared(GroupsCompared { measure, hit, control, .. }) => {
            (Word::Compared, format!("{measure}: {hit} where a fault hit, {control} where none did"))
        }
        EventKind::BacklogDrained { measure, after, peak, level } => {
            (Word::Recovered, format!("{measure} is back at {level} after {after}, from {peak}"))
        }
        EventKind::BacklogLeft { measure, within, now, level } => {
            (Word::Lost, format!("{measure} is {now} after {within}, and was {level} before"))
        }
        EventKind::LedgerUnreadable { why, .. } => {
            (Word::Missed, format!("the ledger cannot be read: {why}"))
        }
        EventKind::ConservationJudged { balance, violations, .. } if violations.is_empty() => {
            (Word::Met, format!("everything adds up: {}", describe(balance)))
        }
        EventKind::ConservationJudged { balance, violations, .. } => {
            (Word::Lost, format!("it does not add up: {} ({})", violations.join(", "), describe(balance)))
        }
        EventKind::HaltRequested { by } => (Word::Halt, format!("asked for by {by}")),
        EventKind::WardenReplaced {} => (Word::Warden, "lost and started again".to_owned()),
        EventKind::Recovered { first, steady } => {
            (Word::Recovered, format!("first as expected after {first}, steady after {steady}"))
        }
        EventKind::NeverRecovered { within, measures } => {
            (Word::Lost, format!("not steady again within {within}: {}", measures.join(", ")))
        }
        EventKind::RunEnded { verdict, sentence, left, .. } => match left.as_slice() {
            [] => (Word::Clean, format!("{verdict}: {sentence}; nothing of ours is left")),
            left => (Word::Ended, format!("{verdict}: {sentence}; left: {}", left.join(", "))),
        },
    })
}

/// A measure, of one instance where it is read for each.
fn series(measure: &str, instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("{measure} of {instance}"),
        None => measure.to_owned(),
    }
}

fn places(on: &[String]) -> String {
    if on.is_empty() { String::new() } else { format!(" on {}", on.join(", ")) }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Started => "started",
            Self::Phase => "phase",
            Self::Instance => "instance",
            Self::Steady => "steady",
            Self::Missed => "missed",
            Self::Met => "met",
            Self::Waiting => "waiting",
            Self::Requested => "requested",
            Self::Injected => "injected",
            Self::Failed => "failed",
            Self::LeftOut => "left out",
            Self::Undone => "undone",
            Self::Owed => "owed",
            Self::Restart => "restart",
            Self::Early => "early",
            Self::Inventory => "inventory",
            Self::Abort => "abort",
            Self::Stage => "stage",
            Self::Compared => "compared",
            Self::Halt => "halt",
            Self::Warden => "warden",
            Self::Recovered => "recovered",
            Self::Lost => "lost",
            Self::Clean => "clean",
            Self::Ended => "ended",
        })
    }
}
