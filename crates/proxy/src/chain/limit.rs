//! The connection ends after so many bytes, or at an age.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::hold::Hold;
use super::{Cut, Piece, Stage};
use crate::toxic::{self, Kind, Live};

/// `limit_data`.
#[derive(Debug)]
pub(super) struct LimitData {
    limit: u64,
    passed: u64,
    /// The close has been given.
    closed: bool,
    held: Hold<Instant>,
}

impl LimitData {
    pub(super) fn new(attributes: &toxic::LimitData) -> Self {
        Self { limit: attributes.bytes, passed: 0, closed: false, held: Hold::default() }
    }
}

impl Stage for LimitData {
    fn take(&mut self, piece: Piece, at: Instant) {
        if self.closed {
            return;
        }
        let Piece::Data(bytes) = piece else {
            self.held.push(piece, at);
            return;
        };
        let left = usize::try_from(self.limit.saturating_sub(self.passed)).unwrap_or(usize::MAX);
        let part: Bytes = bytes.slice(..bytes.len().min(left));
        self.passed += bytes.len() as u64;
        if !part.is_empty() {
            self.held.push(Piece::Data(part), at);
        }
        if self.passed >= self.limit {
            self.closed = true;
            self.held.push(Piece::Close, at);
        }
    }

    fn give(&mut self, _now: Instant) -> Option<(Piece, Instant)> {
        self.held.pop()
    }

    fn due(&self) -> Option<Instant> {
        self.held.first().map(|(_, came)| *came)
    }

    fn held(&self) -> usize {
        self.held.weight()
    }

    fn change(&mut self, live: &Arc<Live>, now: Instant) {
        let Kind::LimitData(attributes) = &live.toxic.kind else { return };
        self.limit = attributes.bytes;
        if self.passed > 0 && self.passed >= self.limit && !self.closed {
            self.closed = true;
            self.held.push(Piece::Close, now);
        }
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        (self.held.into_pieces(), None)
    }
}

/// `limit_time`.
#[derive(Debug)]
pub(super) struct LimitTime {
    opened: Instant,
    at: Instant,
    held: Hold<Instant>,
}

impl LimitTime {
    pub(super) fn new(attributes: &toxic::LimitTime, opened: Instant) -> Self {
        Self { opened, at: opened + attributes.time.duration(), held: Hold::default() }
    }
}

impl Stage for LimitTime {
    fn take(&mut self, piece: Piece, at: Instant) {
        self.held.push(piece, at);
    }

    fn give(&mut self, _now: Instant) -> Option<(Piece, Instant)> {
        self.held.pop()
    }

    fn due(&self) -> Option<Instant> {
        Some(self.held.first().map_or(self.at, |(_, came)| *came))
    }

    fn cut(&self, now: Instant) -> Option<Cut> {
        (self.at <= now).then_some(Cut::Close)
    }

    fn held(&self) -> usize {
        self.held.weight()
    }

    fn change(&mut self, live: &Arc<Live>, _now: Instant) {
        if let Kind::LimitTime(attributes) = &live.toxic.kind {
            self.at = self.opened + attributes.time.duration();
        }
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        (self.held.into_pieces(), None)
    }
}
