//! A connection that somebody else writes, for every protocol that the proxy looks into.
//!
//! The input is read in pieces: a byte whose highest bit is the way and whose others are a length, and so many bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use squall_proxy::layer::{Act, Layer, Way};
use squall_proxy::rulebook::{Live, Rulebook};

/// These rules, each the attributes of a toxic.
pub fn book<R: DeserializeOwned>(rules: &[&str]) -> Rulebook<R> {
    let live = |json: &&str| {
        let rule = serde_json::from_str::<R>(json).unwrap_or_else(|error| panic!("{json}: {error}"));
        Arc::new(Live::new("rule", rule, 1))
    };
    let book = Rulebook::default();
    book.replace(rules.iter().map(live).collect());
    book
}

/// Plays the input to a connection without rules, which must pass every byte that it takes, and to one with rules, which
/// must come to an end. `start` is what the client has said before.
pub fn connection(input: &[u8], start: &[u8], plain: Box<dyn Layer>, ruled: Box<dyn Layer>) {
    let [up, down] = play(input, start, plain);
    assert!(up.given == up.came, "without a rule every byte of the client passes");
    assert!(down.given == down.came, "without a rule every byte of the server passes");
    play(input, start, ruled);
}

/// One way of a connection.
#[derive(Default)]
struct Half<'a> {
    /// What its sender has not got rid of.
    ahead: VecDeque<&'a [u8]>,
    given: Vec<u8>,
    came: Vec<u8>,
}

fn pieces(mut input: &[u8]) -> impl Iterator<Item = (Way, &[u8])> {
    std::iter::from_fn(move || {
        let (first, rest) = input.split_first()?;
        let (piece, rest) = rest.split_at(usize::from(first & 0x7f).min(rest.len()));
        input = rest;
        Some((if first & 0x80 == 0 { Way::Upstream } else { Way::Downstream }, piece))
    })
}

fn play<'a>(input: &'a [u8], start: &'a [u8], mut layer: Box<dyn Layer>) -> [Half<'a>; 2] {
    let mut now = Instant::now();
    let mut halves = [Half::default(), Half::default()];
    let mut acts = Vec::new();
    for (way, piece) in std::iter::once((Way::Upstream, start)).chain(pieces(input)) {
        halves[way as usize].ahead.push_back(piece);
        give(&mut *layer, &mut halves, now, &mut acts);
        now += Duration::from_millis(1);
        if layer.wake_at().is_some_and(|at| at <= now) {
            layer.woken(now, &mut acts);
        }
    }
    let mut ended = [false; 2];
    let mut naps = 0;
    loop {
        give(&mut *layer, &mut halves, now, &mut acts);
        for way in [Way::Upstream, Way::Downstream] {
            // Who waits to be heard has not ended.
            if halves[way as usize].ahead.is_empty() && !std::mem::replace(&mut ended[way as usize], true) {
                layer.ended(way, now, &mut acts);
            }
        }
        let Some(at) = layer.wake_at() else { break };
        now = now.max(at);
        layer.woken(now, &mut acts);
        naps += 1;
        assert!(naps < 1_000_000, "what is held goes on some time");
    }
    for act in acts {
        if let Act::Send(way, bytes) = act {
            halves[way as usize].came.extend_from_slice(&bytes);
        }
    }
    halves
}

/// Gives what is wanted.
fn give(layer: &mut dyn Layer, halves: &mut [Half<'_>; 2], now: Instant, acts: &mut Vec<Act>) {
    for way in [Way::Upstream, Way::Downstream] {
        let half = &mut halves[way as usize];
        while layer.wants(way)
            && let Some(piece) = half.ahead.pop_front()
        {
            half.given.extend_from_slice(piece);
            if !piece.is_empty() {
                layer.received(way, Bytes::copy_from_slice(piece), now, acts);
            }
        }
    }
}
