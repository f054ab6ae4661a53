//! The steady-state hypothesis: what is read, and what is expected of it.

use serde::{Deserialize, Serialize};

use crate::unit::{Percent, Span};

mod expect;
mod outcome;
mod probe;

pub use self::expect::{Compare, Expect, Limit, NoBaseline};
pub use self::outcome::Outcome;
pub use self::probe::{
    CgroupFact, Header, HttpFact, HttpProbe, HttpRequest, LoadFigure, Login, Output, Probe, ProcessFact,
    TrafficFigure,
};

/// One measure of the steady state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measure {
    /// Its name in the experiment.
    pub name: String,
    /// How it is read.
    pub probe: Probe,
    /// The service whose instances it is read for, each by itself; `None`: it is read as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// What is expected of each reading; `None`: only recorded.
    pub expect: Option<Expect>,
    /// Everything is undone when so many readings in a row are like this.
    pub abort: Option<Abort>,
    /// The share of readings in a phase that may miss the expectation.
    pub allow: Percent,
    /// In which phases the expectation counts. All three where nothing is said.
    pub judged: Vec<Judged>,
    /// Time between the starts of two readings.
    pub every: Span,
    /// A reading that takes longer could not be taken.
    pub timeout: Span,
    /// A reading speaks of the time so long before it: the scrape interval of a metric source.
    pub lag: Span,
    /// How its numbers say what the system gets done; `None`: they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Flow>,
}

/// How numbers say what a system gets done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// Each is a rate, per second.
    Rate,
    /// Each counts what was done since the reading before.
    Count,
    /// Each counts all that was done so far. One that is less than the one before began again at 0.
    Total,
}

/// A phase in which an expectation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// The baseline.
    Before,
    /// While faults are on.
    During,
    /// After the last undo.
    After,
}

/// The threshold that ends a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Abort {
    /// The breach: a reading that is like this, or that could not be taken.
    pub when: Expect,
    /// So many in a row.
    pub consecutive: u32,
}

impl Measure {
    /// Whether it is read of several things by themselves: of each instance, or of both groups of the traffic.
    pub fn is_divided(&self) -> bool {
        self.each.is_some() || matches!(self.probe, Probe::Traffic { .. })
    }

    /// Whether the expectation counts in that phase.
    pub fn is_judged(&self, phase: Judged) -> bool {
        self.expect.is_some() && self.judged.contains(&phase)
    }
}
