//! The load that an experiment puts on its target.

use serde::{Deserialize, Serialize};

use crate::measure::Header;
use crate::template::Template;
use crate::unit::{Rate, Span};

/// Requests at fixed times, whether the target keeps up or not (open loop).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Load {
    /// Address.
    pub url: Template,
    /// Method.
    pub method: String,
    /// Headers.
    pub headers: Vec<Header>,
    /// Body; `{n}` stands for the number of the request.
    pub body: Option<Template>,
    /// When requests are started.
    pub pattern: Pattern,
    /// A request that takes longer has failed.
    pub timeout: Span,
    /// Requests that would exceed this many under way are not sent, and counted.
    pub max_in_flight: u32,
    /// No more requests than this in a run.
    pub max_total: Option<u64>,
}

/// The rate over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// Always the same.
    Constant(Rate),
}
