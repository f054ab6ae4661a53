//! One way of a conversation: what goes out, in its order, and never into the middle of a frame.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::frame::Head;
use super::session::Message;
use crate::http::lane::{Lane, Parcel};
use crate::layer::{Act, Way};

/// One way.
pub(super) struct Half {
    pub(super) way: Way,
    pub(super) state: State,
    /// The start of a frame's head.
    pub(super) start: BytesMut,
    /// The message whose frames go by.
    pub(super) message: Option<Message>,
    pub(super) lane: Lane<Piece>,
    /// Whether what went out last ended in the middle of a frame.
    inside: bool,
    /// Frames that wait for the end of that one.
    urgent: VecDeque<Bytes>,
    /// What goes out at the end of the frame that goes by, before silence.
    pub(super) farewell: Vec<Act>,
    pub(super) ended: bool,
}

#[derive(Clone, Copy)]
pub(super) enum State {
    /// Between frames.
    Head,
    /// So many bytes of a frame's payload are to come.
    Payload { left: u64, head: Head },
    /// What comes goes nowhere.
    Silent,
    /// What comes is no WebSocket.
    Raw,
}

/// Something that goes out in its order.
pub(super) struct Piece {
    act: Act,
    /// Whether a frame ends with it.
    ends: bool,
}

impl Parcel for Piece {
    fn size(&self) -> usize {
        self.act.size()
    }

    fn split(&mut self, bytes: usize) -> Self {
        Self { act: self.act.split(bytes), ends: false }
    }
}

impl Half {
    pub(super) fn new(way: Way) -> Self {
        Self {
            way,
            state: State::Head,
            start: BytesMut::new(),
            message: None,
            lane: Lane::default(),
            inside: false,
            urgent: VecDeque::new(),
            farewell: Vec::new(),
            ended: false,
        }
    }

    pub(super) fn put(&mut self, act: Act, ends: bool, at: Instant, now: Instant, acts: &mut Vec<Act>) {
        if let Some(piece) = self.lane.offer(Piece { act, ends }, at, None, now) {
            self.out(piece, acts);
        }
    }

    pub(super) fn send(&mut self, bytes: Bytes, ends: bool, at: Instant, now: Instant, acts: &mut Vec<Act>) {
        if !bytes.is_empty() {
            self.put(Act::Send(self.way, bytes), ends, at, now, acts);
        }
    }

    fn out(&mut self, piece: Piece, acts: &mut Vec<Act>) {
        self.inside = !piece.ends;
        acts.push(piece.act);
        if !self.inside {
            acts.extend(self.urgent.drain(..).map(|bytes| Act::Send(self.way, bytes)));
        }
    }

    /// Past everything that lags, but never into a frame.
    pub(super) fn overtake(&mut self, bytes: Bytes, acts: &mut Vec<Act>) {
        if self.inside {
            self.urgent.push_back(bytes);
        } else {
            acts.push(Act::Send(self.way, bytes));
        }
    }

    pub(super) fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        while let Some(piece) = self.lane.pop(now) {
            self.out(piece, acts);
        }
    }

    /// Says farewell, at the end of the frame that goes by if there is one, and is silent from then on.
    pub(super) fn leave(&mut self, farewell: Vec<Act>, at: Instant, now: Instant, acts: &mut Vec<Act>) {
        self.farewell = farewell;
        if !matches!(self.state, State::Payload { .. }) {
            self.part(at, now, acts);
        }
    }

    pub(super) fn part(&mut self, at: Instant, now: Instant, acts: &mut Vec<Act>) {
        for act in std::mem::take(&mut self.farewell) {
            match act {
                Act::End(_) => self.end(at, now, acts),
                act => self.put(act, true, at, now, acts),
            }
        }
        self.state = State::Silent;
    }

    pub(super) fn end(&mut self, at: Instant, now: Instant, acts: &mut Vec<Act>) {
        if !std::mem::replace(&mut self.ended, true) {
            self.put(Act::End(self.way), true, at, now, acts);
        }
    }
}
