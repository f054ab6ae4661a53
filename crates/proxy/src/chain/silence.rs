//! `timeout` and `reset_peer`: nothing gets through, and after a time the connection ends, busy or idle.

use std::sync::Arc;
use std::time::Instant;

use super::{Cut, Piece, Stage};
use crate::toxic::{Kind, Live, Wait};

#[derive(Debug)]
pub(super) struct Silence {
    began: Instant,
    /// When the connection ends; `None`: never.
    at: Option<Instant>,
    how: Cut,
    swallowed: bool,
}

impl Silence {
    pub(super) fn new(attributes: &Wait, now: Instant, how: Cut, ends: bool) -> Self {
        let at = ends.then(|| now + attributes.timeout.duration());
        Self { began: now, at, how, swallowed: false }
    }
}

impl Stage for Silence {
    fn take(&mut self, _piece: Piece, _at: Instant) {
        self.swallowed = true;
    }

    fn give(&mut self, _now: Instant) -> Option<(Piece, Instant)> {
        None
    }

    fn due(&self) -> Option<Instant> {
        self.at
    }

    fn cut(&self, now: Instant) -> Option<Cut> {
        self.at.filter(|at| *at <= now).map(|_| self.how)
    }

    fn change(&mut self, live: &Arc<Live>, _now: Instant) {
        match &live.toxic.kind {
            Kind::Timeout(attributes) => {
                let ends = attributes.timeout.0 > 0.0;
                self.at = ends.then(|| self.began + attributes.timeout.duration());
            }
            Kind::ResetPeer(attributes) => self.at = Some(self.began + attributes.timeout.duration()),
            _ => {}
        }
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        // What was swallowed cannot be given back: going on would be a hole in the stream. An untouched connection
        // goes on; `timeout` ends it also then, as in Toxiproxy.
        let cut = (self.swallowed || self.how == Cut::Close).then_some(self.how);
        (Vec::new(), cut)
    }
}
