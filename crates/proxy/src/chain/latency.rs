//! A real delay line: each chunk leaves at its own time, however many came before it.

use std::sync::Arc;
use std::time::Instant;

use super::hold::Hold;
use super::{Cut, Piece, Stage};
use crate::dice::Dice;
use crate::toxic::{self, Kind, Live};

/// What one delay line holds at most: 100 ms of 80 MB/s, or a second of 8 MB/s. Beyond that the sender waits.
const LIMIT: usize = 8 * 1024 * 1024;

#[derive(Clone, Copy, Debug)]
struct Times {
    came: Instant,
    due: Instant,
}

#[derive(Debug)]
pub(super) struct Latency {
    attributes: toxic::Latency,
    dice: Dice,
    held: Hold<Times>,
    /// When the last chunk is due: none may overtake it.
    last: Option<Instant>,
}

impl Latency {
    pub(super) fn new(attributes: toxic::Latency, dice: Dice) -> Self {
        Self { attributes, dice, held: Hold::default(), last: None }
    }

    fn due_of(&mut self, came: Instant) -> Instant {
        let toxic::Latency { latency, jitter, distribution, .. } = &self.attributes;
        let delay = distribution.draw(latency.0, jitter.0, &mut self.dice);
        let due = came + delay;
        let due = self.last.map_or(due, |last| due.max(last));
        self.last = Some(due);
        due
    }
}

impl Stage for Latency {
    fn take(&mut self, piece: Piece, at: Instant) {
        let due = self.due_of(at);
        self.held.push(piece, Times { came: at, due });
    }

    fn give(&mut self, now: Instant) -> Option<(Piece, Instant)> {
        if self.due()? > now {
            return None;
        }
        self.held.pop().map(|(piece, times)| (piece, times.due))
    }

    fn due(&self) -> Option<Instant> {
        self.held.first().map(|(_, times)| times.due)
    }

    fn held(&self) -> usize {
        self.held.weight()
    }

    fn has_room(&self) -> bool {
        self.held.weight() < LIMIT
    }

    fn change(&mut self, live: &Arc<Live>, _now: Instant) {
        let Kind::Latency(attributes) = &live.toxic.kind else { return };
        self.attributes = attributes.clone();
        self.last = None;
        // What is on its way is delayed as if the new latency had been there when it came.
        let mut held = std::mem::take(&mut self.held);
        for (_, times) in held.iter_mut() {
            times.due = self.due_of(times.came);
        }
        self.held = held;
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        (self.held.into_pieces(), None)
    }
}
