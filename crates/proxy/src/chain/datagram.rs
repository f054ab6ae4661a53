//! Toxics on datagrams: each arrives whole, twice, late or not at all, and nobody waits for room.
//!
//! A hit is a datagram here, and not a connection: one that was delayed, lost, doubled, overtaken, damaged or dropped.

mod bandwidth;
mod latency;
mod reorder;
mod sieve;

use std::sync::Arc;
use std::time::Instant;

use super::filter::Filtered;
use super::{Stage, corrupt::Damage};
use crate::dice::Dice;
use crate::layer::Way;
use crate::toxic::{Kind, Live};

/// The stages of datagrams.
pub(super) fn stage(
    live: &Arc<Live>,
    session: u64,
    way: Way,
    _opened: Instant,
    _now: Instant,
) -> Option<Box<dyn Stage>> {
    let dice = Dice::of_way(live.seed, session, way);
    let sieve = |rule| Some(Filtered::by(sieve::Sieve::new(live, rule)));
    match &live.toxic.kind {
        Kind::Latency(attributes) => Some(Box::new(latency::Latency::new(live, attributes.clone(), dice))),
        Kind::Bandwidth(attributes) => {
            Some(Box::new(bandwidth::Bandwidth::new(live, attributes.clone(), way)))
        }
        Kind::Reorder(attributes) => Some(Box::new(reorder::Reorder::new(live, attributes.clone(), dice))),
        Kind::Loss(attributes) => sieve(sieve::Rule::Loss(sieve::Loss::new(attributes.clone(), dice))),
        Kind::Duplicate(attributes) => sieve(sieve::Rule::Duplicate(attributes.percent, dice)),
        Kind::Corrupt(attributes) => sieve(sieve::Rule::Corrupt(Damage::new(attributes.rate, dice))),
        Kind::LimitSize(attributes) => sieve(sieve::Rule::LimitSize(attributes.bytes)),
        Kind::Timeout(_) => sieve(sieve::Rule::Silence),
        Kind::SlowClose(_)
        | Kind::ResetPeer(_)
        | Kind::Slicer(_)
        | Kind::LimitData(_)
        | Kind::LimitTime(_)
        | Kind::LimitConnections(_)
        | Kind::SlowOpen(_)
        | Kind::HangOpen
        | Kind::Refuse
        | Kind::Rule(..) => unreachable!("toxics on streams are refused on datagrams"),
    }
}

#[cfg(test)]
mod tests;
