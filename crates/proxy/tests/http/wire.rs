//! A layer without sockets: bytes in, what came of them out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use squall_proxy::http::{self, Options};
use squall_proxy::layer::{Act, Layer, Way};
use squall_proxy::rulebook::{Live, Rulebook};

/// A layer and all that it did.
pub(crate) struct Wire {
    layer: Box<dyn Layer>,
    pub(crate) now: Instant,
    /// What went to the server, and to the client.
    pub(crate) up: Vec<u8>,
    pub(crate) down: Vec<u8>,
    /// Everything else, in order: `end up`, `end down`, `close`, `reset`.
    pub(crate) ends: Vec<&'static str>,
    pub(crate) hits: Vec<String>,
}

/// Rules from JSON, named by their number, with seed 1.
pub(crate) fn book<R: serde::de::DeserializeOwned>(rules: &[&str]) -> Rulebook<R> {
    let book = Rulebook::default();
    let live = |(number, json): (usize, &&str)| {
        let rule = serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"));
        Arc::new(Live::new(format!("rule {number}"), rule, 1))
    };
    book.replace(rules.iter().enumerate().map(live).collect());
    book
}

impl Wire {
    pub(crate) fn new(layer: Box<dyn Layer>) -> Self {
        let now = tokio::time::Instant::now().into_std();
        Self { layer, now, up: Vec::new(), down: Vec::new(), ends: Vec::new(), hits: Vec::new() }
    }

    /// HTTP under these rules.
    pub(crate) fn http(rules: &[&str]) -> Self {
        Self::new(http::session(book(rules), Options::default()))
    }

    /// HTTP with rules for WebSocket.
    pub(crate) fn websocket(rules: &[&str]) -> Self {
        Self::new(http::session(Rulebook::default(), Options { websocket: book(rules) }))
    }

    fn done(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Send(Way::Upstream, bytes) => self.up.extend_from_slice(&bytes),
                Act::Send(Way::Downstream, bytes) => self.down.extend_from_slice(&bytes),
                Act::End(Way::Upstream) => self.ends.push("end up"),
                Act::End(Way::Downstream) => self.ends.push("end down"),
                Act::Close => self.ends.push("close"),
                Act::Reset => self.ends.push("reset"),
                Act::Hit(hit) => self.hits.push(format!("{}: {}: {}", hit.rule, hit.what, hit.done)),
            }
        }
    }

    pub(crate) fn feed(&mut self, way: Way, bytes: impl AsRef<[u8]>) {
        let mut acts = Vec::new();
        self.layer.received(way, Bytes::copy_from_slice(bytes.as_ref()), self.now, &mut acts);
        self.done(acts);
    }

    pub(crate) fn client(&mut self, bytes: impl AsRef<[u8]>) {
        self.feed(Way::Upstream, bytes);
    }

    pub(crate) fn server(&mut self, bytes: impl AsRef<[u8]>) {
        self.feed(Way::Downstream, bytes);
    }

    pub(crate) fn ended(&mut self, way: Way) {
        let mut acts = Vec::new();
        self.layer.ended(way, self.now, &mut acts);
        self.done(acts);
    }

    pub(crate) fn wants(&self, way: Way) -> bool {
        self.layer.wants(way)
    }

    /// Lets so much time go by, waking the layer whenever it wants to be.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.layer.wake_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let mut acts = Vec::new();
            self.layer.woken(self.now, &mut acts);
            self.done(acts);
        }
        self.now = end;
    }

    /// What went to the client, as text.
    pub(crate) fn down_text(&self) -> String {
        String::from_utf8_lossy(&self.down).into_owned()
    }

    pub(crate) fn up_text(&self) -> String {
        String::from_utf8_lossy(&self.up).into_owned()
    }
}
