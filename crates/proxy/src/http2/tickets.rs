//! Requests on streams that rules are about, until their answers.

use std::collections::BTreeMap;
use std::time::Instant;

use super::block::Field;
use super::delivery::REMEMBERED;
use super::stream::value;
use crate::groups::Ticket;

/// By their streams.
#[derive(Default)]
pub(crate) struct Tickets(BTreeMap<u32, Waiting>);

struct Waiting {
    ticket: Ticket,
    /// When the head of the answer passed, where the trailers say how it ended.
    headed: Option<Instant>,
}

impl Tickets {
    /// A request is under way on this stream.
    pub(crate) fn asked(&mut self, stream: u32, ticket: Ticket) {
        self.0.insert(stream, Waiting { ticket, headed: None });
        if self.0.len() > REMEMBERED
            && let Some((_, oldest)) = self.0.pop_first()
        {
            oldest.ticket.forget();
        }
    }

    /// Headers of the answer pass at `at`: its head, or its trailers. `breaks`: it does not come to its end.
    pub(crate) fn headers(&mut self, stream: u32, fields: &[Field], end: bool, at: Instant, breaks: bool) {
        let Some(mut waiting) = self.0.remove(&stream) else { return };
        let status = value(fields, b":status").unwrap_or_default();
        if status.starts_with(b"1") {
            // An interim answer: the real one comes after it.
            self.0.insert(stream, waiting);
            return;
        }
        let failed = breaks
            || status.starts_with(b"5")
            || value(fields, b"grpc-status").is_some_and(|status| status != b"0");
        let is_grpc =
            value(fields, b"content-type").is_some_and(|kind| kind.starts_with(b"application/grpc"));
        if is_grpc && !end && !failed {
            waiting.headed = Some(at);
            self.0.insert(stream, waiting);
            return;
        }
        waiting.ticket.answered(waiting.headed.unwrap_or(at), failed);
    }

    /// The server has reset the stream, or the client wants no more of it.
    pub(crate) fn reset(&mut self, stream: u32) {
        if let Some(Waiting { ticket, headed: Some(at) }) = self.0.remove(&stream) {
            ticket.answered(at, true);
        }
    }

    /// Nobody can say what comes of them.
    pub(crate) fn forget(&mut self) {
        for waiting in std::mem::take(&mut self.0).into_values() {
            waiting.ticket.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::groups::{Groups, Side};

    #[test]
    fn of_streams_without_an_end_only_so_many_are_remembered() {
        let groups = Arc::new(Groups::default());
        let mut tickets = Tickets::default();
        let now = tokio::time::Instant::now().into_std();
        for number in 0..REMEMBERED as u32 + 10 {
            tickets.asked(2 * number + 1, Ticket::new(&groups, Side::Hit, now));
        }
        assert_eq!(groups.counts(Side::Hit).finished, 0, "the oldest are in no group");
        drop(tickets);
        assert_eq!(groups.counts(Side::Hit).finished, REMEMBERED as u64);
    }
}
