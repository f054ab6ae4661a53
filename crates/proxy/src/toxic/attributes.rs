//! What each kind of toxic can be told, with its ranges.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Millis;
use super::datagram::{Duplicate, LimitSize, Loss, Reorder, check_loss, check_reorder};
use crate::protocol::{RuleKind, wanted};
use crate::refusal::Refusal;
use crate::shape::Shape;

/// The longest delay, a day. Also what one chunk may be held.
pub(super) const DAY: f64 = 86_400_000.0;

/// Each chunk leaves at its time of arrival plus the delay. The order of a stream is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Milliseconds, to a day.
    pub latency: Millis,
    /// Milliseconds around it, to a day.
    pub jitter: Millis,
    /// How the jitter is spread.
    #[serde(skip_serializing_if = "is_default")]
    pub distribution: Shape,
    /// Whether datagrams keep their order too; otherwise one with a shorter delay overtakes, as on real networks.
    #[serde(skip_serializing_if = "is_default")]
    pub in_order: bool,
}

/// So many bytes in a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bandwidth {
    /// Thousands of bytes in a second; 0: nothing goes on.
    pub rate: f64,
    /// One budget for all connections of the proxy in that direction, and not one for each.
    #[serde(skip_serializing_if = "is_default")]
    pub shared: bool,
    /// Bytes of datagrams that wait at most; further ones are lost. `None`: 131,072. Streams have none: their sender waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<u64>,
}

/// A delay of something: of the close, of the open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pause {
    /// Milliseconds, to a day.
    pub delay: Millis,
}

/// Something happens after a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wait {
    /// Milliseconds, to a day.
    pub timeout: Millis,
}

/// Small pieces with pauses between them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slicer {
    /// Bytes, from 1.
    pub average_size: u64,
    /// Bytes more or less, below the average.
    pub size_variation: u64,
    /// Microseconds between two pieces, to a minute.
    pub delay: u64,
}

/// The connection closes after so many bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitData {
    /// Bytes that pass.
    pub bytes: u64,
}

/// The connection closes at this age.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitTime {
    /// Milliseconds, to a day.
    pub time: Millis,
}

/// No more connections than so many at a time; further ones are reset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitConnections {
    /// How many.
    pub connections: u64,
}

/// Bytes arrive with a bit turned over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Corrupt {
    /// The share of bytes, from 0 to 1.
    pub rate: f64,
}

impl Default for Corrupt {
    fn default() -> Self {
        Self { rate: 0.001 }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a toxic does.
#[derive(Clone, PartialEq)]
pub enum Kind {
    /// `latency`.
    Latency(Latency),
    /// `bandwidth`.
    Bandwidth(Bandwidth),
    /// `slow_close`: data at once, the close later.
    SlowClose(Pause),
    /// `timeout`: data is dropped, the connection closes after the time; 0: never.
    Timeout(Wait),
    /// `reset_peer`: data is dropped, the connection is reset after the time.
    ResetPeer(Wait),
    /// `slicer`.
    Slicer(Slicer),
    /// `limit_data`.
    LimitData(LimitData),
    /// `limit_time`, ours.
    LimitTime(LimitTime),
    /// `limit_connections`, ours.
    LimitConnections(LimitConnections),
    /// `corrupt`, ours.
    Corrupt(Corrupt),
    /// `slow_open`, ours: the server is dialled later.
    SlowOpen(Pause),
    /// `hang_open`, ours: the server is not dialled while this is on.
    HangOpen,
    /// `refuse`, ours: new connections are reset.
    Refuse,
    /// `loss`, ours.
    Loss(Loss),
    /// `duplicate`, ours.
    Duplicate(Duplicate),
    /// `reorder`, ours.
    Reorder(Reorder),
    /// `limit_size`, ours.
    LimitSize(LimitSize),
    /// A rule of a protocol: `http`, `redis`, ...
    Rule(RuleKind, Map<String, Value>),
}

/// The names of all kinds.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    const NAMES: [&str; 17] = [
        "latency",
        "bandwidth",
        "slow_close",
        "timeout",
        "reset_peer",
        "slicer",
        "limit_data",
        "limit_time",
        "limit_connections",
        "corrupt",
        "slow_open",
        "hang_open",
        "refuse",
        "loss",
        "duplicate",
        "reorder",
        "limit_size",
    ];
    NAMES.into_iter().chain(RuleKind::ALL.iter().map(|rule| rule.name()))
}

/// A null counts as absent, as in Go.
fn present(attributes: &Map<String, Value>) -> Map<String, Value> {
    let given = attributes.iter().filter(|(_, value)| !value.is_null());
    given.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn read<T: DeserializeOwned>(attributes: &Map<String, Value>) -> Result<T, Refusal> {
    // One after the other, so that the mistake has the name of its attribute.
    let given = present(attributes);
    for (key, value) in &given {
        let alone = Map::from_iter([(key.clone(), value.clone())]);
        if let Err(error) = serde_json::from_value::<T>(Value::Object(alone)) {
            let error = error.to_string();
            return Err(Refusal::BadBody(if error.contains("unknown field") {
                error
            } else {
                format!("attribute {key}: {}", wanted(&error))
            }));
        }
    }
    serde_json::from_value(Value::Object(given)).map_err(|error| Refusal::BadBody(error.to_string()))
}

pub(super) fn within(name: &str, value: f64, least: f64, most: f64) -> Result<(), Refusal> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(Refusal::BadBody(format!("attribute {name} must be from {least} to {most}, not {value}")))
    }
}

impl std::fmt::Debug for Kind {
    /// As the API shows it: without the keys of certificates.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple(self.name()).field(&self.shown()).finish()
    }
}

impl Kind {
    /// The name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Latency(_) => "latency",
            Self::Bandwidth(_) => "bandwidth",
            Self::SlowClose(_) => "slow_close",
            Self::Timeout(_) => "timeout",
            Self::ResetPeer(_) => "reset_peer",
            Self::Slicer(_) => "slicer",
            Self::LimitData(_) => "limit_data",
            Self::LimitTime(_) => "limit_time",
            Self::LimitConnections(_) => "limit_connections",
            Self::Corrupt(_) => "corrupt",
            Self::SlowOpen(_) => "slow_open",
            Self::HangOpen => "hang_open",
            Self::Refuse => "refuse",
            Self::Loss(_) => "loss",
            Self::Duplicate(_) => "duplicate",
            Self::Reorder(_) => "reorder",
            Self::LimitSize(_) => "limit_size",
            Self::Rule(rule, _) => rule.name(),
        }
    }

    pub(super) fn read(name: &str, attributes: &Map<String, Value>) -> Result<Self, Refusal> {
        let kind = match name {
            "latency" => Self::Latency(read(attributes)?),
            "bandwidth" => Self::Bandwidth(read(attributes)?),
            "slow_close" => Self::SlowClose(read(attributes)?),
            "timeout" => Self::Timeout(read(attributes)?),
            "reset_peer" => Self::ResetPeer(read(attributes)?),
            "slicer" => Self::Slicer(read(attributes)?),
            "limit_data" => Self::LimitData(read(attributes)?),
            "limit_time" => Self::LimitTime(read(attributes)?),
            "limit_connections" => Self::LimitConnections(read(attributes)?),
            "corrupt" => Self::Corrupt(read(attributes)?),
            "slow_open" => Self::SlowOpen(read(attributes)?),
            "hang_open" => read::<Nothing>(attributes).map(|_| Self::HangOpen)?,
            "refuse" => read::<Nothing>(attributes).map(|_| Self::Refuse)?,
            "loss" => Self::Loss(read(attributes)?),
            "duplicate" => Self::Duplicate(read(attributes)?),
            "reorder" => Self::Reorder(read(attributes)?),
            "limit_size" => Self::LimitSize(read(attributes)?),
            other => match RuleKind::named(other) {
                Some(rule) => {
                    let given = present(attributes);
                    rule.check(&given).map_err(Refusal::BadBody)?;
                    Self::Rule(rule, given)
                }
                None => return Err(Refusal::InvalidType { given: other.to_owned() }),
            },
        };
        kind.check()?;
        Ok(kind)
    }

    fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Latency(latency) => {
                within("latency", latency.latency.0, 0.0, DAY)?;
                within("jitter", latency.jitter.0, 0.0, DAY)
            }
            // 1 TB/s: as good as none, and the arithmetic stays far from its ends.
            Self::Bandwidth(bandwidth) => within("rate", bandwidth.rate, 0.0, 1e9),
            Self::SlowClose(pause) | Self::SlowOpen(pause) => within("delay", pause.delay.0, 0.0, DAY),
            Self::Timeout(wait) | Self::ResetPeer(wait) => within("timeout", wait.timeout.0, 0.0, DAY),
            Self::Slicer(slicer) => {
                within("average_size", slicer.average_size as f64, 1.0, 1e9)?;
                within(
                    "size_variation",
                    slicer.size_variation as f64,
                    0.0,
                    (slicer.average_size - 1) as f64,
                )?;
                within("delay", slicer.delay as f64, 0.0, 60e6)
            }
            Self::LimitTime(limit) => within("time", limit.time.0, 0.0, DAY),
            Self::Corrupt(corrupt) => within("rate", corrupt.rate, 0.0, 1.0),
            Self::Loss(loss) => check_loss(loss),
            Self::Duplicate(duplicate) => within("percent", duplicate.percent, 0.0, 100.0),
            Self::Reorder(reorder) => check_reorder(reorder),
            Self::LimitData(_)
            | Self::LimitSize(_)
            | Self::LimitConnections(_)
            | Self::HangOpen
            | Self::Refuse
            | Self::Rule(..) => Ok(()),
        }
    }

    /// The attributes that anybody may see, as JSON: keys of certificates are not among them.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = self.attributes();
        if matches!(self, Self::Rule(RuleKind::Tls, _)) {
            for name in ["authority", "identity"] {
                if let Some(Value::Object(pem)) = shown.get_mut(name) {
                    pem.remove("key");
                }
            }
        }
        shown
    }

    /// All attributes, as JSON.
    pub(super) fn attributes(&self) -> Map<String, Value> {
        let value = match self {
            Self::Latency(attributes) => serde_json::to_value(attributes),
            Self::Bandwidth(bandwidth) => serde_json::to_value(bandwidth).map(|mut value| {
                value["rate"] = Millis::plain(bandwidth.rate);
                value
            }),
            Self::SlowClose(attributes) | Self::SlowOpen(attributes) => serde_json::to_value(attributes),
            Self::Timeout(attributes) | Self::ResetPeer(attributes) => serde_json::to_value(attributes),
            Self::Slicer(attributes) => serde_json::to_value(attributes),
            Self::LimitData(attributes) => serde_json::to_value(attributes),
            Self::LimitTime(attributes) => serde_json::to_value(attributes),
            Self::LimitConnections(attributes) => serde_json::to_value(attributes),
            Self::Corrupt(attributes) => serde_json::to_value(attributes),
            Self::Loss(attributes) => serde_json::to_value(attributes),
            Self::Duplicate(attributes) => serde_json::to_value(attributes),
            Self::Reorder(attributes) => serde_json::to_value(attributes),
            Self::LimitSize(attributes) => serde_json::to_value(attributes),
            Self::HangOpen | Self::Refuse => Ok(Value::Object(Map::new())),
            Self::Rule(_, attributes) => Ok(Value::Object(attributes.clone())),
        };
        match value {
            Ok(Value::Object(attributes)) => attributes,
            _ => unreachable!("attributes are plain structs, which are JSON objects"),
        }
    }
}
