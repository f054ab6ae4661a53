//! Bytes leave one slice after the other, each when the line would have carried its last byte.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hold::Hold;
use super::{Cut, Piece, Stage};
use crate::layer::Way;
use crate::span::seconds;
use crate::toxic::{self, Kind, Live, Shared};

/// A slice is what the line carries in this time: small, so that a slow line trickles and does not burst.
const SLICE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct Bandwidth {
    attributes: toxic::Bandwidth,
    shared: Arc<Shared>,
    way: Way,
    /// When the line is free again, where it is not shared.
    free_at: Option<Instant>,
    held: Hold<Instant>,
    /// The slice that is on the line: its length and when it has arrived.
    slice: Option<(usize, Instant)>,
}

impl Bandwidth {
    pub(super) fn new(live: &Arc<Live>, attributes: toxic::Bandwidth, way: Way) -> Self {
        Self {
            attributes,
            shared: Arc::clone(&live.shared),
            way,
            free_at: None,
            held: Hold::default(),
            slice: None,
        }
    }

    fn bytes_per_second(&self) -> f64 {
        self.attributes.rate * 1000.0
    }

    /// Puts the next slice on the line, where none is.
    fn plan(&mut self) {
        if self.slice.is_some() {
            return;
        }
        let Some((piece, came)) = self.held.first() else { return };
        let Piece::Data(bytes) = piece else {
            let after = self.free_at.map_or(*came, |free| free.max(*came));
            self.slice = Some((0, after));
            return;
        };
        let rate = self.bytes_per_second();
        if rate <= 0.0 {
            return;
        }
        let length = bytes.len().min(((rate * SLICE.as_secs_f64()) as usize).max(1));
        let takes = seconds(length as f64 / rate);
        let start = |free: Option<Instant>| free.map_or(*came, |free| free.max(*came));
        let done = if self.attributes.shared {
            let way = usize::from(self.way == Way::Downstream);
            let mut free = self.shared.free_at[way].lock().expect("nobody panics with the line in hand");
            let done = start(*free) + takes;
            *free = Some(done);
            done
        } else {
            let done = start(self.free_at) + takes;
            self.free_at = Some(done);
            done
        };
        self.slice = Some((length, done));
    }
}

impl Stage for Bandwidth {
    fn take(&mut self, piece: Piece, at: Instant) {
        self.held.push(piece, at);
        self.plan();
    }

    fn give(&mut self, now: Instant) -> Option<(Piece, Instant)> {
        self.plan();
        let (length, done) = self.slice?;
        if done > now {
            return None;
        }
        self.slice = None;
        let piece = self.held.pop_bytes(length.max(1))?;
        self.plan();
        Some((piece, done))
    }

    fn due(&self) -> Option<Instant> {
        self.slice.map(|(_, done)| done)
    }

    fn held(&self) -> usize {
        self.held.weight()
    }

    fn has_room(&self) -> bool {
        // Enough that the line never waits for the next read, and little, so that the sender feels the line.
        let line = self.bytes_per_second() * 0.02;
        self.held.weight() < (line as usize).clamp(64 * 1024, 4 * 1024 * 1024)
    }

    fn change(&mut self, live: &Arc<Live>, now: Instant) {
        let Kind::Bandwidth(attributes) = &live.toxic.kind else { return };
        self.attributes = attributes.clone();
        self.slice = None;
        self.free_at = None;
        // Nothing of the time that has passed counts at the new rate.
        for (_, came) in self.held.iter_mut() {
            *came = now;
        }
        self.plan();
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        (self.held.into_pieces(), None)
    }
}
