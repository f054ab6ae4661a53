//! What goes out in one way: frames of the peer in pieces, frames of our own between them.

use bytes::Bytes;

use crate::layer::{Act, Way};

/// Keeps frames whole.
pub(crate) struct Output {
    way: Way,
    /// Whether the first frame, which must be the peer's own, is out.
    open: bool,
    /// Whether what went out last ended inside of a frame.
    inside: bool,
    waiting: Vec<Bytes>,
}

impl Output {
    pub(crate) fn new(way: Way) -> Self {
        Self { way, open: false, inside: false, waiting: Vec::new() }
    }

    /// A piece of a peer's frame; `ends`: the frame is complete with it.
    pub(crate) fn pass(&mut self, bytes: Bytes, ends: bool, acts: &mut Vec<Act>) {
        if !bytes.is_empty() {
            acts.push(Act::Send(self.way, bytes));
        }
        self.open |= ends;
        self.inside = !ends;
        self.settle(acts);
    }

    /// A frame of our own.
    pub(crate) fn add(&mut self, frame: Bytes, acts: &mut Vec<Act>) {
        self.waiting.push(frame);
        self.settle(acts);
    }

    /// How many frames wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn settle(&mut self, acts: &mut Vec<Act>) {
        if self.open && !self.inside {
            acts.extend(self.waiting.drain(..).map(|bytes| Act::Send(self.way, bytes)));
        }
    }
}
