//! Numbers of bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{UnitError, split_number};

/// A number of bytes, written `256 MiB` or `1 GB` (1000 based without the `i`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

pub(super) const BYTE_UNITS: [(&str, u64); 12] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("kB", 1_000),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("B", 1),
];

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = |label: &str| UnitError {
            text: text.to_owned(),
            kind: "a number of bytes",
            label: label.to_owned(),
            help: "write a number and a unit, for example `256 MiB` or `1 GB`",
        };
        let (number, unit) = split_number(text).ok_or_else(|| wrong("expected a number of bytes"))?;
        let factor = match unit {
            "" => return Err(wrong("the unit is missing")),
            unit => BYTE_UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|(_, factor)| *factor)
                .ok_or_else(|| wrong("not a unit of bytes"))?,
        };
        let bytes = number * factor as f64;
        if !(0.0..=1e18).contains(&bytes) {
            return Err(wrong("outside 0 to 10^18 bytes"));
        }
        Ok(Self(bytes.round() as u64))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, factor) in &BYTE_UNITS[..4] {
            if self.0 >= *factor && (u128::from(self.0) * 1000).is_multiple_of(u128::from(*factor)) {
                return write!(f, "{} {name}", self.0 as f64 / *factor as f64);
            }
        }
        write!(f, "{} B", self.0)
    }
}
