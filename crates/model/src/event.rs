//! What happened, in the past tense. The one stream that terminal, record, report and replay read.

mod groups;
mod load;
mod offset;
mod phase;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conservation::Counts;
use crate::id::RunId;
use crate::measure::Outcome;
use crate::name::Name;
use crate::plan::Plan;
use crate::stage::{Share, StageOutcome};
use crate::unit::Span;
use crate::verdict::Verdict;

pub use self::groups::{Blame, GroupsCompared, Misses};
pub use self::load::LoadSample;
pub use self::offset::Offset;
pub use self::phase::Phase;

/// One fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Offset,
    /// What.
    #[serde(rename = "what")]
    pub kind: EventKind,
}

/// The facts, one object with one key each: `{"at":1.5,"what":{"fault-injected":{...}}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum EventKind {
    /// The first event of every run.
    RunStarted(Box<RunStarted>),
    /// A phase began.
    PhaseEntered {
        /// Which.
        phase: Phase,
    },
    /// A phase ended.
    PhaseEnded {
        /// Which.
        phase: Phase,
        /// How: `steady`, `injected`, `aborted: ...`, in few words.
        outcome: String,
    },
    /// An instance of a service that squall supervises was started.
    InstanceStarted {
        /// Its name.
        instance: String,
        /// Its process id.
        pid: u32,
    },
    /// An instance of a service that squall supervises ended.
    InstanceEnded {
        /// Its name.
        instance: String,
        /// How: `killed by signal 9`, `exited with 1`.
        how: String,
    },
    /// A measure was read.
    Read(Reading),
    /// The baseline was as expected.
    SteadyStateMet {
        /// Median of each measure with numbers.
        baselines: Vec<Baseline>,
    },
    /// A measure was not as expected, for the first time or again after it had been.
    ExpectationMissed {
        /// The measure.
        measure: String,
        /// The instance, of a measure that is read for each.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// What was read.
        outcome: Outcome,
        /// What was expected, as written.
        expect: String,
    },
    /// A measure that was not as expected is as expected again.
    ExpectationMet {
        /// The measure.
        measure: String,
        /// The instance, of a measure that is read for each.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// What was read.
        outcome: Outcome,
    },
    /// A window's time came, and its condition is not yet met.
    FaultWaited {
        /// The fault.
        fault: String,
        /// What it waits for.
        condition: String,
    },
    /// The fault was asked for: from here on it may be in effect.
    FaultRequested {
        /// The fault and which of its windows.
        fault: FaultRef,
    },
    /// The fault is on, and its effect was measured.
    FaultInjected {
        /// The fault and which of its windows.
        fault: FaultRef,
        /// The instances hit, empty for the host.
        on: Vec<String>,
        /// What was measured.
        effect: String,
        /// When it will be undone at the latest.
        until: Offset,
    },
    /// The fault could not be injected, or had no effect.
    FaultFailed {
        /// The fault and which of its windows.
        fault: FaultRef,
        /// Why.
        why: String,
    },
    /// In a dry run: what would have been done.
    FaultLeftOut {
        /// The fault and which of its windows.
        fault: FaultRef,
        /// The instances that would have been hit.
        on: Vec<String>,
        /// The change.
        change: String,
        /// How it would have been undone.
        undo: String,
    },
    /// The fault was undone, and that was measured.
    FaultUndone {
        /// The fault and which of its windows.
        fault: FaultRef,
        /// What was measured.
        proof: String,
    },
    /// The fault could not be undone, or its absence not measured.
    UndoFailed {
        /// The fault and which of its windows.
        fault: FaultRef,
        /// Why.
        why: String,
        /// What a person can do.
        by_hand: Vec<String>,
    },
    /// The service was whole again after a kill, as the fault expects.
    RestartSeen {
        /// The fault and which of its windows.
        fault: FaultRef,
        /// From the kill.
        after: Span,
    },
    /// The service was not whole again in time.
    RestartMissed {
        /// The fault and which of its windows.
        fault: FaultRef,
        /// The time that it had.
        within: Span,
        /// What was found instead.
        found: String,
    },
    /// A stressor or another helper of a fault ended before its time.
    FaultEndedEarly {
        /// The fault and which of its windows.
        fault: FaultRef,
        /// How.
        how: String,
    },
    /// What is there is not what the plan saw.
    InventoryChanged {
        /// The service.
        service: String,
        /// Instances in the plan.
        planned: u32,
        /// Instances found.
        found: u32,
    },
    /// An abort threshold was breached often enough.
    AbortTriggered {
        /// The measure.
        measure: String,
        /// The instance, of a measure that is read for each.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// The last reading.
        outcome: Outcome,
        /// The threshold, as written.
        when: String,
        /// Breaches in a row.
        breaches: u32,
    },
    /// A stage of a rollout began: the phases from `FAULT_INJECTION` to `POST_VALIDATION` follow, once more.
    StageEntered {
        /// Which, from 0.
        stage: u32,
        /// How much is hit.
        share: Share,
    },
    /// A stage of a rollout ended.
    StageEnded {
        /// Which, from 0.
        stage: u32,
        /// How.
        outcome: StageOutcome,
        /// Why it did not pass.
        reasons: Vec<String>,
    },
    /// The first reading that was not as expected after the faults began, once in each stage.
    DeviationDetected {
        /// The measure.
        measure: String,
        /// The instance, of a measure that is read for each.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// From the first injection to the time that the reading speaks of.
        after: Span,
    },
    /// The instances that were hit and the untouched ones, compared by the same measure at the same time.
    GroupsCompared(GroupsCompared),
    /// The backlog was back at its level of the baseline.
    BacklogDrained {
        /// The measure.
        measure: String,
        /// From the last undo.
        after: Span,
        /// The largest reading since the faults began.
        peak: Outcome,
        /// The largest reading of the baseline.
        level: Outcome,
    },
    /// The backlog was not back at its level of the baseline in time.
    BacklogLeft {
        /// The measure.
        measure: String,
        /// The time that it had.
        within: Span,
        /// The last reading.
        now: Outcome,
        /// The largest reading of the baseline.
        level: Outcome,
    },
    /// The ledger was read.
    LedgerRead {
        /// When it was asked for.
        asked: Offset,
        /// What it says.
        counts: Counts,
    },
    /// The ledger could not be read.
    LedgerUnreadable {
        /// When it was asked for.
        asked: Offset,
        /// Why.
        why: String,
    },
    /// Whether everything that was sent became something, once; said when the load has ended.
    ConservationJudged {
        /// What the run did: the balance at the end.
        balance: Counts,
        /// What is wrong with it, a phrase each; empty: it adds up.
        violations: Vec<String>,
        /// From the end of the load to the look that decided.
        after: Span,
    },
    /// A person or a signal asked for the end.
    HaltRequested {
        /// Who or what: `SIGINT`, `squall halt`.
        by: String,
    },
    /// What the load did since the sample before.
    LoadSampled(Box<LoadSample>),
    /// The warden was lost and started again.
    WardenReplaced {},
    /// The system was itself again.
    Recovered {
        /// From the last undo to the first reading as expected of every measure.
        first: Span,
        /// From the last undo to the start of the steady time.
        steady: Span,
    },
    /// The system was not itself again in time.
    NeverRecovered {
        /// The time that it had.
        within: Span,
        /// The measures that were still not as expected.
        measures: Vec<String>,
    },
    /// The last event: the verdict.
    RunEnded {
        /// The verdict.
        verdict: Verdict,
        /// The verdict as a sentence.
        sentence: String,
        /// Reasons, the most important first.
        reasons: Vec<String>,
        /// What is left of ours; empty when clean.
        left: Vec<String>,
    },
}

/// The first event: everything that a reader needs to understand the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunStarted {
    /// [`crate::record::RECORD_VERSION`].
    pub format: u32,
    /// The run.
    pub run: RunId,
    /// Version of squall.
    pub squall: String,
    /// Wall clock at the start, RFC 3339 in UTC.
    pub time: String,
    /// Whether changes are left out.
    pub mode: Mode,
    /// The plan.
    pub plan: Plan,
    /// Facts of the host, by name: kernel, cores, memory.
    pub host: std::collections::BTreeMap<String, String>,
}

/// Whether a run changes anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It does.
    #[default]
    Real,
    /// All but the changes (shadow mode).
    Dry,
    /// Without its faults: what the system does when nothing is done to it.
    Control,
}

/// A fault and one of its windows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultRef {
    /// Its name in the experiment.
    pub name: String,
    /// The stage of a rollout, from 0; `None`: the run has no stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// The window, from 0.
    pub window: u32,
}

/// One reading of one measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reading {
    /// The measure.
    #[serde(rename = "m")]
    pub measure: Name,
    /// The instance, of a measure that is read for each.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Name>,
    /// What came of it.
    #[serde(rename = "is")]
    pub outcome: Outcome,
    /// When it was asked for.
    #[serde(rename = "asked")]
    pub asked: Offset,
}

/// The median of a measure in the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Baseline {
    /// The measure.
    pub measure: String,
    /// The instance, of a measure that is read for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The median, as an outcome so that it has its unit.
    pub median: Outcome,
    /// Number of readings.
    pub n: u32,
}

impl fmt::Display for FaultRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, number) = (&self.name, |from_zero: u32| u64::from(from_zero) + 1);
        match (self.stage, self.window) {
            (None, 0) => f.write_str(name),
            (None, window) => write!(f, "{name} (window {})", number(window)),
            (Some(stage), 0) => write!(f, "{name} (stage {})", number(stage)),
            (Some(stage), window) => {
                write!(f, "{name} (stage {}, window {})", number(stage), number(window))
            }
        }
    }
}
