//! What a client has sent and its session has not taken yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use crate::connection::Link;

/// What keeping a datagram costs apart from its bytes.
const ENTRY: usize = 64;

/// One session's.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) link: Arc<Link>,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    datagrams: VecDeque<Bytes>,
    weight: usize,
    /// When a datagram came last, either way.
    last: Instant,
}

impl Inbox {
    pub(super) fn new(link: Arc<Link>) -> Self {
        let queue = Queue { datagrams: VecDeque::new(), weight: 0, last: link.opened };
        Self { link, queue: Mutex::new(queue) }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a datagram and rings the session; `false` where there is no room.
    pub(super) fn push(&self, datagram: Bytes, most: usize) -> bool {
        let mut queue = self.lock();
        if queue.weight > most {
            return false;
        }
        queue.weight += datagram.len() + ENTRY;
        queue.datagrams.push_back(datagram);
        drop(queue);
        self.link.ring();
        true
    }

    pub(super) fn pop(&self) -> Option<Bytes> {
        let mut queue = self.lock();
        let datagram = queue.datagrams.pop_front()?;
        queue.weight -= datagram.len() + ENTRY;
        Some(datagram)
    }

    /// A datagram has come.
    pub(super) fn touch(&self, now: Instant) {
        self.lock().last = now;
    }

    /// When a datagram came last.
    pub(super) fn last(&self) -> Instant {
        self.lock().last
    }
}
