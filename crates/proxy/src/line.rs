//! A line that carries datagrams, one after the other.

use std::time::{Duration, Instant};

use crate::span::seconds;

/// When the line has carried all that was given to it.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Bytes in a second.
    rate: f64,
    free_at: Option<Instant>,
}

impl Line {
    /// Puts bytes on the line, behind those that wait; when the last of them has arrived, or `None` where they find no
    /// room in a queue of so many bytes. One datagram finds room in an empty queue whatever its size.
    pub(crate) fn book(&mut self, rate: f64, queue: u64, bytes: usize, came: Instant) -> Option<Instant> {
        if rate <= 0.0 {
            return None;
        }
        self.steer(rate, came);
        let wait = self.free_at.map_or(0.0, |free| free.saturating_duration_since(came).as_secs_f64());
        let waiting = wait * rate;
        if waiting > 0.0 && waiting + bytes as f64 > queue as f64 {
            return None;
        }
        let done = came + seconds(wait + bytes as f64 / rate);
        self.free_at = Some(done);
        Some(done)
    }

    /// What waits at this time goes on at another rate.
    pub(crate) fn steer(&mut self, rate: f64, now: Instant) {
        if self.rate > 0.0 && rate > 0.0 && self.rate.to_bits() != rate.to_bits() {
            let wait = self.free_at.map_or(Duration::ZERO, |free| free.saturating_duration_since(now));
            self.free_at = Some(now + seconds(wait.as_secs_f64() * self.rate / rate));
        }
        self.rate = rate;
    }
}
