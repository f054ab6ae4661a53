//! Events per second.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{UnitError, split_number};

/// Events per second, written `20/s`, `600/min`, `3600/h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = |label: &str| UnitError {
            text: text.to_owned(),
            kind: "a rate",
            label: label.to_owned(),
            help: "write a number per unit of time, for example `20/s` or `600/min`",
        };
        let (number, unit) = split_number(text).ok_or_else(|| wrong("expected a rate"))?;
        let seconds = match unit.replace(' ', "").as_str() {
            "/s" => 1.0,
            "/min" | "/m" => 60.0,
            "/h" => 3600.0,
            "" => return Err(wrong("the unit of time is missing")),
            _ => return Err(wrong("expected `/s`, `/min` or `/h`")),
        };
        let rate = number / seconds;
        if !(0.0..=1e7).contains(&rate) {
            return Err(wrong("outside 0 to 10,000,000 a second"));
        }
        Ok(Self(rate))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}
