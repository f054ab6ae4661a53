//! Shares.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{UnitError, split_number};

/// A share in percent, from 0 to 100, written `50 %`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = |label: &str| UnitError {
            text: text.to_owned(),
            kind: "a percentage",
            label: label.to_owned(),
            help: "write a number from 0 to 100 and a percent sign, for example `50 %`",
        };
        match split_number(text) {
            Some((number, "%")) if (0.0..=100.0).contains(&number) => Ok(Self(number)),
            Some((_, "%")) => Err(wrong("outside 0 to 100")),
            Some((_, "")) => Err(wrong("the percent sign is missing")),
            _ => Err(wrong("expected a percentage")),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}
