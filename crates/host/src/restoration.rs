//! How putting a previous value back went.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How putting a previous value back went. Each is measured after the attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restoration {
    /// The previous value is in place, put back now or earlier.
    Restored,
    /// Somebody else has written this value since; it was left alone.
    ForeignValue(String),
    /// The thing that carried the value is gone, and the value with it.
    Gone,
}

impl fmt::Display for Restoration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restored => write!(out, "the previous value is back"),
            Self::ForeignValue(found) => {
                write!(out, "somebody else has set it to `{found}` since, left alone")
            }
            Self::Gone => write!(out, "it is gone"),
        }
    }
}
