//! The connection ends after so many bytes, or at an age.

use std::time::Instant;

use super::Piece;
use super::filter::{Filter, Passed};
use crate::toxic::{self, Kind, Live};

/// `limit_data`.
#[derive(Debug)]
pub(super) struct LimitData {
    limit: u64,
    passed: u64,
    /// The close has been given.
    closed: bool,
}

impl LimitData {
    pub(super) fn new(attributes: &toxic::LimitData) -> Self {
        Self { limit: attributes.bytes, passed: 0, closed: false }
    }
}

impl Filter for LimitData {
    fn pass(&mut self, piece: Piece, at: Instant, passed: &mut Passed) {
        if self.closed {
            return;
        }
        let Piece::Data(bytes) = piece else {
            passed.push(piece, at);
            return;
        };
        let left = usize::try_from(self.limit.saturating_sub(self.passed)).unwrap_or(usize::MAX);
        let part = bytes.slice(..bytes.len().min(left));
        self.passed += bytes.len() as u64;
        if !part.is_empty() {
            passed.push(Piece::Data(part), at);
        }
        if self.passed >= self.limit {
            self.closed = true;
            passed.push(Piece::Close, at);
        }
    }

    fn change(&mut self, live: &Live, now: Instant, passed: &mut Passed) {
        let Kind::LimitData(attributes) = &live.toxic.kind else { return };
        self.limit = attributes.bytes;
        if self.passed > 0 && self.passed >= self.limit && !self.closed {
            self.closed = true;
            passed.push(Piece::Close, now);
        }
    }
}

/// `limit_time`.
#[derive(Debug)]
pub(super) struct LimitTime {
    opened: Instant,
    at: Instant,
}

impl LimitTime {
    pub(super) fn new(attributes: &toxic::LimitTime, opened: Instant) -> Self {
        Self { opened, at: opened + attributes.time.duration() }
    }
}

impl Filter for LimitTime {
    fn pass(&mut self, piece: Piece, at: Instant, passed: &mut Passed) {
        passed.push(piece, at);
    }

    fn change(&mut self, live: &Live, _now: Instant, _passed: &mut Passed) {
        if let Kind::LimitTime(attributes) = &live.toxic.kind {
            self.at = self.opened + attributes.time.duration();
        }
    }

    fn closes_at(&self) -> Option<Instant> {
        Some(self.at)
    }
}
