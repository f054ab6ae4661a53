//! Each datagram leaves at its own time; one with a shorter delay overtakes, unless the order is to be kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::super::{Cut, Piece, Stage};
use crate::dice::Dice;
use crate::toxic::{self, Kind, Live, Shared};

#[derive(Debug)]
pub(super) struct Latency {
    attributes: toxic::Latency,
    dice: Dice,
    shared: Arc<Shared>,
    /// By when each is due and its number, with when it came.
    held: BTreeMap<(Instant, u64), (Piece, Instant)>,
    weight: usize,
    /// The number of the next one.
    next: u64,
    /// When the latest is due.
    last: Option<Instant>,
}

impl Latency {
    pub(super) fn new(live: &Live, attributes: toxic::Latency, dice: Dice) -> Self {
        let shared = Arc::clone(&live.shared);
        Self { attributes, dice, shared, held: BTreeMap::new(), weight: 0, next: 0, last: None }
    }

    fn hold(&mut self, number: u64, piece: Piece, came: Instant) {
        let toxic::Latency { latency, jitter, distribution, in_order } = &self.attributes;
        let delay = distribution.draw(latency.0, jitter.0, &mut self.dice);
        let mut due = came + delay;
        if *in_order {
            due = self.last.map_or(due, |last| due.max(last));
        }
        self.last = Some(self.last.map_or(due, |last| due.max(last)));
        self.held.insert((due, number), (piece, came));
    }

    /// Takes everything out, in the order of arrival.
    fn clear(&mut self) -> Vec<(u64, Piece, Instant)> {
        let held = std::mem::take(&mut self.held);
        let mut pieces: Vec<_> =
            held.into_iter().map(|((_, number), (piece, came))| (number, piece, came)).collect();
        pieces.sort_by_key(|(number, ..)| *number);
        pieces
    }
}

impl Stage for Latency {
    fn take(&mut self, piece: Piece, at: Instant) {
        self.shared.hit();
        self.weight += piece.weight();
        self.next += 1;
        self.hold(self.next, piece, at);
    }

    fn give(&mut self, now: Instant) -> Option<(Piece, Instant)> {
        let first = self.held.first_entry().filter(|first| first.key().0 <= now)?;
        let ((due, _), (piece, _)) = first.remove_entry();
        self.weight -= piece.weight();
        Some((piece, due))
    }

    fn due(&self) -> Option<Instant> {
        self.held.first_key_value().map(|((due, _), _)| *due)
    }

    fn held(&self) -> usize {
        self.weight
    }

    fn change(&mut self, live: &Arc<Live>, _now: Instant) {
        let Kind::Latency(attributes) = &live.toxic.kind else { return };
        self.attributes = attributes.clone();
        self.last = None;
        // What is on its way is delayed as if the new latency had been there when it came.
        for (number, piece, came) in self.clear() {
            self.hold(number, piece, came);
        }
    }

    fn end(mut self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        (self.clear().into_iter().map(|(_, piece, _)| piece).collect(), None)
    }
}
