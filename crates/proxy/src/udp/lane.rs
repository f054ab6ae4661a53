//! One way of a session: through the toxics, until the kernel takes the datagrams.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::chain::{Chain, Piece};
use crate::connection::Link;
use crate::layer::Way;
use crate::toxic::Live;

/// One way.
#[derive(Debug)]
pub(super) struct Lane {
    chain: Chain,
    /// What has left the chain and waits for the kernel.
    ready: VecDeque<Bytes>,
}

impl Lane {
    pub(super) fn new(way: Way) -> Self {
        Self { chain: Chain::of_datagrams(way), ready: VecDeque::new() }
    }

    /// Takes over other toxics.
    pub(super) fn change(&mut self, toxics: &[Arc<Live>], link: &Link, now: Instant) {
        let mut pieces = Vec::new();
        self.chain.change(toxics, link.number, link.opened, now, &mut pieces);
        self.collect(pieces);
    }

    /// A datagram comes in.
    pub(super) fn push(&mut self, datagram: Bytes, now: Instant) {
        let mut pieces = Vec::new();
        // What was due before it comes leaves before it.
        self.chain.run(now, &mut pieces);
        self.chain.push(Piece::Data(datagram), now, &mut pieces);
        self.chain.run(now, &mut pieces);
        self.collect(pieces);
    }

    /// Moves what is due.
    pub(super) fn run(&mut self, now: Instant) {
        if !self.chain.is_empty() {
            let mut pieces = Vec::new();
            self.chain.run(now, &mut pieces);
            self.collect(pieces);
        }
    }

    fn collect(&mut self, pieces: Vec<Piece>) {
        self.ready.extend(pieces.into_iter().filter_map(|piece| match piece {
            Piece::Data(datagram) => Some(datagram),
            Piece::End | Piece::Close | Piece::Reset => None,
        }));
    }

    /// The datagram that goes next.
    pub(super) fn first(&self) -> Option<&Bytes> {
        self.ready.front()
    }

    /// The first one has gone, or cannot go.
    pub(super) fn drop_first(&mut self) {
        self.ready.pop_front();
    }

    /// Whether nothing waits for the kernel.
    pub(super) fn is_sent(&self) -> bool {
        self.ready.is_empty()
    }

    /// What the toxics hold, by weight.
    pub(super) fn held(&self) -> usize {
        self.chain.held()
    }

    /// When it wants to run again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.chain.due()
    }
}
