//! The phases of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The phases of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    /// Services and load are started.
    Init,
    /// The steady state is read before any fault.
    BaselineCheck,
    /// The first fault is injected.
    FaultInjection,
    /// Faults come and go, and the system is watched.
    Monitoring,
    /// Everything is undone.
    Rollback,
    /// The steady state must come back.
    PostValidation,
    /// The verdict is reached.
    Report,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "INIT",
            Self::BaselineCheck => "BASELINE_CHECK",
            Self::FaultInjection => "FAULT_INJECTION",
            Self::Monitoring => "MONITORING",
            Self::Rollback => "ROLLBACK",
            Self::PostValidation => "POST_VALIDATION",
            Self::Report => "REPORT",
        })
    }
}
