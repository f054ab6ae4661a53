//! The faults: whom they could hit, whom they hit, when, and the proof that each is gone.

use std::collections::HashMap;

use serde::Serialize;
use squall_model::event::{EventKind, FaultRef, Offset};
use squall_model::plan::PlannedFault;
use squall_model::record::Record;
use squall_model::unit::Span;

/// What became of one fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultSummary {
    /// Its name in the experiment.
    pub name: String,
    /// What it does, as a short sentence.
    pub what: String,
    /// Its kind, as people write it; `None` for one that is not in the plan.
    pub kind: Option<String>,
    /// The service; `None` for the host.
    pub service: Option<String>,
    /// The instances that could have been chosen, in the order that the draw saw.
    pub eligible: Vec<String>,
    /// The chosen ones.
    pub chosen: Vec<String>,
    /// What its windows waited for.
    pub condition: Option<String>,
    /// Its windows in their order.
    pub windows: Vec<WindowSummary>,
}

/// What became of one window of a fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct WindowSummary {
    /// The fault's name, with the window's number from the second on.
    pub name: String,
    /// The stage of a rollout, from 0; `None`: the run has no stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// From 0.
    pub window: u32,
    /// Planned start, from the end of the baseline.
    pub planned_from: Option<Span>,
    /// Planned end, from the end of the baseline.
    pub planned_until: Option<Span>,
    /// Where it ended up.
    pub state: State,
    /// Asked for at: from here on it may have been in effect.
    pub requested: Option<Offset>,
    /// Injected and measured at.
    pub injected: Option<Offset>,
    /// When it would have been undone at the latest.
    pub deadline: Option<Offset>,
    /// Undone and measured at.
    pub undone: Option<Offset>,
    /// The instances hit, empty for the host.
    pub on: Vec<String>,
    /// What was measured while it was on.
    pub effect: Option<String>,
    /// What was measured when it was gone.
    pub proof: Option<String>,
    /// Why it could not be injected, or had no effect.
    pub failed: Option<String>,
    /// How it ended before its time.
    pub ended_early: Option<String>,
    /// Whether the service was whole again after a kill, where the fault expects it.
    pub restart: Option<Restart>,
    /// What a dry run left out.
    pub left_out: Option<LeftOut>,
    /// Undos that failed, also those that a later one made good.
    pub undo_failures: Vec<UndoFailure>,
}

/// Where a window ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was never asked for.
    NotReached,
    /// A dry run left it out.
    LeftOut,
    /// It was asked for, and the record says nothing more.
    Requested,
    /// It is on, as far as the record says.
    Injected,
    /// It could not be injected, and nothing had to be undone.
    Failed,
    /// It is gone, and that was measured.
    Undone,
    /// It could not be undone, or its absence could not be measured.
    UndoFailed,
}

/// Whether a service was whole again after a kill.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Restart {
    /// It was.
    Seen {
        /// From the kill.
        after: Span,
    },
    /// It was not in time.
    Missed {
        /// The time that it had.
        within: Span,
        /// What was found instead.
        found: String,
    },
}

/// What a dry run left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LeftOut {
    /// When it would have been made.
    pub at: Offset,
    /// The change.
    pub change: String,
    /// How it would have been undone.
    pub undo: String,
}

/// An undo that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UndoFailure {
    /// When.
    pub at: Offset,
    /// Why.
    pub why: String,
    /// What a person can do.
    pub by_hand: Vec<String>,
}

pub(super) fn of(record: &Record) -> Vec<FaultSummary> {
    let mut faults = Faults {
        index: HashMap::new(),
        list: record
            .start
            .plan
            .faults
            .iter()
            .map(|fault| FaultSummary::planned(fault, record.start.plan.stages.len()))
            .collect(),
    };
    for (at, fault) in faults.list.iter().enumerate() {
        faults.index.entry(fault.name.clone()).or_insert(at);
    }
    for event in &record.events {
        faults.take(event.at, &event.kind);
    }
    faults.list
}

struct Faults {
    index: HashMap<String, usize>,
    list: Vec<FaultSummary>,
}

impl Faults {
    /// The window, made where the plan has none: a record is believed more than a plan.
    fn window(&mut self, fault: &FaultRef) -> &mut WindowSummary {
        let list = &mut self.list;
        let at = *self.index.entry(fault.name.clone()).or_insert_with(|| {
            list.push(FaultSummary::unplanned(&fault.name));
            list.len() - 1
        });
        let windows = &mut list[at].windows;
        let place = windows
            .iter()
            .position(|window| (window.stage, window.window) == (fault.stage, fault.window))
            .unwrap_or_else(|| {
                windows.push(WindowSummary::new(fault));
                windows.len() - 1
            });
        &mut windows[place]
    }

    fn take(&mut self, at: Offset, kind: &EventKind) {
        match kind {
            EventKind::FaultRequested { fault } => {
                let window = self.window(fault);
                window.requested.get_or_insert(at);
                window.state = State::Requested;
            }
            EventKind::FaultInjected { fault, on, effect, until } => {
                let window = self.window(fault);
                window.injected.get_or_insert(at);
                window.on.clone_from(on);
                window.effect = Some(effect.clone());
                window.deadline = Some(*until);
                window.state = State::Injected;
            }
            EventKind::FaultFailed { fault, why } => {
                let window = self.window(fault);
                window.failed = Some(why.clone());
                if matches!(window.state, State::NotReached | State::Requested) {
                    window.state = State::Failed;
                }
            }
            EventKind::FaultLeftOut { fault, on, change, undo } => {
                let window = self.window(fault);
                window.on.clone_from(on);
                window.left_out = Some(LeftOut { at, change: change.clone(), undo: undo.clone() });
                window.state = State::LeftOut;
            }
            EventKind::FaultUndone { fault, proof } => {
                let window = self.window(fault);
                window.undone = Some(at);
                window.proof = Some(proof.clone());
                window.state = State::Undone;
            }
            EventKind::UndoFailed { fault, why, by_hand } => {
                let window = self.window(fault);
                let failure = UndoFailure { at, why: why.clone(), by_hand: by_hand.clone() };
                window.undo_failures.push(failure);
                window.undone = None;
                window.state = State::UndoFailed;
            }
            EventKind::RestartSeen { fault, after } => {
                self.window(fault).restart = Some(Restart::Seen { after: *after });
            }
            EventKind::RestartMissed { fault, within, found } => {
                let missed = Restart::Missed { within: *within, found: found.clone() };
                self.window(fault).restart = Some(missed);
            }
            EventKind::FaultEndedEarly { fault, how } => self.window(fault).ended_early = Some(how.clone()),
            _ => {}
        }
    }
}

/// The fault's name, with the window's number from the second on. A record from anywhere may hold any number.
impl FaultSummary {
    fn planned(planned: &PlannedFault, stages: usize) -> Self {
        let stages = match stages as u32 {
            0 => vec![None],
            count => (0..count).map(Some).collect(),
        };
        let on = planned.on.as_ref();
        Self {
            name: planned.name.clone(),
            what: planned.fault.to_string(),
            kind: Some(planned.fault.kind().to_owned()),
            service: on.map(|on| on.service.clone()),
            eligible: on.map(|on| on.eligible.clone()).unwrap_or_default(),
            chosen: on.map(|on| on.chosen.clone()).unwrap_or_default(),
            condition: planned.when.as_ref().map(|when| format!("{} {}", when.measure, when.is)),
            windows: stages
                .into_iter()
                .flat_map(|stage| {
                    planned.windows.iter().zip(0..).map(move |(window, number)| (stage, window, number))
                })
                .map(|(stage, window, number)| WindowSummary {
                    planned_from: Some(window.from),
                    planned_until: Some(window.until),
                    ..WindowSummary::new(&FaultRef { name: planned.name.clone(), stage, window: number })
                })
                .collect(),
        }
    }

    fn unplanned(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            what: "not in the plan".to_owned(),
            kind: None,
            service: None,
            eligible: Vec::new(),
            chosen: Vec::new(),
            condition: None,
            windows: Vec::new(),
        }
    }
}

impl WindowSummary {
    fn new(fault: &FaultRef) -> Self {
        Self {
            name: fault.to_string(),
            stage: fault.stage,
            window: fault.window,
            planned_from: None,
            planned_until: None,
            state: State::NotReached,
            requested: None,
            injected: None,
            deadline: None,
            undone: None,
            on: Vec::new(),
            effect: None,
            proof: None,
            failed: None,
            ended_early: None,
            restart: None,
            left_out: None,
            undo_failures: Vec::new(),
        }
    }

    /// When it may first have been in effect.
    pub fn from(&self) -> Option<Offset> {
        self.requested.into_iter().chain(self.injected).min()
    }

    /// Whether something of it may still be there, as far as the record says.
    pub fn is_owed(&self) -> bool {
        matches!(self.state, State::Requested | State::Injected | State::UndoFailed)
    }
}
