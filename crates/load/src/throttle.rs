//! The ceiling of the rate.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::PerSecond;

/// Lets no more than so many requests start in any second; below one a second, no more than one in the time of one.
pub(crate) struct Throttle {
    most: usize,
    window: Duration,
    /// The last starts, at most `most`.
    starts: VecDeque<Instant>,
}

impl Throttle {
    pub(crate) fn new(rate: PerSecond) -> Self {
        let most = rate.get().ceil().max(1.0);
        Self {
            most: most as usize,
            window: Duration::from_secs_f64(most / rate.get()),
            starts: VecDeque::new(),
        }
    }

    /// When the next request may start.
    pub(crate) fn free(&self) -> Option<Instant> {
        let first = self.starts.front().filter(|_| self.starts.len() >= self.most)?;
        first.checked_add(self.window)
    }

    /// A request starts.
    pub(crate) fn start(&mut self, now: Instant) {
        if self.starts.len() >= self.most {
            self.starts.pop_front();
        }
        self.starts.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // C7: the ceiling holds in every window, however the requests come.
        #[test]
        fn no_window_has_more_starts_than_the_ceiling(
            rate in 0.2_f64..200.0,
            gaps in proptest::collection::vec(0_u64..50, 1..400),
        ) {
            let mut throttle = Throttle::new(PerSecond::new(rate).unwrap());
            let mut now = Instant::now();
            let mut starts = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                now = now.max(throttle.free().unwrap_or(now));
                throttle.start(now);
                starts.push(now);
            }
            for (at, start) in starts.iter().enumerate() {
                let within = starts[at..].iter().take_while(|other| **other < *start + throttle.window).count();
                prop_assert!(within <= throttle.most, "{within} in {:?}", throttle.window);
            }
        }
    }
}
