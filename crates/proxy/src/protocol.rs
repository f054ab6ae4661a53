//! The protocols that a proxy can look into, and the rules of each that are in force.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::groups::{Counts, Side};
use crate::layer::Layer;
use crate::rulebook::{Live as LiveRule, Rulebook};
use crate::toxic::{Kind, Live};
use crate::{http, postgres, redis, tls, websocket};

/// What a proxy's connections speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.0, 1.1 or 2, and WebSocket after an upgrade; in the clear or over TLS.
    Http,
    /// RESP2 or RESP3; in the clear or over TLS.
    Redis,
    /// PostgreSQL, version 3 of its protocol; in the clear or over TLS.
    Postgres,
}

/// A type of toxic that is a rule of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// `http`.
    Http,
    /// `websocket`.
    Websocket,
    /// `tls`.
    Tls,
    /// `redis`.
    Redis,
    /// `postgres`.
    Postgres,
}

impl RuleKind {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Http, Self::Websocket, Self::Tls, Self::Redis, Self::Postgres];

    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Websocket => "websocket",
            Self::Tls => "tls",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The protocol that such a rule is of; `None` for TLS, which is around any of them.
    pub fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Http | Self::Websocket => Some(Protocol::Http),
            Self::Tls => None,
            Self::Redis => Some(Protocol::Redis),
            Self::Postgres => Some(Protocol::Postgres),
        }
    }

    /// Checks the attributes of a rule.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    pub(crate) fn check(self, attributes: &Map<String, Value>) -> Result<(), String> {
        match self {
            Self::Http => read::<http::Rule>(attributes).map(drop),
            Self::Websocket => read::<websocket::Rule>(attributes).map(drop),
            Self::Tls => read::<tls::Rule>(attributes).map(drop),
            Self::Redis => read::<redis::Rule>(attributes).map(drop),
            Self::Postgres => read::<postgres::Rule>(attributes).map(drop),
        }
    }
}

/// A rule of its attributes, or what is wrong with them, and where.
pub(crate) fn read<R: DeserializeOwned>(attributes: &Map<String, Value>) -> Result<R, String> {
    serde_path_to_error::deserialize(Value::Object(attributes.clone())).map_err(|error| {
        let (place, mistake) = (error.path().to_string(), error.inner().to_string());
        // Those that a rule finds itself, and unknown fields, have their place in their text.
        if place == "." || mistake.starts_with("unknown field") {
            mistake
        } else {
            format!("attribute {place}: {}", wanted(&mistake))
        }
    })
}

/// A mistake in the words of people who write JSON.
pub(crate) fn wanted(mistake: &str) -> String {
    for (ours, theirs) in [
        ("a whole number from 0", ["u64", "u32", "u16", "usize"].as_slice()),
        ("a whole number", &["i64"]),
        ("a number", &["f64"]),
        ("true or false", &["a boolean"]),
        ("an object", &["newtype variant", "struct variant"]),
    ] {
        for theirs in theirs {
            if let Some(begin) = mistake.strip_suffix(&format!("expected {theirs}")) {
                return format!("{begin}expected {ours}");
            }
        }
    }
    mistake.to_owned()
}

/// The rules of one kind, with those that were there before the last change.
#[derive(Debug)]
struct Shelf<R> {
    book: Rulebook<R>,
    rules: Mutex<Vec<Known<R>>>,
}

/// The id and the revision of a toxic, and its rule: where both are the same it stays, otherwise its hits do.
type Known<R> = (u64, u64, Arc<LiveRule<R>>);

impl<R> Default for Shelf<R> {
    fn default() -> Self {
        Self { book: Rulebook::default(), rules: Mutex::default() }
    }
}

impl<R: DeserializeOwned> Shelf<R> {
    /// `last` is asked when none of the toxics' rules has decided.
    fn replace(&self, kind: RuleKind, toxics: &[Arc<Live>], last: Option<Arc<LiveRule<R>>>) {
        let mut there = self.rules.lock().expect("nobody panics with the rules in hand");
        let mut rules = Vec::new();
        for live in toxics {
            let Kind::Rule(of, attributes) = &live.toxic.kind else { continue };
            if *of != kind {
                continue;
            }
            let before = there.iter().find(|(id, _, _)| *id == live.id);
            let rule = match before {
                Some((_, revision, rule)) if *revision == live.revision => Arc::clone(rule),
                _ => match read(attributes) {
                    Ok(rule) => {
                        let rule = LiveRule::new(live.toxic.name.clone(), rule, live.seed);
                        let rule = rule.sparing(live.toxic.toxicity);
                        Arc::new(match before {
                            Some((_, _, before)) => rule.in_place_of(before),
                            None => rule,
                        })
                    }
                    Err(error) => unreachable!("a rule is checked before it is in force: {error}"),
                },
            };
            rules.push((live.id, live.revision, rule));
        }
        self.book.replace(rules.iter().map(|(_, _, rule)| Arc::clone(rule)).chain(last).collect());
        *there = rules;
    }

    fn hits(&self, id: u64) -> Option<u64> {
        let there = self.rules.lock().expect("nobody panics with the rules in hand");
        there.iter().find(|(of, _, _)| *of == id).map(|(_, _, rule)| rule.counts().1)
    }
}

/// All rules of one proxy.
#[derive(Debug, Default)]
pub(crate) struct Books {
    http: Shelf<http::Rule>,
    websocket: Shelf<websocket::Rule>,
    tls: Shelf<tls::Rule>,
    redis: Shelf<redis::Rule>,
    postgres: Shelf<postgres::Rule>,
    /// How connections of TLS are opened while no toxic says otherwise.
    standing: Mutex<Option<Arc<LiveRule<tls::Rule>>>>,
}

/// The name under which the proxy's own opening of TLS is told.
const STANDING: &str = "tls";

impl Books {
    /// Puts the rules among these toxics in force, and no others. Requests feel it at once.
    pub(crate) fn replace(&self, toxics: &[Arc<Live>]) {
        let standing = self.standing.lock().expect("nobody panics with the rule in hand").clone();
        self.http.replace(RuleKind::Http, toxics, None);
        self.websocket.replace(RuleKind::Websocket, toxics, None);
        self.tls.replace(RuleKind::Tls, toxics, standing);
        self.redis.replace(RuleKind::Redis, toxics, None);
        self.postgres.replace(RuleKind::Postgres, toxics, None);
    }

    /// Opens connections of TLS in this way, or not at all, where none of these toxics says otherwise, from the next connection on.
    pub(crate) fn open(&self, tls: Option<tls::Rule>, toxics: &[Arc<Live>]) {
        let rule = tls.map(|tls| Arc::new(LiveRule::new(STANDING, tls, 0)));
        *self.standing.lock().expect("nobody panics with the rule in hand") = rule;
        self.replace(toxics);
    }

    /// Requests that the rule with this id has hit; `None` where it is no rule.
    pub(crate) fn hits(&self, id: u64) -> Option<u64> {
        let http = self.http.hits(id).or_else(|| self.websocket.hits(id)).or_else(|| self.tls.hits(id));
        http.or_else(|| self.redis.hits(id)).or_else(|| self.postgres.hits(id))
    }

    /// What came of the requests of one group, in all protocols that have requests and answers.
    pub(crate) fn counts(&self, side: Side) -> Counts {
        let (http, redis, postgres) = (&self.http.book, &self.redis.book, &self.postgres.book);
        let counts = [http.groups(), redis.groups(), postgres.groups()].map(|groups| groups.counts(side));
        counts.into_iter().fold(Counts::default(), Counts::and)
    }

    /// What looks into a new connection.
    pub(crate) fn layer(&self, protocol: Protocol, client: Option<IpAddr>) -> Box<dyn Layer> {
        match protocol {
            Protocol::Http => {
                let options = http::Options { websocket: self.websocket.book.clone() };
                tls::session(self.tls.book.clone(), http::session(self.http.book.clone(), options))
            }
            Protocol::Redis => {
                let session = redis::session(self.redis.book.clone(), client);
                // Without a rule for TLS the session says itself that it sees nothing of it.
                if self.tls.book.current().is_empty() {
                    session
                } else {
                    tls::session(self.tls.book.clone(), session)
                }
            }
            Protocol::Postgres => {
                let session = postgres::session(self.postgres.book.clone(), client);
                postgres::encryption(self.tls.book.clone(), session)
            }
        }
    }
}

/// The protocol that toxics ask for: that of the first rule that is of one, and HTTP where there are only rules for TLS.
pub(crate) fn of_toxics(toxics: &[Arc<Live>]) -> Option<Protocol> {
    let mut rules = toxics.iter().filter_map(|live| match &live.toxic.kind {
        Kind::Rule(kind, _) => Some(*kind),
        _ => None,
    });
    let first = rules.next()?;
    Some(first.protocol().or_else(|| rules.find_map(RuleKind::protocol)).unwrap_or(Protocol::Http))
}
