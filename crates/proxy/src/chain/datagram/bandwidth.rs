//! One datagram leaves after the other, with a queue before the line that takes no more when it is full.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::super::hold::Hold;
use super::super::{Cut, Piece, Stage};
use crate::layer::Way;
use crate::line::Line;
use crate::span::{YEAR, seconds};
use crate::toxic::{self, Kind, Live, Shared};

/// Bytes that wait at most, where nothing is said: two of the largest datagrams.
const QUEUE: u64 = 131_072;

#[derive(Debug)]
pub(super) struct Bandwidth {
    attributes: toxic::Bandwidth,
    shared: Arc<Shared>,
    way: Way,
    /// Where it is not shared.
    own: Mutex<Line>,
    /// With when each has arrived.
    held: Hold<Instant>,
}

impl Bandwidth {
    pub(super) fn new(live: &Live, attributes: toxic::Bandwidth, way: Way) -> Self {
        let shared = Arc::clone(&live.shared);
        Self { attributes, shared, way, own: Mutex::default(), held: Hold::default() }
    }

    fn bytes_per_second(&self) -> f64 {
        self.attributes.rate * 1000.0
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        let line = if self.attributes.shared { &self.shared.lines[self.way as usize] } else { &self.own };
        line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage for Bandwidth {
    fn take(&mut self, piece: Piece, at: Instant) {
        let Piece::Data(bytes) = &piece else { return };
        self.shared.hit();
        let queue = self.attributes.queue.unwrap_or(QUEUE);
        let done = self.line().book(self.bytes_per_second(), queue, bytes.len(), at);
        if let Some(done) = done {
            self.held.push(piece, done);
        }
    }

    fn give(&mut self, now: Instant) -> Option<(Piece, Instant)> {
        if self.due()? > now {
            return None;
        }
        self.held.pop()
    }

    fn due(&self) -> Option<Instant> {
        self.held.first().map(|(_, done)| *done)
    }

    fn held(&self) -> usize {
        self.held.weight()
    }

    fn change(&mut self, live: &Arc<Live>, now: Instant) {
        let Kind::Bandwidth(attributes) = &live.toxic.kind else { return };
        let before = self.bytes_per_second();
        self.attributes = attributes.clone();
        let rate = self.bytes_per_second();
        self.line().steer(rate, now);
        for (_, done) in self.held.iter_mut() {
            // At no rate at all it waits for another one.
            let left = done.saturating_duration_since(now).as_secs_f64();
            *done = now + if rate > 0.0 { seconds(left * before / rate) } else { YEAR };
        }
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        (self.held.into_pieces(), None)
    }
}
