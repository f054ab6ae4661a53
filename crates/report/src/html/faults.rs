//! The faults and their undo in words.

use serde::Serialize;
use squall_model::event::Offset;

use crate::summary::{FaultSummary, Restart, State, WindowSummary};
use crate::wording::line;

#[derive(Serialize)]
pub(super) struct FaultRow {
    name: String,
    what: String,
    kind: String,
    service: Option<String>,
    condition: Option<String>,
    eligible: Vec<Instance>,
    chosen: usize,
}

#[derive(Serialize)]
struct Instance {
    name: String,
    chosen: &'static str,
}

#[derive(Serialize)]
pub(super) struct UndoRow {
    name: String,
    tone: &'static str,
    mark: &'static str,
    planned: String,
    times: String,
    on: String,
    effect: String,
    proof: String,
    notes: Vec<String>,
}

impl FaultRow {
    pub(super) fn of(fault: &FaultSummary) -> Self {
        let known =
            fault.eligible.iter().chain(fault.chosen.iter().filter(|name| !fault.eligible.contains(name)));
        Self {
            name: fault.name.clone(),
            what: fault.what.clone(),
            kind: fault.kind.clone().unwrap_or_default(),
            service: fault.service.clone(),
            condition: fault.condition.clone(),
            eligible: known
                .take(200)
                .map(|name| Instance {
                    name: name.clone(),
                    chosen: if fault.chosen.contains(name) { "chosen" } else { "spared" },
                })
                .collect(),
            chosen: fault.chosen.len(),
        }
    }
}

impl UndoRow {
    pub(super) fn of(window: &WindowSummary) -> Self {
        let (mark, tone, proof) = match window.state {
            State::Undone => ("✓", "good", window.proof.clone().unwrap_or_default()),
            State::UndoFailed => ("✗", "bad", "could not be undone".to_owned()),
            State::Requested | State::Injected => ("?", "bad", "not in the record".to_owned()),
            State::Failed => ("–", "unsure", "not injected".to_owned()),
            State::LeftOut => ("–", "muted", "left out (dry run)".to_owned()),
            State::NotReached => ("–", "muted", "never injected".to_owned()),
        };
        let time = |at: Option<Offset>| at.map_or("?".to_owned(), |at| at.to_string());
        let mut notes = Vec::new();
        notes.extend(window.failed.iter().map(|why| format!("could not be injected: {why}")));
        notes.extend(window.ended_early.iter().map(|how| format!("ended before its time: {how}")));
        notes.extend(window.restart.iter().map(|restart| match restart {
            Restart::Seen { after } => format!("whole again after {after}"),
            Restart::Missed { within, found } => format!("not whole again within {within}, found {found}"),
        }));
        notes.extend(window.left_out.iter().map(|left| format!("{}; undone by: {}", left.change, left.undo)));
        notes.extend(
            window
                .undo_failures
                .iter()
                .map(|failure| format!("{}: undo failed: {}", failure.at, failure.why)),
        );
        notes.truncate(20);
        Self {
            name: window.name.clone(),
            tone,
            mark,
            planned: match (window.planned_from, window.planned_until) {
                (Some(from), Some(until)) => format!("{from} to {until}"),
                _ => "–".to_owned(),
            },
            times: match window.from() {
                None => "–".to_owned(),
                Some(_) if window.state == State::Failed => "–".to_owned(),
                Some(_) => {
                    format!("{} to {}", time(window.injected.or(window.requested)), time(window.undone))
                }
            },
            on: if window.on.is_empty() { "–".to_owned() } else { line(&window.on.join(", "), 300) },
            effect: window.effect.clone().unwrap_or_else(|| "–".to_owned()),
            proof,
            notes,
        }
    }
}
