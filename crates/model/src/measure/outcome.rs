//! What came of a reading.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::unit::{Quantity, Unit};

/// What came of reading a measure once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A number.
    Value(Quantity),
    /// A text.
    Text(String),
    /// The source answered that there is nothing.
    Absent,
    /// It could not be read, and why. Never as good as a fine reading.
    Unreadable(String),
}

impl Outcome {
    /// The number, where it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Value(quantity) => Some(quantity.value),
            _ => None,
        }
    }

    /// The unit of the number, where it is one.
    pub fn unit(&self) -> Option<Unit> {
        match self {
            Self::Value(quantity) => Some(quantity.unit),
            _ => None,
        }
    }

    /// As text: a bare number is the text that it was written as.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Value(quantity) => Some(quantity.value.to_string()),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(quantity) => quantity.fmt(f),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Absent => f.write_str("absent"),
            Self::Unreadable(why) => write!(f, "unreadable: {why}"),
        }
    }
}
