//! A PostgreSQL session: without a rule every byte passes, and with any nothing panics.
//!
//! The input is read in pieces: a byte whose highest bit is the way and whose others are a length, and so many bytes.
#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use squall_proxy::layer::{Act, Way};
use squall_proxy::postgres::{Rule, session};
use squall_proxy::rulebook::{Live, Rulebook};

/// Every fault, by chance.
const RULES: [&str; 7] = [
    r#"{"kind":"update","percent":50,"error":{"sqlstate":"40001"}}"#,
    r#"{"kind":"commit","error":{"sqlstate":"40001"}}"#,
    r#"{"kind":"select","delay":3,"jitter":3}"#,
    r#"{"kind":"insert","row_delay":2}"#,
    r#"{"kind":"begin","percent":30,"cut":"reply"}"#,
    r#"{"kind":"begin","percent":10,"cut":"before"}"#,
    r#"{"kind":"delete","error":{"sqlstate":"57P01"}}"#,
];

fuzz_target!(|input: &[u8]| {
    let [up, down] = play(input, &[]);
    let sent = |of| {
        pieces(input).filter(|(way, _)| *way == of).flat_map(|(_, bytes)| bytes.to_vec()).collect::<Vec<u8>>()
    };
    assert!(up == sent(Way::Upstream) && down == sent(Way::Downstream), "without a rule every byte passes");
    play(input, &RULES);
});

fn pieces(mut input: &[u8]) -> impl Iterator<Item = (Way, &[u8])> {
    std::iter::from_fn(move || {
        let (first, rest) = input.split_first()?;
        let (piece, rest) = rest.split_at(usize::from(first & 0x7f).min(rest.len()));
        input = rest;
        Some((if first & 0x80 == 0 { Way::Upstream } else { Way::Downstream }, piece))
    })
}

fn play(input: &[u8], rules: &[&str]) -> [Vec<u8>; 2] {
    let book = Rulebook::default();
    let live = |json: &&str| Arc::new(Live::new("rule", serde_json::from_str::<Rule>(json).unwrap(), 1));
    book.replace(rules.iter().map(live).collect());
    let mut layer = session(book, None);
    let mut now = Instant::now();
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let mut take = |acts: &mut Vec<Act>| {
        for act in acts.drain(..) {
            match act {
                Act::Send(Way::Upstream, bytes) => up.extend_from_slice(&bytes),
                Act::Send(Way::Downstream, bytes) => down.extend_from_slice(&bytes),
                _ => {}
            }
        }
    };
    let mut acts = Vec::new();
    for (way, piece) in pieces(input) {
        if layer.wants(way) {
            layer.received(way, Bytes::copy_from_slice(piece), now, &mut acts);
        }
        take(&mut acts);
        now += Duration::from_millis(1);
        if layer.wake_at().is_some_and(|at| at <= now) {
            layer.woken(now, &mut acts);
        }
    }
    for way in [Way::Upstream, Way::Downstream] {
        layer.ended(way, now, &mut acts);
    }
    layer.woken(now + Duration::from_secs(60), &mut acts);
    assert_eq!(layer.wake_at(), None);
    take(&mut acts);
    [up, down]
}
