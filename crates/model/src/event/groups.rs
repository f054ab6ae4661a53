//! What a fault hit, beside what it left alone.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The instances that were hit beside the untouched ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GroupsCompared {
    /// The measure.
    pub measure: String,
    /// The stage of a rollout, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// Of the instances that were hit.
    pub hit: Misses,
    /// Of the untouched ones.
    pub control: Misses,
    /// What follows.
    pub blame: Blame,
}

/// Readings that were not as expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Misses {
    /// Not as expected.
    pub missed: u32,
    /// Of so many.
    pub readings: u32,
}

/// Whether a deviation can be blamed on the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// There is none.
    Needless,
    /// Those that were hit left what is expected, and further than the untouched ones.
    Faults,
    /// The untouched ones left it as well, and as far as can be told no less.
    Unclear,
}

impl Misses {
    /// The share of readings that were not as expected, from 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.missed) / f64::from(self.readings.max(1))
    }
}

impl fmt::Display for Misses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} readings missed", self.missed, self.readings)
    }
}
