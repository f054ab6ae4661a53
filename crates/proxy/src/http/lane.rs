//! What waits to go out in one way: in order, each thing at its time, slowed where a rule says so.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::layer::Act;

/// So many bytes in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Bytes of one piece, at least one.
    pub(crate) bytes: usize,
    /// From one piece to the next.
    pub(crate) every: Duration,
}

impl Pace {
    /// A rate in bytes a second, in pieces of a fiftieth of a second, or of one byte where that is less.
    pub(crate) fn rate(bytes_per_second: u64) -> Self {
        let bytes = (bytes_per_second / 50).max(1);
        Self { bytes: bytes as usize, every: Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64) }
    }
}

/// What a lane carries.
pub(crate) trait Parcel: Sized {
    /// Its bytes, 0 for what has none.
    fn size(&self) -> usize;

    /// Takes the first `bytes` of it off, which are fewer than it has.
    fn split(&mut self, bytes: usize) -> Self;
}

impl Parcel for Act {
    fn size(&self) -> usize {
        if let Self::Send(_, bytes) = self { bytes.len() } else { 0 }
    }

    fn split(&mut self, size: usize) -> Self {
        match self {
            Self::Send(way, bytes) => Self::Send(*way, bytes.split_to(size)),
            other => other.clone(),
        }
    }
}

/// A queue in which nothing overtakes.
#[derive(Debug)]
pub(crate) struct Lane<T> {
    queue: VecDeque<Entry<T>>,
    held: usize,
    /// When the next piece of what is paced may go.
    next_piece: Option<Instant>,
}

#[derive(Debug)]
struct Entry<T> {
    at: Instant,
    pace: Option<Pace>,
    item: T,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), held: 0, next_piece: None }
    }
}

impl<T: Parcel> Lane<T> {
    /// What an entry costs apart from its bytes.
    const ENTRY: usize = 64;

    /// Puts something at the end, to leave not before `at`; gives it back at once when it need not wait.
    pub(crate) fn offer(&mut self, item: T, at: Instant, pace: Option<Pace>, now: Instant) -> Option<T> {
        if self.queue.is_empty() && at <= now && pace.is_none() {
            return Some(item);
        }
        self.held += item.size() + Self::ENTRY;
        self.queue.push_back(Entry { at, pace, item });
        None
    }

    /// The next thing, or piece of one, whose time has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<T> {
        if self.wake_at()? > now {
            return None;
        }
        let front = self.queue.front_mut()?;
        if let Some(pace) = front.pace {
            let size = front.item.size().min(pace.bytes);
            // The plan is kept to on the whole, but a pause of the sender is not made up for by a burst.
            let planned = self.next_piece.unwrap_or(front.at).max(front.at);
            let start = if planned + pace.every < now { now } else { planned };
            self.next_piece = Some(start + pace.every.mul_f64(size as f64 / pace.bytes as f64));
            if size < front.item.size() {
                self.held -= size;
                return Some(front.item.split(size));
            }
        }
        let entry = self.queue.pop_front()?;
        self.held -= entry.item.size() + Self::ENTRY;
        Some(entry.item)
    }

    /// When the first thing may leave.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let front = self.queue.front()?;
        match (front.pace, self.next_piece) {
            (Some(_), Some(next)) => Some(front.at.max(next)),
            _ => Some(front.at),
        }
    }

    /// Puts something at the end whatever there is before it.
    pub(crate) fn append(&mut self, item: T, at: Instant) {
        self.held += item.size() + Self::ENTRY;
        self.queue.push_back(Entry { at, pace: None, item });
    }

    /// The bytes that wait, with what keeping them costs.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::layer::Way;

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn send(bytes: &'static [u8]) -> Act {
        Act::Send(Way::Upstream, Bytes::from_static(bytes))
    }

    #[test]
    fn nothing_overtakes_what_is_delayed_and_delays_do_not_add_up() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut lane = Lane::default();
        assert_eq!(lane.offer(send(b"a"), start, None, start), Some(send(b"a")));
        assert_eq!(lane.offer(send(b"b"), start + second, None, start), None);
        assert_eq!(lane.offer(send(b"c"), start + second, None, start), None);
        assert_eq!(lane.offer(send(b"d"), start, None, start), None);
        assert_eq!((lane.pop(start), lane.wake_at()), (None, Some(start + second)));
        let out: Vec<Act> = std::iter::from_fn(|| lane.pop(start + second)).collect();
        assert_eq!(out, [send(b"b"), send(b"c"), send(b"d")]);
        assert_eq!(lane.held(), 0);
    }

    #[test]
    fn paced_bytes_leave_in_pieces_at_the_rate() {
        let start = start();
        let mut lane = Lane::default();
        let pace = Pace::rate(1_000);
        let bytes = Bytes::from(vec![7; 1_000]);
        assert_eq!(lane.offer(Act::Send(Way::Downstream, bytes), start, Some(pace), start), None);
        let (mut now, mut sent) = (start, 0);
        while let Some(at) = lane.wake_at() {
            now = now.max(at);
            while let Some(piece) = lane.pop(now) {
                sent += piece.size();
            }
            let allowed = 20.0 + (now - start).as_secs_f64() * 1_000.0;
            assert!(sent as f64 <= allowed + 0.5, "{sent} bytes after {:?}", now - start);
        }
        let took = now - start;
        assert!(
            sent == 1_000 && took > Duration::from_millis(900) && took < Duration::from_secs(1),
            "{took:?}"
        );
    }
}
