//! The stages of a rollout: the same faults, each time for more of the picked instances, or of the traffic.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measure::Abort;
use crate::plan::Condition;
use crate::unit::{Percent, Span};

/// One stage: all faults of the plan, injected into a share of what they would hit in full, watched, undone and
/// recovered from. The next stage begins only when this one has passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stage {
    /// How much is hit.
    pub share: Share,
    /// After the recovery from this stage everything must stay as expected for so long, before the next begins.
    pub hold: Span,
    /// Stricter expectations than those of the measures: each reading while faults are on must be so, but for the
    /// share that the measure allows to miss.
    pub gate: Vec<Condition>,
    /// Abort thresholds of this stage, beside those of the measures.
    pub rollback: Vec<Trigger>,
    /// The instances that each fault hits, by the name of the fault; those of the stage before are among them. A fault
    /// that hits no single instances is not named.
    pub chosen: BTreeMap<String, Vec<String>>,
}

/// How much a stage hits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// Every change is left out, and what it would be is said.
    Shadow,
    /// Of the instances that a fault picks, rounded up; of the traffic that it would hit.
    Percent(Percent),
}

/// An abort threshold of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trigger {
    /// The measure.
    pub measure: String,
    /// The threshold.
    pub abort: Abort,
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageOutcome {
    /// Everything was as expected, and the system was itself again: the next stage may begin.
    Passed,
    /// The gate did not let it pass: no further stage is begun.
    Failed,
    /// The run was left in it: halted, aborted, or it could not go on.
    Left,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shadow => f.write_str("shadow"),
            Self::Percent(share) => share.fmt(f),
        }
    }
}

impl fmt::Display for StageOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Left => "left",
        })
    }
}
