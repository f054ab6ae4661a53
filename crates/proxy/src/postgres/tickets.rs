//! Statements that rules are about, until the server is ready again.

use std::collections::VecDeque;
use std::time::Instant;

use crate::groups::Ticket;

/// Most statements without an answer that are followed on one connection; those beyond it are in no group.
const MOST: usize = 4096;

/// In the order of the statements, each with the `ReadyForQuery` that ends it, counted from 1. Statements that are sent
/// before one `Sync` end together, and one error fails all of them: outside of a transaction of its own it undoes all.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    waiting: VecDeque<(u64, Ticket)>,
    has_failed: bool,
}

impl Tickets {
    /// A statement that ends with this `ReadyForQuery`.
    pub(super) fn asked(&mut self, ready: u64, ticket: Ticket) {
        if self.waiting.len() < MOST {
            self.waiting.push_back((ready, ticket));
        } else {
            ticket.forget();
        }
    }

    /// An error is among the answers.
    pub(super) fn failed(&mut self) {
        self.has_failed = true;
    }

    /// The server is ready for the so many-th time, and that passes at this time.
    pub(super) fn ready(&mut self, ready: u64, at: Instant) {
        let failed = std::mem::take(&mut self.has_failed);
        while let Some((_, ticket)) = self.waiting.pop_front_if(|(number, _)| *number <= ready) {
            ticket.answered(at, failed);
        }
    }

    /// Nothing is looked at any more.
    pub(super) fn forget(&mut self) {
        self.waiting.drain(..).for_each(|(_, ticket)| ticket.forget());
    }
}
