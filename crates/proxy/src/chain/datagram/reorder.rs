//! A datagram that is hit waits until so many later ones have gone first, or until its time is over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::hold::Hold;
use super::super::{Cut, Piece, Stage};
use crate::dice::Dice;
use crate::toxic::{self, Kind, Live, Shared};

/// One that waits.
#[derive(Debug)]
struct Waiting {
    piece: Piece,
    /// Those that have gone first.
    overtaken: u64,
    /// When it goes whatever comes.
    until: Instant,
}

#[derive(Debug)]
pub(super) struct Reorder {
    attributes: toxic::Reorder,
    dice: Dice,
    shared: Arc<Shared>,
    /// In the order of arrival.
    waiting: VecDeque<Waiting>,
    ready: Hold<Instant>,
    /// Of what waits.
    weight: usize,
}

impl Reorder {
    pub(super) fn new(live: &Live, attributes: toxic::Reorder, dice: Dice) -> Self {
        let shared = Arc::clone(&live.shared);
        Self { attributes, dice, shared, waiting: VecDeque::new(), ready: Hold::default(), weight: 0 }
    }

    fn longest(&self) -> Duration {
        Duration::try_from_secs_f64(self.attributes.delay / 1000.0).unwrap_or_default()
    }

    /// Lets those go that have waited long enough at this time, or were overtaken often enough.
    fn release(&mut self, at: Instant) {
        // The first has waited longest, and was overtaken as often as any.
        let gap = self.attributes.gap;
        while let Some(one) = self.waiting.pop_front_if(|one| one.until <= at || one.overtaken >= gap) {
            self.weight -= one.piece.weight();
            self.ready.push(one.piece, one.until.min(at));
        }
    }
}

impl Stage for Reorder {
    fn take(&mut self, piece: Piece, at: Instant) {
        self.release(at);
        if self.dice.throw() * 100.0 < self.attributes.percent {
            self.weight += piece.weight();
            self.waiting.push_back(Waiting { piece, overtaken: 0, until: at + self.longest() });
            return;
        }
        self.ready.push(piece, at);
        for one in &mut self.waiting {
            if one.overtaken == 0 {
                // Only now it has happened: one that waits in vain arrives in its order.
                self.shared.hit();
            }
            one.overtaken += 1;
        }
        self.release(at);
    }

    fn give(&mut self, now: Instant) -> Option<(Piece, Instant)> {
        if self.ready.first().is_none() {
            self.release(now);
        }
        self.ready.pop()
    }

    fn due(&self) -> Option<Instant> {
        let ready = self.ready.first().map(|(_, at)| *at);
        ready.or_else(|| self.waiting.front().map(|one| one.until))
    }

    fn held(&self) -> usize {
        self.ready.weight() + self.weight
    }

    fn change(&mut self, live: &Arc<Live>, now: Instant) {
        let Kind::Reorder(attributes) = &live.toxic.kind else { return };
        self.attributes = attributes.clone();
        let until = now + self.longest();
        for one in &mut self.waiting {
            one.until = one.until.min(until);
        }
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        let mut pieces = self.ready.into_pieces();
        pieces.extend(self.waiting.into_iter().map(|one| one.piece));
        (pieces, None)
    }
}
