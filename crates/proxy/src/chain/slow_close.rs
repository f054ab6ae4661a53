//! Data goes on at once, the close later.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hold::Hold;
use super::{Cut, Piece, Stage};
use crate::toxic::{Kind, Live, Pause};

#[derive(Debug)]
pub(super) struct SlowClose {
    delay: Duration,
    /// When each piece came.
    held: Hold<Instant>,
}

impl SlowClose {
    pub(super) fn new(attributes: &Pause) -> Self {
        Self { delay: attributes.delay.duration(), held: Hold::default() }
    }
}

impl Stage for SlowClose {
    fn take(&mut self, piece: Piece, at: Instant) {
        self.held.push(piece, at);
    }

    fn give(&mut self, now: Instant) -> Option<(Piece, Instant)> {
        let due = self.due()?;
        if due > now {
            return None;
        }
        self.held.pop().map(|(piece, _)| (piece, due))
    }

    fn due(&self) -> Option<Instant> {
        let (piece, came) = self.held.first()?;
        Some(match piece {
            Piece::End | Piece::Close => *came + self.delay,
            Piece::Data(_) | Piece::Reset => *came,
        })
    }

    fn held(&self) -> usize {
        self.held.weight()
    }

    fn change(&mut self, live: &Arc<Live>, _now: Instant) {
        if let Kind::SlowClose(attributes) = &live.toxic.kind {
            self.delay = attributes.delay.duration();
        }
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        (self.held.into_pieces(), None)
    }
}
