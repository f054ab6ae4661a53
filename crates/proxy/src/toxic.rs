//! What a toxic is: Toxiproxy's word for one fault of a proxy.

mod attributes;
mod datagram;
mod millis;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

pub use attributes::{
    Bandwidth, Corrupt, Kind, Latency, LimitConnections, LimitData, LimitTime, Pause, Slicer, Wait, kinds,
};
pub use datagram::{Duplicate, LimitSize, Loss, Reorder};
pub use millis::Millis;

use crate::clients::Clients;
use crate::dice::chance;
use crate::layer::Way;
use crate::line::Line;
use crate::names::Names;
use crate::refusal::Refusal;

/// Which way a toxic works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    #[default]
    Downstream,
    /// Both; Toxiproxy has no such word.
    Both,
}

impl Stream {
    /// Whether it covers this way.
    pub fn covers(self, way: Way) -> bool {
        match self {
            Self::Both => true,
            Self::Upstream => way == Way::Upstream,
            Self::Downstream => way == Way::Downstream,
        }
    }

    fn read(text: &str) -> Result<Self, Refusal> {
        match text.to_ascii_lowercase().as_str() {
            "upstream" => Ok(Self::Upstream),
            "downstream" | "" => Ok(Self::Downstream),
            "both" => Ok(Self::Both),
            _ => Err(Refusal::InvalidStream),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
            Self::Both => "both",
        }
    }
}

/// One fault, as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Toxic {
    /// Its name, which no other toxic of the proxy has.
    pub name: String,
    /// Which way it works.
    pub stream: Stream,
    /// The share of connections that it hits, from 0 to 1. Drawn once per connection.
    pub toxicity: f64,
    /// What it does.
    pub kind: Kind,
    /// How long it stays; `None`: until it is removed.
    pub ttl: Option<Duration>,
    /// What its chances are drawn from; `None`: from the server's seed and the names.
    pub seed: Option<u64>,
    /// The clients that it hits, by address or network; none: all.
    pub clients: Names,
    chosen: Clients,
}

/// The longest time to live that is taken, a year.
const LONGEST: f64 = 366.0 * 86_400_000.0;

fn bad(text: impl Into<String>) -> Refusal {
    Refusal::BadBody(text.into())
}

fn number(value: &Value, name: &str, most: f64) -> Result<f64, Refusal> {
    value
        .as_f64()
        .filter(|number| (0.0..=most).contains(number))
        .ok_or_else(|| bad(format!("{name} must be a number from 0 to {most}, not {value}")))
}

impl Toxic {
    /// Reads one from JSON whose keys are in lower case. The second value: keys that mean nothing.
    ///
    /// # Errors
    /// What is wrong, in Toxiproxy's words where it has any.
    pub fn read(document: &Value) -> Result<(Self, Vec<String>), Refusal> {
        let object = document.as_object().ok_or_else(|| bad("a toxic is a JSON object"))?;
        let text = |key: &str| match object.get(key) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(other) => Err(bad(format!("{key} must be a text, not {other}"))),
        };
        let stream = Stream::read(text("stream")?)?;
        let kind_name = text("type")?;
        let empty = Map::new();
        let attributes = match object.get("attributes") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(attributes)) => attributes,
            Some(other) => return Err(bad(format!("attributes must be an object, not {other}"))),
        };
        if !kinds().any(|kind| kind == kind_name) {
            return Err(Refusal::InvalidType { given: kind_name.to_owned() });
        }
        let kind = Kind::read(kind_name, attributes)?;
        let mut name = text("name")?.to_owned();
        if name.is_empty() {
            name = format!("{kind_name}_{}", stream.word());
        }
        if name.len() > 200 || name.chars().any(char::is_control) {
            return Err(bad("a name has at most 200 bytes and no control character"));
        }
        let mut toxic = Self {
            name,
            stream,
            toxicity: 1.0,
            kind,
            ttl: None,
            seed: None,
            clients: Names::default(),
            chosen: Clients::default(),
        };
        toxic.read_common(object)?;
        if matches!(toxic.kind, Kind::Rule(..)) && !toxic.clients.0.is_empty() {
            return Err(bad("clients: a rule names its clients in its attributes"));
        }
        let known = ["name", "type", "stream", "toxicity", "attributes", "ttl", "seed", "clients"];
        let unknown = object.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect();
        Ok((toxic, unknown))
    }

    fn read_common(&mut self, object: &Map<String, Value>) -> Result<(), Refusal> {
        if let Some(value) = object.get("toxicity").filter(|value| !value.is_null()) {
            self.toxicity = number(value, "toxicity", 1.0)?;
        }
        if let Some(value) = object.get("ttl") {
            self.ttl = match value {
                Value::Null => None,
                value => match number(value, "ttl", LONGEST)? {
                    0.0 => return Err(bad("ttl: after 0 ms it is gone before it hits; null is for ever")),
                    millis => Some(Duration::from_secs_f64(millis / 1000.0)),
                },
            };
        }
        if let Some(value) = object.get("seed") {
            self.seed = match value {
                Value::Null => None,
                value => Some(
                    value
                        .as_u64()
                        .ok_or_else(|| bad(format!("seed must be a whole number from 0, not {value}")))?,
                ),
            };
        }
        if let Some(value) = object.get("clients") {
            let clients = serde_json::from_value(value.clone())
                .map_err(|error| bad(format!("clients must be a list such as [\"10.0.0.0/8\"]: {error}")))?;
            self.chosen = Clients::new(&clients, "clients").map_err(|mistake| bad(mistake.to_string()))?;
            self.clients = clients;
        }
        Ok(())
    }

    /// This toxic with what a document changes: attributes are merged, what it does not name stays.
    ///
    /// # Errors
    /// As in `read`; this toxic stays as it is.
    pub fn changed(&self, document: &Value) -> Result<Self, Refusal> {
        let object = document.as_object().ok_or_else(|| bad("a toxic is a JSON object"))?;
        let mut changed = self.clone();
        match object.get("attributes") {
            None | Some(Value::Null) => {}
            Some(Value::Object(given)) => {
                let mut attributes = self.kind.attributes();
                attributes.extend(given.clone());
                changed.kind = Kind::read(self.kind.name(), &attributes)?;
            }
            Some(other) => return Err(bad(format!("attributes must be an object, not {other}"))),
        }
        changed.read_common(object)?;
        Ok(changed)
    }

    /// Whether it is a rule that may hit a request.
    pub(crate) fn is_rule_with_hits(&self) -> bool {
        matches!(self.kind, Kind::Rule(..)) && self.toxicity > 0.0
    }

    /// As JSON, without secrets. What old clients do not know is there only where it was asked for.
    pub fn document(&self) -> Value {
        let mut object = Map::new();
        object.insert("attributes".into(), Value::Object(self.kind.shown()));
        object.insert("name".into(), self.name.clone().into());
        object.insert("type".into(), self.kind.name().into());
        object.insert("stream".into(), self.stream.word().into());
        object.insert("toxicity".into(), Millis::plain(self.toxicity));
        if let Some(ttl) = self.ttl {
            object.insert("ttl".into(), Millis::plain(ttl.as_secs_f64() * 1000.0));
        }
        if let Some(seed) = self.seed {
            object.insert("seed".into(), seed.into());
        }
        if !self.clients.0.is_empty() {
            object.insert("clients".into(), self.clients.0.clone().into());
        }
        Value::Object(object)
    }
}

/// A toxic that is in force.
#[derive(Debug)]
pub(crate) struct Live {
    /// Never given twice: a toxic that is removed and made again is another one.
    pub(crate) id: u64,
    /// Grows with every change of the toxic.
    pub(crate) revision: u64,
    pub(crate) toxic: Toxic,
    pub(crate) seed: u64,
    /// What is shared by all connections, and outlives a change.
    pub(crate) shared: Arc<Shared>,
}

/// What the connections of one toxic have in common.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Connections that it hit, or datagrams.
    hits: AtomicU64,
    /// When the next byte may leave, where a bandwidth is shared.
    pub(crate) free_at: [Mutex<Option<Instant>>; 2],
    /// The same for datagrams.
    pub(crate) lines: [Mutex<Line>; 2],
}

impl Shared {
    /// Connections that it hit so far, or datagrams.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Counts a connection, or a datagram.
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }
}

impl Live {
    /// Whether it hits the connection of this number. The answer for a connection never changes while the toxicity
    /// stays, whatever else is added or removed.
    pub(crate) fn hits(&self, connection: u64, client: Option<std::net::IpAddr>) -> bool {
        self.toxic.chosen.have(client) && chance(self.seed, connection) < self.toxic.toxicity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_toxic_has_toxiproxys_defaults_and_all_its_attributes() {
        let (toxic, unknown) =
            Toxic::read(&json!({"type": "latency", "attributes": {"latency": 100}})).unwrap();
        assert!(unknown.is_empty());
        assert_eq!(
            toxic.document(),
            json!({"name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1,
                   "attributes": {"latency": 100, "jitter": 0}})
        );
    }

    #[test]
    fn an_update_merges_attributes_and_keeps_the_rest() {
        let (toxic, _) =
            Toxic::read(&json!({"type": "latency", "toxicity": 0.5, "attributes": {"latency": 100}}))
                .unwrap();
        let changed = toxic.changed(&json!({"attributes": {"jitter": 7}})).unwrap();
        assert_eq!(changed.document()["attributes"], json!({"latency": 100, "jitter": 7}));
        assert_eq!(changed.document()["toxicity"], json!(0.5));
        assert!(toxic.changed(&json!({"toxicity": 2})).is_err());
    }

    #[test]
    fn what_would_have_killed_toxiproxy_is_refused_with_the_range() {
        for (document, word) in [
            (json!({"type": "slicer"}), "average_size"),
            (json!({"type": "bandwidth", "attributes": {"rate": -1}}), "rate"),
            (json!({"type": "latency", "attributes": {"latency": 1, "jitter": 1e300}}), "jitter"),
            (json!({"type": "latency", "attributes": {"lateness": 1}}), "lateness"),
            (json!({"type": "latency", "toxicity": 2}), "toxicity"),
            (json!({"type": "latency", "toxicity": -1}), "toxicity"),
            (
                json!({"type": "timeout", "attributes": {"timeout": "1s"}}),
                "timeout: invalid type: string \"1s\", expected a number",
            ),
            (json!({"type": "limit_data", "attributes": {"bytes": -1}}), "expected a whole number from 0"),
            (
                json!({"type": "http", "attributes": {"answer": {"status": "503"}}}),
                "attribute answer.status: invalid",
            ),
            (json!({"type": "redis", "attributes": {"delay": "x"}}), "attribute delay: invalid"),
            (json!({"type": "latency", "ttl": 0}), "ttl"),
            (json!({"type": "latency", "clients": ["10.0.0.0/99"]}), "clients"),
            (json!([]), "object"),
        ] {
            let error = Toxic::read(&document).unwrap_err();
            assert_eq!(error.status(), 400, "{document}");
            assert!(error.to_string().contains(word), "{error} does not speak of {word}");
        }
        assert!(matches!(Toxic::read(&json!({"type": "latncy"})), Err(Refusal::InvalidType { .. })));
        assert!(matches!(
            Toxic::read(&json!({"type": "latency", "stream": "sideways"})),
            Err(Refusal::InvalidStream)
        ));
    }

    fn live(toxicity: f64, seed: u64) -> Live {
        let (mut toxic, _) = Toxic::read(&json!({"type": "latency"})).unwrap();
        toxic.toxicity = toxicity;
        Live { id: 1, revision: 1, toxic, seed, shared: Arc::default() }
    }

    #[test]
    fn the_same_seed_hits_the_same_connections_and_a_higher_toxicity_only_adds() {
        let half: Vec<bool> = (0..1000).map(|number| live(0.5, 7).hits(number, None)).collect();
        assert_eq!(half, (0..1000).map(|number| live(0.5, 7).hits(number, None)).collect::<Vec<_>>());
        assert!((450..550).contains(&half.iter().filter(|hit| **hit).count()));
        assert!((0..1000).all(|number| !half[number as usize] || live(0.8, 7).hits(number, None)));
        assert!((0..1000).all(|number| live(1.0, 7).hits(number, None) && !live(0.0, 7).hits(number, None)));
    }

    #[test]
    fn only_the_named_clients_are_hit() {
        let mut live = live(1.0, 1);
        (live.toxic, _) = Toxic::read(&json!({"type": "latency", "clients": "10.1.0.0/16"})).unwrap();
        assert!(live.hits(0, Some("10.1.2.3".parse().unwrap())));
        assert!(!live.hits(0, Some("10.2.2.3".parse().unwrap())));
        assert!(!live.hits(0, None), "a Unix socket has no address");
    }
}
