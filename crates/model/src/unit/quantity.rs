//! Numbers with their units.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::bytes::BYTE_UNITS;
use super::{Bytes, Rate, Span, UnitError, split_number};

/// What a number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A bare number.
    #[default]
    Number,
    /// A share, 0 to 100.
    Percent,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Events per second.
    PerSecond,
}

/// A number with its unit, written as the unit's own type is: `250 ms`, `1 %`, `64 MiB`, `20/s`, `7`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// In the base of the unit: percent 0 to 100, seconds, bytes, per second.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

impl Quantity {
    /// A number of that unit, in the unit's base.
    pub const fn new(value: f64, unit: Unit) -> Self {
        Self { value, unit }
    }
}

impl FromStr for Quantity {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_number(text).ok_or_else(|| UnitError {
            text: text.to_owned(),
            kind: "a number",
            label: "expected a number".to_owned(),
            help: "write a number, with a unit where it has one: `7`, `1 %`, `250 ms`, `64 MiB`, `20/s`",
        })?;
        if unit.is_empty() {
            return Ok(Self::new(number, Unit::Number));
        }
        if unit == "%" {
            return Ok(Self::new(number, Unit::Percent));
        }
        if unit.starts_with('/') {
            return Ok(Self::new(Rate::from_str(text)?.0, Unit::PerSecond));
        }
        if BYTE_UNITS.iter().any(|(name, _)| *name == unit) {
            return Ok(Self::new(Bytes::from_str(text)?.0 as f64, Unit::Bytes));
        }
        Ok(Self::new(Span::from_str(text)?.as_secs_f64(), Unit::Seconds))
    }
}

/// Three significant places are what a reader can use; the exact number is in the record.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    let places = if magnitude >= 100.0 || value.fract() == 0.0 {
        0
    } else if magnitude >= 10.0 {
        1
    } else if magnitude >= 0.01 || magnitude == 0.0 {
        2
    } else {
        4
    };
    let mut text = format!("{value:.places$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    text
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        match self.unit {
            Unit::Number => f.write_str(&short(value)),
            Unit::Percent => write!(f, "{} %", short(value)),
            Unit::PerSecond => write!(f, "{}/s", short(value)),
            Unit::Seconds if value != 0.0 && value.abs() < 0.000_999_5 => {
                write!(f, "{} us", short(value * 1e6))
            }
            Unit::Seconds if value.abs() < 0.9995 => write!(f, "{} ms", short(value * 1e3)),
            Unit::Seconds => write!(f, "{} s", short(value)),
            Unit::Bytes => {
                let (name, factor) = BYTE_UNITS[..4]
                    .iter()
                    .find(|(_, factor)| value.abs() >= *factor as f64)
                    .unwrap_or(&("B", 1));
                write!(f, "{} {name}", short(value / *factor as f64))
            }
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "a number",
            Self::Percent => "%",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::PerSecond => "/s",
        })
    }
}
