//! Milliseconds as the API writes them: whole where they are whole, with a fraction where somebody asked for one.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Millis(pub f64);

impl Millis {
    /// A number of JSON, without `.0` where it is whole: typed clients read integers.
    pub(crate) fn plain(number: f64) -> Value {
        if number.fract() == 0.0 && number.abs() < 9e15 { (number as i64).into() } else { number.into() }
    }

    /// As a time.
    pub fn duration(self) -> Duration {
        Duration::try_from_secs_f64(self.0 / 1000.0).unwrap_or(Duration::ZERO)
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::plain(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self)
    }
}
