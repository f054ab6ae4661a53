//! Small pieces with pauses between them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hold::Hold;
use super::{Cut, Piece, Stage};
use crate::dice::Dice;
use crate::toxic::{self, Kind, Live};

/// What is held at most; the sender waits.
const LIMIT: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Slicer {
    attributes: toxic::Slicer,
    dice: Dice,
    held: Hold<Instant>,
    /// Before that no piece leaves.
    next: Option<Instant>,
}

impl Slicer {
    pub(super) fn new(attributes: toxic::Slicer, dice: Dice) -> Self {
        Self { attributes, dice, held: Hold::default(), next: None }
    }

    fn size(&mut self) -> usize {
        let toxic::Slicer { average_size, size_variation, .. } = self.attributes;
        let spread = 2.0 * size_variation as f64 + 1.0;
        let least = average_size.saturating_sub(size_variation);
        (least + (self.dice.throw() * spread) as u64).max(1) as usize
    }
}

impl Stage for Slicer {
    fn take(&mut self, piece: Piece, at: Instant) {
        self.held.push(piece, at);
    }

    fn give(&mut self, now: Instant) -> Option<(Piece, Instant)> {
        let due = self.due()?;
        if due > now {
            return None;
        }
        let size = self.size();
        let piece = self.held.pop_bytes(size)?;
        if matches!(piece, Piece::Data(_)) {
            self.next = Some(due + Duration::from_micros(self.attributes.delay));
        }
        Some((piece, due))
    }

    fn due(&self) -> Option<Instant> {
        let (_, came) = self.held.first()?;
        Some(self.next.map_or(*came, |next| next.max(*came)))
    }

    fn held(&self) -> usize {
        self.held.weight()
    }

    fn has_room(&self) -> bool {
        self.held.weight() < LIMIT
    }

    fn change(&mut self, live: &Arc<Live>, now: Instant) {
        let Kind::Slicer(attributes) = &live.toxic.kind else { return };
        self.attributes = attributes.clone();
        self.next = self.next.map(|next| next.min(now));
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        (self.held.into_pieces(), None)
    }
}
