//! Commands that rules are about, until their replies.

use std::collections::VecDeque;
use std::time::Instant;

use crate::groups::Ticket;

/// Most commands without a reply that are followed on one connection; those beyond it are in no group.
const MOST: usize = 4096;

/// In the order of the commands, which is that of the replies.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    /// Commands of which something is expected, and those of them that are done with.
    asked: u64,
    done: u64,
    waiting: VecDeque<(u64, Ticket)>,
}

impl Tickets {
    /// Something is expected of one more command.
    pub(super) fn asked(&mut self, ticket: Option<Ticket>) {
        self.asked += 1;
        match ticket {
            Some(ticket) if self.waiting.len() < MOST => self.waiting.push_back((self.asked, ticket)),
            Some(ticket) => ticket.forget(),
            None => {}
        }
    }

    /// The next reply passes.
    pub(super) fn answered(&mut self, now: Instant, failed: bool) {
        if let Some(ticket) = self.next() {
            ticket.answered(now, failed);
        }
    }

    /// The next command gets no reply.
    pub(super) fn lost(&mut self) {
        drop(self.next());
    }

    fn next(&mut self) -> Option<Ticket> {
        self.done += 1;
        self.waiting.pop_front_if(|(number, _)| *number <= self.done).map(|(_, ticket)| ticket)
    }

    /// Nobody can say any more which reply is whose.
    pub(super) fn forget(&mut self) {
        self.waiting.drain(..).for_each(|(_, ticket)| ticket.forget());
    }
}
