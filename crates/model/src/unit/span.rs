//! Spans of time.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{UnitError, split_number};

/// A span of time, written `250ms`, `1.5s`, `2m`, `1h30m`. At most 1,000 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

const LONGEST: Duration = Duration::from_hours(1_000);

impl Span {
    /// Nothing.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// So many whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl Deref for Span {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = |label: String| UnitError {
            text: text.to_owned(),
            kind: "a duration",
            label,
            help: "write a number and a unit, for example `250ms` or `2s`",
        };
        if text.trim() == "0" {
            return Ok(Self::ZERO);
        }
        let mut rest = text.trim();
        let mut sum = 0_f64;
        let mut least = f64::INFINITY;
        if rest.is_empty() {
            return Err(wrong("expected a duration".into()));
        }
        while !rest.is_empty() {
            let (number, tail) = split_number(rest).ok_or_else(|| wrong("expected a duration".into()))?;
            let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
            let nanos = match &tail[..end] {
                "ns" => 1.0,
                "us" | "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" | "min" => 60e9,
                "h" => 3_600e9,
                "" => return Err(wrong("the unit is missing".into())),
                other => return Err(wrong(format!("`{other}` is not a unit of time"))),
            };
            if nanos >= least {
                return Err(wrong("units must go from large to small, each once".into()));
            }
            least = nanos;
            sum += number * nanos;
            rest = tail[end..].trim_start();
        }
        if sum < 0.0 {
            return Err(wrong("a duration cannot be negative".into()));
        }
        if sum > LONGEST.as_nanos() as f64 {
            return Err(wrong("longer than 1000 hours".into()));
        }
        Ok(Self(Duration::from_nanos(sum.round() as u64)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if nanos < 1_000 {
            return write!(f, "{nanos}ns");
        }
        if nanos < 1_000_000 {
            return write!(f, "{}us", nanos as f64 / 1e3);
        }
        if nanos < 1_000_000_000 {
            return write!(f, "{}ms", nanos as f64 / 1e6);
        }
        let (minutes, rest) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
        if minutes >= 60 {
            write!(f, "{}h", minutes / 60)?;
        }
        if minutes % 60 > 0 {
            write!(f, "{}m", minutes % 60)?;
        }
        if rest > 0 {
            write!(f, "{}s", rest as f64 / 1e9)?;
        }
        Ok(())
    }
}
