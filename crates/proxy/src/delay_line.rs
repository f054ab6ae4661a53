//! Things that wait for their time, in their order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A queue in which nothing overtakes: each thing leaves at its time, or at that of an earlier one where that is later.
///
/// The times count from when a thing came in, so delays of things that came together do not add up.
#[derive(Debug)]
pub(crate) struct DelayLine<T> {
    waiting: VecDeque<(Instant, usize, T)>,
    latest: Option<Instant>,
    held: usize,
}

impl<T> Default for DelayLine<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), latest: None, held: 0 }
    }
}

impl<T> DelayLine<T> {
    /// What an entry costs apart from its bytes.
    const ENTRY: usize = 64;

    /// Nothing that comes from now on leaves before this time.
    pub(crate) fn not_before(&mut self, at: Instant) {
        self.latest = Some(self.latest.map_or(at, |latest| latest.max(at)));
    }

    /// What comes from now on leaves so much later than what came before.
    pub(crate) fn space(&mut self, now: Instant, delay: Duration) {
        self.latest = Some(self.latest.map_or(now, |latest| latest.max(now)) + delay);
    }

    /// Whether something that comes now must wait.
    fn waits(&self, now: Instant) -> bool {
        !self.waiting.is_empty() || self.latest.is_some_and(|latest| latest > now)
    }

    /// When something that comes now leaves.
    pub(crate) fn leaves_at(&self, now: Instant) -> Instant {
        self.latest.map_or(now, |latest| latest.max(now))
    }

    /// A thing of so many bytes comes: it is given back where it need not wait, and else put at the end.
    pub(crate) fn pass(&mut self, now: Instant, bytes: usize, thing: T) -> Option<T> {
        if !self.waits(now) {
            return Some(thing);
        }
        self.held += bytes + Self::ENTRY;
        self.waiting.push_back((self.latest.unwrap_or(now), bytes, thing));
        None
    }

    /// The first thing whose time is there.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<T> {
        if self.waiting.front()?.0 > now {
            return None;
        }
        let (_, bytes, thing) = self.waiting.pop_front()?;
        self.held -= bytes + Self::ENTRY;
        Some(thing)
    }

    /// When the first thing leaves.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.waiting.front().map(|(at, _, _)| *at)
    }

    /// The bytes held, with what holding them costs.
    pub(crate) fn held(&self) -> usize {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overtakes_and_delays_do_not_add_up() {
        let now = tokio::time::Instant::now().into_std();
        let ms = |ms| now + Duration::from_millis(ms);
        let mut line = DelayLine::default();
        assert_eq!(line.pass(now, 10, "at once"), Some("at once"));
        line.not_before(ms(100));
        assert_eq!(line.pass(now, 10, "first"), None);
        line.not_before(ms(110));
        assert_eq!(line.pass(ms(10), 10, "ten later"), None);
        line.not_before(ms(60));
        assert_eq!(line.pass(ms(50), 10, "would be earlier"), None);
        assert_eq!((line.wake_at(), line.pop(ms(99))), (Some(ms(100)), None));
        assert_eq!((line.pop(ms(100)), line.pop(ms(109))), (Some("first"), None));
        assert_eq!((line.pop(ms(110)), line.pop(ms(110))), (Some("ten later"), Some("would be earlier")));
        assert_eq!((line.held(), line.waits(ms(110))), (0, false));
    }
}
