//! Faults on traffic: what a proxy in front of a service does to what passes through it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::template::{Reference, Template};

/// The proxy in front of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Via {
    /// Address of the proxy's API, which is Toxiproxy's.
    pub api: Template,
    /// The name that the proxy has there.
    pub name: String,
    /// The table of nftables by which clients go through the proxy without knowing, where they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Template>,
    /// How it opens connections of TLS, where the target says so: attributes of a rule of its API, with files as `{file:PATH}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Map<String, Value>>,
    /// What it reads the traffic as, where the run starts it. `None`: nobody but the proxy knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

/// What the traffic is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Bytes.
    Tcp,
    /// Datagrams.
    Udp,
    /// HTTP/1 and HTTP/2, gRPC.
    Http,
    /// Messages of a WebSocket.
    Websocket,
    /// Commands of Redis.
    Redis,
    /// Statements of PostgreSQL.
    Postgres,
    /// TLS, by its handshakes.
    Tls,
}

/// One fault in the words of the proxy's API: a toxic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Toxic {
    /// Its type: `latency`, `redis`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which way it acts; the proxy's own choice where nothing is said.
    pub stream: Option<String>,
    /// Its attributes.
    pub attributes: Map<String, Value>,
}

impl Via {
    /// Whether the proxy is started by the run itself, so that there is none before it.
    pub fn is_of_the_run(&self) -> bool {
        self.api.references().is_ok_and(|found| found.iter().any(|one| matches!(one, Reference::Port(_))))
    }
}

impl Protocol {
    /// Whether a proxy that reads the traffic as this one can hit it as the other.
    pub fn can_be_hit_as(self, other: Self) -> bool {
        match (self, other) {
            (Self::Udp, other) => other == Self::Udp,
            (_, Self::Udp) => false,
            // Bytes: the first rule says what they are. Every connection has bytes, and may be encrypted.
            (Self::Tcp | Self::Tls, _) | (_, Self::Tcp | Self::Tls) => true,
            (Self::Http | Self::Websocket, other) => matches!(other, Self::Http | Self::Websocket),
            (own, other) => own == other,
        }
    }

    /// Whether it consists of requests that are answered, so that a proxy can say what came of each.
    pub fn has_requests(self) -> bool {
        matches!(self, Self::Http | Self::Redis | Self::Postgres)
    }

    /// The name, as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Websocket => "websocket",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
