//! A plan: what an experiment means, with nothing left to decide.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::load::Load;
use crate::measure::{Expect, Measure};
use crate::target::{Inventory, Target};
use crate::unit::Span;

/// The version of the plan's form on disk.
pub const PLAN_VERSION: u32 = 1;

/// One experiment, ready to be run. The same plan and the same answers of the system give the same run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// [`PLAN_VERSION`] of the squall that made it.
    pub version: u32,
    /// Name of the experiment.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// The file that it was written in, as it was named.
    pub file: Option<String>,
    /// CRC-32 of the document's text, in hexadecimal: which version of the file this was.
    pub digest: String,
    /// Everything that chance decides is drawn from it.
    pub seed: u64,
    /// The system under experiment.
    pub target: Target,
    /// What was there when the plan was made. A service that is started by the run has instances without a process.
    pub inventory: Inventory,
    /// The load, from before the baseline until after the recovery.
    pub load: Option<Load>,
    /// The steady-state hypothesis.
    pub measures: Vec<Measure>,
    /// Length of the baseline.
    pub baseline: Span,
    /// Length of the time in which faults are injected and watched.
    pub duration: Span,
    /// The faults, in the order of the file.
    pub faults: Vec<PlannedFault>,
    /// How soon the steady state must be back.
    pub recovery: Recovery,
}

/// A fault with its place and its times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedFault {
    /// Its name in the experiment.
    pub name: String,
    /// The fault.
    pub fault: Fault,
    /// Where; `None` for the host.
    pub on: Option<Selection>,
    /// When, counted from the end of the baseline, in order and without overlap.
    pub windows: Vec<Window>,
    /// A window waits for this before it begins.
    pub when: Option<Condition>,
}

/// Which instances of a service are hit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Selection {
    /// The service.
    pub service: String,
    /// The instances that could have been chosen, in the order that the draw saw.
    pub eligible: Vec<String>,
    /// The chosen ones.
    pub chosen: Vec<String>,
}

/// One time during which a fault is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Window {
    /// Injected at.
    pub from: Span,
    /// Undone at: the deadline.
    pub until: Span,
}

/// A state to wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Condition {
    /// The measure whose last reading decides.
    pub measure: String,
    /// The reading that is waited for.
    pub is: Expect,
}

/// How soon the system must be itself again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recovery {
    /// From the last undo.
    pub within: Span,
    /// Every measure as expected for so long counts as steady.
    pub steady_for: Span,
}

impl Plan {
    /// The longest that a run may take, without the time that undoing takes.
    pub fn worst_case(&self) -> Span {
        let lag = self.lag();
        Span(self.baseline.0 + self.duration.0 + self.recovery.within.0 + lag.0 * 2)
    }

    /// The longest lag of the measures.
    pub fn lag(&self) -> Span {
        self.measures.iter().map(|measure| measure.lag).max().unwrap_or_default()
    }

    /// The fault of that name.
    pub fn fault(&self, name: &str) -> Option<&PlannedFault> {
        self.faults.iter().find(|fault| fault.name == name)
    }
}
