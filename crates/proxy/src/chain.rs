//! What a connection's toxics do to its bytes in one way: a row of stages, each with what it holds. No I/O, no clock.
//!
//! ```text
//! received -> [latency: held until due] -> [bandwidth: held until its turn] -> ... -> ready to be written
//! ```
//!
//! Datagrams go through stages of their own (`datagram`), one piece each.

mod bandwidth;
mod corrupt;
mod datagram;
mod filter;
mod hold;
mod latency;
mod limit;
mod silence;
mod slicer;
mod slow_close;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use filter::Filtered;

use crate::dice::Dice;
use crate::layer::Way;
use crate::toxic::{Kind, Live};

/// What goes along a way, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes: of a stream, never none; one datagram, which may be empty.
    Data(Bytes),
    /// The sender has ended this way.
    End,
    /// The whole connection ends, after what came before.
    Close,
    /// The whole connection is reset, after what came before.
    Reset,
}

impl Piece {
    /// What it counts against a limit: its bytes, and what keeping it costs.
    fn weight(&self) -> usize {
        match self {
            Self::Data(bytes) => bytes.len() + 64,
            _ => 64,
        }
    }
}

/// The connection ends now, whatever is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// As with a closed socket.
    Close,
    /// With a reset.
    Reset,
}

/// One toxic at work on one way of one connection.
trait Stage: Send + std::fmt::Debug {
    /// A piece comes in, at this time.
    fn take(&mut self, piece: Piece, at: Instant);

    /// The next piece that is due now, and when it was due.
    fn give(&mut self, now: Instant) -> Option<(Piece, Instant)>;

    /// When `give` or `cut` will have something.
    fn due(&self) -> Option<Instant>;

    /// Whether the connection ends now.
    fn cut(&self, now: Instant) -> Option<Cut> {
        let _ = now;
        None
    }

    /// What it holds, by weight.
    fn held(&self) -> usize {
        0
    }

    /// Whether it takes more; otherwise the sender waits.
    fn has_room(&self) -> bool {
        true
    }

    /// The toxic was changed.
    fn change(&mut self, live: &Arc<Live>, now: Instant);

    /// The toxic is gone: everything that it holds, in order, and what becomes of the connection.
    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>);
}

/// Makes the stage of a toxic: for a connection's number and way, opened then, now. `None` for those that have no part in
/// the way of the bytes.
type Making = fn(&Arc<Live>, u64, Way, Instant, Instant) -> Option<Box<dyn Stage>>;

/// The row of one way.
#[derive(Debug)]
pub(crate) struct Chain {
    way: Way,
    /// What makes the stage of a toxic.
    stage: Making,
    stages: Vec<(Arc<Live>, Box<dyn Stage>)>,
}

impl Chain {
    /// For a stream of bytes.
    pub(crate) fn new(way: Way) -> Self {
        Self { way, stage, stages: Vec::new() }
    }

    /// For datagrams.
    pub(crate) fn of_datagrams(way: Way) -> Self {
        Self { way, stage: datagram::stage, stages: Vec::new() }
    }

    /// Whether nothing looks at the bytes.
    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Takes over the toxics that hit this connection. What a toxic held that is gone goes on at once, before what
    /// was behind it; the others keep what they hold.
    pub(crate) fn change(
        &mut self,
        toxics: &[Arc<Live>],
        connection: u64,
        opened: Instant,
        now: Instant,
        ready: &mut Vec<Piece>,
    ) -> Option<Cut> {
        let mut cut = None;
        let mut old = std::mem::take(&mut self.stages);
        let wanted = toxics.iter().filter(|live| live.toxic.stream.covers(self.way));
        let mut gone: Vec<(u64, Box<dyn Stage>)> = Vec::new();
        for live in wanted {
            while old.first().is_some_and(|(first, _)| first.id < live.id) {
                let (live, stage) = old.remove(0);
                gone.push((live.id, stage));
            }
            if old.first().is_some_and(|(first, _)| first.id == live.id) {
                let (before, mut stage) = old.remove(0);
                if before.revision != live.revision {
                    stage.change(live, now);
                }
                self.stages.push((Arc::clone(live), stage));
            } else if let Some(stage) = (self.stage)(live, connection, self.way, opened, now) {
                self.stages.push((Arc::clone(live), stage));
            }
        }
        gone.extend(old.into_iter().map(|(live, stage)| (live.id, stage)));
        // The last first: what it held came earlier than what those before it held.
        for (id, stage) in gone.into_iter().rev() {
            let (pieces, ended) = stage.end();
            cut = cut.or(ended);
            let next = self.stages.iter().position(|(live, _)| live.id > id).unwrap_or(self.stages.len());
            for piece in pieces {
                self.pass(next, piece, now, ready);
            }
        }
        cut
    }

    /// Bytes or an end come in.
    pub(crate) fn push(&mut self, piece: Piece, now: Instant, ready: &mut Vec<Piece>) {
        self.pass(0, piece, now, ready);
    }

    fn pass(&mut self, to: usize, piece: Piece, at: Instant, ready: &mut Vec<Piece>) {
        match self.stages.get_mut(to) {
            Some((_, stage)) => stage.take(piece, at),
            None => ready.push(piece),
        }
    }

    /// Moves what is due; what leaves the last stage is ready.
    pub(crate) fn run(&mut self, now: Instant, ready: &mut Vec<Piece>) -> Option<Cut> {
        for index in 0..self.stages.len() {
            // It goes on at the time it was due, so that being late here does not add up.
            while let Some((piece, at)) = self.stages[index].1.give(now) {
                self.pass(index + 1, piece, at, ready);
            }
        }
        self.stages.iter().find_map(|(_, stage)| stage.cut(now))
    }

    /// When it wants to run again.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.stages.iter().filter_map(|(_, stage)| stage.due()).min()
    }

    /// What is held, by weight.
    pub(crate) fn held(&self) -> usize {
        self.stages.iter().map(|(_, stage)| stage.held()).sum()
    }

    /// Whether more bytes are wanted.
    pub(crate) fn has_room(&self) -> bool {
        self.stages.iter().all(|(_, stage)| stage.has_room())
    }
}

/// The stages of streams. A toxic hits a connection once in each way.
fn stage(
    live: &Arc<Live>,
    connection: u64,
    way: Way,
    opened: Instant,
    now: Instant,
) -> Option<Box<dyn Stage>> {
    let dice = Dice::of_way(live.seed, connection, way);
    let stage: Box<dyn Stage> = match &live.toxic.kind {
        Kind::Latency(attributes) => Box::new(latency::Latency::new(attributes.clone(), dice)),
        Kind::Bandwidth(attributes) => Box::new(bandwidth::Bandwidth::new(live, attributes.clone(), way)),
        Kind::SlowClose(attributes) => Box::new(slow_close::SlowClose::new(attributes)),
        Kind::Timeout(attributes) => {
            Box::new(silence::Silence::new(attributes, now, Cut::Close, attributes.timeout.0 > 0.0))
        }
        Kind::ResetPeer(attributes) => Box::new(silence::Silence::new(attributes, now, Cut::Reset, true)),
        Kind::Slicer(attributes) => Box::new(slicer::Slicer::new(attributes.clone(), dice)),
        Kind::LimitData(attributes) => Filtered::by(limit::LimitData::new(attributes)),
        Kind::LimitTime(attributes) => Filtered::by(limit::LimitTime::new(attributes, opened)),
        Kind::Corrupt(attributes) => Filtered::by(corrupt::Damage::new(attributes.rate, dice)),
        Kind::LimitConnections(_) | Kind::SlowOpen(_) | Kind::HangOpen | Kind::Refuse | Kind::Rule(..) => {
            return None;
        }
        Kind::Loss(_) | Kind::Duplicate(_) | Kind::Reorder(_) | Kind::LimitSize(_) => {
            unreachable!("toxics on datagrams are refused on streams")
        }
    };
    live.shared.hit();
    Some(stage)
}

#[cfg(test)]
mod tests;
