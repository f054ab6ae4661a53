//! What became of a run: everything that the outputs say, computed once.

mod conclusion;
mod contrast;
mod cost;
mod faults;
mod groups;
mod judge;
mod load;
mod log;
mod measures;
mod periods;
mod series;
mod stages;
mod tally;
mod throughput;

use std::collections::BTreeMap;

use serde::Serialize;
use squall_model::event::{EventKind, Mode, Offset, Phase};
use squall_model::id::RunId;
use squall_model::plan::Plan;
use squall_model::record::{Record, Torn};
use squall_model::unit::Span;

pub use self::conclusion::Conclusion;
pub use self::contrast::{Contrast, Moved, p_value, signed};
pub use self::cost::{Backlog, Balance, Cost, Detected, Unjudged};
pub use self::faults::{FaultSummary, LeftOut, Restart, State, UndoFailure, WindowSummary};
pub use self::groups::{GroupsSummary, GroupsVerdict};
pub(crate) use self::judge::Judge;
pub use self::load::{LoadPart, LoadSummary};
pub use self::log::{LogLine, Word};
pub(crate) use self::measures::Facts;
pub use self::measures::{MeasureSummary, Standing};
pub use self::periods::{Period, Periods};
pub(crate) use self::series::Series;
pub use self::stages::StageSummary;
pub use self::tally::Tally;
pub use self::throughput::{MeasuredThroughput, Throughput};
use crate::findings::{self, Finding};

/// The version of the summary's form as JSON.
pub const SUMMARY_VERSION: u32 = 2;

/// What became of a run. Times are seconds since its start where nothing else is said.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// [`SUMMARY_VERSION`].
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// Name of the experiment.
    pub experiment: String,
    /// The verdict, or that there is none because the run did not end.
    pub verdict: Conclusion,
    /// The verdict as a sentence.
    pub sentence: String,
    /// Reasons, the most important first.
    pub reasons: Vec<String>,
    /// What is left of squall's own; empty when clean.
    pub left: Vec<String>,
    /// Wall clock at the start, RFC 3339 in UTC.
    pub started: String,
    /// Time of the last event.
    pub length: Offset,
    /// Whether changes were left out.
    pub mode: Mode,
    /// Version of squall.
    pub squall: String,
    /// Whether the record's last line was whole.
    pub record: Tail,
    /// The phases, in the order in which they were entered.
    pub phases: Vec<PhaseTiming>,
    /// Before, during and after the faults.
    pub periods: Periods,
    /// The measures, in the order of the plan.
    pub measures: Vec<MeasureSummary>,
    /// The faults, in the order of the plan.
    pub faults: Vec<FaultSummary>,
    /// Whether and when the system was itself again.
    pub recovery: RecoverySummary,
    /// The stages of a rollout; empty where it has none.
    pub stages: Vec<StageSummary>,
    /// What the faults cost.
    pub cost: Cost,
    /// What the load did; `None` without load.
    pub load: Option<LoadSummary>,
    /// Instances of squall's own services that started and ended.
    pub instances: Vec<InstanceChange>,
    /// Services that had other instances than the plan saw.
    pub inventory: Vec<InventoryChange>,
    /// What a reader should know or do, the most severe first.
    pub findings: Vec<Finding>,
    /// The events without readings and load samples, at most [`Summary::LONGEST_LOG`].
    pub log: Vec<LogLine>,
    /// Events that the log leaves out for its length.
    pub log_left_out: u64,
    /// Facts of the host, by name.
    pub host: BTreeMap<String, String>,
    /// The plan.
    pub plan: Plan,
}

/// Whether a record ended with a whole line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tail {
    /// It did.
    Whole,
    /// The last line was torn and left out: squall was killed while writing it.
    Torn,
}

/// When a phase was.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PhaseTiming {
    /// Which.
    pub phase: Phase,
    /// Entered at.
    pub from: Offset,
    /// Ended at; `None`: it did not.
    pub until: Option<Offset>,
    /// How it ended.
    pub outcome: Option<String>,
}

/// Whether and when the system was itself again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum RecoverySummary {
    /// It was.
    Recovered {
        /// From the last undo to the first reading as expected of every measure.
        first: Span,
        /// From the last undo to the start of the steady time.
        steady: Span,
        /// The time that it had.
        within: Span,
    },
    /// It was not, in the time that it had.
    Never {
        /// The time that it had.
        within: Span,
        /// The measures that were still not as expected.
        measures: Vec<String>,
    },
    /// The run did not come so far.
    NotObserved {},
}

/// An instance started or ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InstanceChange {
    /// When.
    pub at: Offset,
    /// Its name.
    pub instance: String,
    /// What became of it.
    pub change: Change,
}

/// What became of an instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Change {
    /// It was started.
    Started {
        /// Its process id.
        pid: u32,
    },
    /// It ended.
    Ended {
        /// How.
        how: String,
    },
}

/// A service had other instances than the plan saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InventoryChange {
    /// When.
    pub at: Offset,
    /// The service.
    pub service: String,
    /// Instances in the plan.
    pub planned: u32,
    /// Instances found.
    pub found: u32,
}

impl Summary {
    /// The most lines that a log has; the record has all.
    pub const LONGEST_LOG: usize = 5_000;

    /// The summary of a record, also of one whose run did not end.
    pub fn of(record: &Record) -> Self {
        let start = &record.start;
        let periods = Periods::of(record);
        let faults = faults::of(record);
        let conclusion = conclusion::of(record, &faults);
        let (log, log_left_out) = log::of(record, Self::LONGEST_LOG);
        let mut summary = Self {
            version: SUMMARY_VERSION,
            run: start.run.clone(),
            experiment: start.plan.name.clone(),
            verdict: conclusion.verdict,
            sentence: conclusion.sentence,
            reasons: conclusion.reasons,
            left: conclusion.left,
            started: start.time.clone(),
            length: record.events.iter().map(|event| event.at).max().unwrap_or_default(),
            mode: start.mode,
            squall: start.squall.clone(),
            record: match record.torn {
                Torn::No => Tail::Whole,
                Torn::Yes => Tail::Torn,
            },
            phases: phases(record),
            measures: measures::of(record, &periods),
            load: load::of(record, &periods),
            recovery: recovery(record),
            stages: stages::of(record),
            cost: Cost::of(record, &periods),
            instances: instances(record),
            inventory: inventory(record),
            periods,
            faults,
            findings: Vec::new(),
            log,
            log_left_out,
            host: start.host.clone(),
            plan: start.plan.clone(),
        };
        summary.findings = findings::of(&summary);
        summary
    }

    /// The measure of that name.
    pub fn measure(&self, name: &str) -> Option<&MeasureSummary> {
        self.measures.iter().find(|measure| measure.name == name)
    }

    /// Every window of every fault with the fault that it belongs to, in the order of the plan.
    pub fn windows(&self) -> impl Iterator<Item = (&FaultSummary, &WindowSummary)> {
        self.faults.iter().flat_map(|fault| fault.windows.iter().map(move |window| (fault, window)))
    }
}

fn phases(record: &Record) -> Vec<PhaseTiming> {
    let mut phases: Vec<PhaseTiming> = Vec::new();
    for event in &record.events {
        match &event.kind {
            EventKind::PhaseEntered { phase } => {
                phases.push(PhaseTiming { phase: *phase, from: event.at, until: None, outcome: None });
            }
            EventKind::PhaseEnded { phase, outcome } => {
                let open = phases.iter_mut().rev().find(|open| open.phase == *phase && open.until.is_none());
                if let Some(open) = open {
                    open.until = Some(event.at.max(open.from));
                    open.outcome = Some(outcome.clone());
                }
            }
            _ => {}
        }
    }
    phases
}

fn recovery(record: &Record) -> RecoverySummary {
    let within = record.start.plan.recovery.within;
    let found = record.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::Recovered { first, steady } => {
            Some(RecoverySummary::Recovered { first: *first, steady: *steady, within })
        }
        EventKind::NeverRecovered { within, measures } => {
            Some(RecoverySummary::Never { within: *within, measures: measures.clone() })
        }
        _ => None,
    });
    found.unwrap_or(RecoverySummary::NotObserved {})
}

fn instances(record: &Record) -> Vec<InstanceChange> {
    let changes = record.events.iter().filter_map(|event| {
        let (instance, change) = match &event.kind {
            EventKind::InstanceStarted { instance, pid } => (instance, Change::Started { pid: *pid }),
            EventKind::InstanceEnded { instance, how } => (instance, Change::Ended { how: how.clone() }),
            _ => return None,
        };
        Some(InstanceChange { at: event.at, instance: instance.clone(), change })
    });
    changes.collect()
}

fn inventory(record: &Record) -> Vec<InventoryChange> {
    let changes = record.events.iter().filter_map(|event| match &event.kind {
        EventKind::InventoryChanged { service, planned, found } => {
            Some(InventoryChange { at: event.at, service: service.clone(), planned: *planned, found: *found })
        }
        _ => None,
    });
    changes.collect()
}
