//! A session without sockets: what goes in, and what comes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use squall_proxy::layer::{Act, Layer, Way};
use squall_proxy::rulebook::{Live, Rulebook};

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// These rules.
pub(crate) fn book<R: serde::de::DeserializeOwned>(rules: &[&str]) -> Rulebook<R> {
    let book = Rulebook::default();
    let live = |(n, json): (usize, &&str)| {
        Arc::new(Live::new(format!("rule-{n}"), serde_json::from_str(json).unwrap(), 1))
    };
    book.replace(rules.iter().enumerate().map(live).collect());
    book
}

/// A connection, and what came out of it.
pub(crate) struct Wire {
    pub(crate) layer: Box<dyn Layer>,
    pub(crate) now: Instant,
    pub(crate) up: Vec<u8>,
    pub(crate) down: Vec<u8>,
    pub(crate) others: Vec<Act>,
}

impl Wire {
    pub(crate) fn new(layer: Box<dyn Layer>) -> Self {
        Self { layer, now: now(), up: Vec::new(), down: Vec::new(), others: Vec::new() }
    }

    pub(crate) fn take(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Send(Way::Upstream, bytes) => self.up.extend_from_slice(&bytes),
                Act::Send(Way::Downstream, bytes) => self.down.extend_from_slice(&bytes),
                other => self.others.push(other),
            }
        }
    }

    pub(crate) fn put(&mut self, way: Way, bytes: &[u8]) {
        let mut acts = Vec::new();
        self.layer.received(way, Bytes::copy_from_slice(bytes), self.now, &mut acts);
        self.take(acts);
    }

    pub(crate) fn client(&mut self, text: &str) {
        self.put(Way::Upstream, text.as_bytes());
    }

    pub(crate) fn server(&mut self, text: &str) {
        self.put(Way::Downstream, text.as_bytes());
    }

    pub(crate) fn end(&mut self, way: Way) {
        let mut acts = Vec::new();
        self.layer.ended(way, self.now, &mut acts);
        self.take(acts);
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        let mut acts = Vec::new();
        if self.layer.wake_at().is_some_and(|at| at <= self.now) {
            self.layer.woken(self.now, &mut acts);
        }
        self.take(acts);
    }

    pub(crate) fn up(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.up)).unwrap()
    }

    pub(crate) fn down(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.down)).unwrap()
    }

    pub(crate) fn hits(&self) -> Vec<String> {
        let hit = |act: &Act| match act {
            Act::Hit(hit) => Some(format!("{}: {}", hit.what, hit.done)),
            _ => None,
        };
        self.others.iter().filter_map(hit).collect()
    }

    pub(crate) fn has(&self, act: &Act) -> bool {
        self.others.contains(act)
    }
}

/// Cuts bytes into chunks of these sizes, over and over.
pub(crate) fn chunks<'a>(mut bytes: &'a [u8], sizes: &'a [usize]) -> Vec<&'a [u8]> {
    let mut cut = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (chunk, rest) = bytes.split_at((*size).min(bytes.len()));
        cut.push(chunk);
        bytes = rest;
    }
    cut
}

/// Sizes of chunks.
pub(crate) fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..40, 1..8)
}
