//! The events as lines, without readings and load samples.

use std::fmt;

use serde::Serialize;
use squall_model::event::{EventKind, Mode, Offset};
use squall_model::record::Record;

use super::faults::name;

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
        EventKind::Read(_) | EventKind::LoadSampled(_) => return None,
        EventKind::RunStarted(start) => {
            let dry = if start.mode == Mode::Dry { ", dry run: nothing is changed" } else { "" };
            (Word::Started, format!("{} (run {}, seed {}{dry})", start.plan.name, start.run, start.plan.seed))
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
        EventKind::ExpectationMissed { measure, outcome, expect } => {
            (Word::Missed, format!("{measure} {outcome}, expected {expect}"))
        }
        EventKind::ExpectationMet { measure, outcome } => {
            (Word::Met, format!("{measure} {outcome}, as expected again"))
        }
        EventKind::FaultWaited { fault, condition } => {
            (Word::Waiting, format!("{fault} waits for {condition}"))
        }
        EventKind::FaultRequested { fault } => (Word::Requested, name(fault)),
        EventKind::FaultInjected { fault, on, effect, until } => {
            (Word::Injected, format!("{}{}: {effect} (until {until} at the latest)", name(fault), places(on)))
        }
        EventKind::FaultFailed { fault, why } => (Word::Failed, format!("{}: {why}", name(fault))),
        EventKind::FaultLeftOut { fault, on, change, undo } => {
            (Word::LeftOut, format!("{}{}: {change}; undone by: {undo}", name(fault), places(on)))
        }
        EventKind::FaultUndone { fault, proof } => (Word::Undone, format!("{}: {proof}", name(fault))),
        EventKind::UndoFailed { fault, why, .. } => {
            (Word::Owed, format!("{} could not be undone: {why}", name(fault)))
        }
        EventKind::RestartSeen { fault, after } => {
            (Word::Restart, format!("{}: whole again after {after}", name(fault)))
        }
        EventKind::RestartMissed { fault, within, found } => {
            (Word::Restart, format!("{}: not whole again within {within}, found {found}", name(fault)))
        }
        EventKind::FaultEndedEarly { fault, how } => {
            (Word::Early, format!("{} ended before its time: {how}", name(fault)))
        }
        EventKind::InventoryChanged { service, planned, found } => {
            (Word::Inventory, format!("{service}: planned with {planned} instances, found {found}"))
        }
        EventKind::AbortTriggered { measure, outcome, when, breaches } => {
            (Word::Abort, format!("{measure} {outcome}, breach of {when}, {breaches} in a row"))
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
            Self::Halt => "halt",
            Self::Warden => "warden",
            Self::Recovered => "recovered",
            Self::Lost => "lost",
            Self::Clean => "clean",
            Self::Ended => "ended",
        })
    }
}
