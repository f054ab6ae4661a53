//! What is decided for each piece as it comes, and holds it for no time.

use std::sync::Arc;
use std::time::Instant;

use super::hold::Hold;
use super::{Cut, Piece, Stage};
use crate::toxic::Live;

/// Pieces that go on, each with when it came.
pub(super) type Passed = Hold<Instant>;

/// One toxic that decides at once.
pub(super) trait Filter: Send + std::fmt::Debug {
    /// A piece comes in, at this time. What goes on is put into `passed`.
    fn pass(&mut self, piece: Piece, at: Instant, passed: &mut Passed);

    /// The toxic was changed.
    fn change(&mut self, live: &Live, now: Instant, passed: &mut Passed);

    /// When the connection ends whatever comes.
    fn closes_at(&self) -> Option<Instant> {
        None
    }
}

/// A filter as a stage: what it lets pass is due when it came.
#[derive(Debug)]
pub(super) struct Filtered<F> {
    filter: F,
    passed: Passed,
}

impl<F: Filter + 'static> Filtered<F> {
    /// A stage with this filter.
    pub(super) fn by(filter: F) -> Box<dyn Stage> {
        Box::new(Self { filter, passed: Passed::default() })
    }
}

impl<F: Filter> Stage for Filtered<F> {
    fn take(&mut self, piece: Piece, at: Instant) {
        self.filter.pass(piece, at, &mut self.passed);
    }

    fn give(&mut self, _now: Instant) -> Option<(Piece, Instant)> {
        self.passed.pop()
    }

    fn due(&self) -> Option<Instant> {
        self.passed.first().map(|(_, came)| *came).or_else(|| self.filter.closes_at())
    }

    fn cut(&self, now: Instant) -> Option<Cut> {
        self.filter.closes_at().filter(|at| *at <= now).map(|_| Cut::Close)
    }

    fn held(&self) -> usize {
        self.passed.weight()
    }

    fn change(&mut self, live: &Arc<Live>, now: Instant) {
        self.filter.change(live, now, &mut self.passed);
    }

    fn end(self: Box<Self>) -> (Vec<Piece>, Option<Cut>) {
        (self.passed.into_pieces(), None)
    }
}
