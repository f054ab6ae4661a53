//! HTTP: a layer that lets requests and answers through untouched until a rule hits.
//!
//! [`session`] follows HTTP/1.0 and 1.1, and finds out by itself where a client speaks HTTP/2 (gRPC too). After an
//! upgrade to WebSocket the messages are followed by [`crate::websocket`]. Bodies are never collected: they pass as
//! they come. What is no HTTP passes unchanged from there on.
//!
//! ```text
//! client --> Collector -> rules -> Plan --> Lane --> server      head by head; bodies pass by
//! client <-- Lane <------ Plan applied <--- Collector <-- server
//! ```
//!
//! A delay holds the answer, not the request: the server has done the work when the client gives up waiting, as with a
//! server that is slow. It counts from the answer's head; for an answer of squall's own, from the request.

pub(crate) mod answer;
pub mod attributes;
mod body;
pub(crate) mod code;
mod connection;
pub(crate) mod edit;
mod exchange;
mod head;
pub(crate) mod lane;
pub(crate) mod plan;
pub(crate) mod request;
pub mod rule;

use std::time::Instant;

use bytes::{Bytes, BytesMut};

pub use self::rule::Rule;
use crate::http2;
use crate::layer::{Act, LIMIT, Layer, Way};
use crate::rulebook::Rulebook;
use crate::websocket;

/// What else a session needs.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Rules for messages after an upgrade to WebSocket.
    pub websocket: Rulebook<websocket::Rule>,
}

/// Follows one connection of HTTP in any version.
pub fn session(rules: Rulebook<Rule>, options: Options) -> Box<dyn Layer> {
    Box::new(Session { version: Version::Unknown(Opening::default()), rules, options })
}

struct Session {
    version: Version,
    rules: Rulebook<Rule>,
    options: Options,
}

enum Version {
    Unknown(Opening),
    Known(Box<dyn Layer>),
}

/// What came before the version is known.
#[derive(Default)]
struct Opening {
    up: BytesMut,
    down: BytesMut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Guess {
    One,
    Two,
    Unsure,
}

impl Opening {
    /// The client of HTTP/2 begins with a preface that no request of HTTP/1 can be (RFC 9113, section 3.4). A server
    /// may send its SETTINGS before it has seen it.
    fn guess(&self) -> Guess {
        let preface = http2::PREFACE;
        if self.up.starts_with(preface) {
            return Guess::Two;
        }
        if !preface.starts_with(&self.up) {
            return Guess::One;
        }
        let settings = self.down.iter().enumerate().all(|(at, byte)| match at {
            0 | 4..=8 => *byte == 0,
            3 => *byte == 4,
            _ => true,
        });
        match (settings, self.down.len()) {
            (false, _) | (true, LIMIT..) => Guess::One,
            (true, _) => Guess::Unsure,
        }
    }
}

impl Session {
    fn decide(&mut self, now: Instant, acts: &mut Vec<Act>, last: bool) {
        let Version::Unknown(opening) = &mut self.version else { return };
        let mut layer: Box<dyn Layer> = match opening.guess() {
            Guess::Unsure if !last => return,
            Guess::Two => Box::new(http2::Connection::new(self.rules.clone())),
            Guess::One | Guess::Unsure => {
                Box::new(connection::Connection::new(self.rules.clone(), self.options.websocket.clone()))
            }
        };
        let (up, down) = (std::mem::take(&mut opening.up), std::mem::take(&mut opening.down));
        if !up.is_empty() {
            layer.received(Way::Upstream, up.freeze(), now, acts);
        }
        if !down.is_empty() {
            layer.received(Way::Downstream, down.freeze(), now, acts);
        }
        self.version = Version::Known(layer);
    }
}

impl Layer for Session {
    fn received(&mut self, way: Way, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        match &mut self.version {
            Version::Known(layer) => layer.received(way, bytes, now, acts),
            Version::Unknown(opening) => {
                match way {
                    Way::Upstream => opening.up.extend_from_slice(&bytes),
                    Way::Downstream => opening.down.extend_from_slice(&bytes),
                }
                self.decide(now, acts, false);
            }
        }
    }

    fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>) {
        self.decide(now, acts, true);
        if let Version::Known(layer) = &mut self.version {
            layer.ended(way, now, acts);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        if let Version::Known(layer) = &self.version { layer.wake_at() } else { None }
    }

    fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if let Version::Known(layer) = &mut self.version {
            layer.woken(now, acts);
        }
    }

    fn wants(&self, way: Way) -> bool {
        if let Version::Known(layer) = &self.version { layer.wants(way) } else { true }
    }
}
