//! How long a rule holds what it hits.

use std::time::Duration;

use crate::mistake::Mistake;
use crate::rulebook::chance;

/// The longest delay with its jitter: an hour, in milliseconds.
const LONGEST: u64 = 3_600_000;

/// A delay, give or take up to a jitter, evenly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    delay: Duration,
    jitter: Duration,
}

impl Pause {
    /// In milliseconds. Together they are at most an hour.
    pub fn new(delay: Option<u64>, jitter: Option<u64>) -> Result<Self, Mistake> {
        let (delay, jitter) = (delay.unwrap_or(0), jitter.unwrap_or(0));
        for (place, value) in [("delay", delay), ("jitter", jitter)] {
            if value > LONGEST || delay.saturating_add(jitter) > LONGEST {
                return Err(Mistake::at(
                    place,
                    format!("{value} ms is too long"),
                    format!("delay and jitter are at most {LONGEST} ms together"),
                ));
            }
        }
        Ok(Self { delay: Duration::from_millis(delay), jitter: Duration::from_millis(jitter) })
    }

    /// Whether nothing is held.
    pub fn is_none(&self) -> bool {
        self.delay.is_zero() && self.jitter.is_zero()
    }

    /// The delay of one request, from the chance that was drawn for it. Never below zero.
    pub fn drawn(&self, drawn: f64) -> Duration {
        if self.jitter.is_zero() {
            return self.delay;
        }
        // Whether it is hit depends on the chance already, so the jitter needs another one, of the same seed.
        let shift = self.jitter.mul_f64(2.0 * chance(drawn.to_bits(), 0));
        (self.delay + shift).saturating_sub(self.jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jitter_is_even_around_the_delay_and_never_before_now() {
        let pause = Pause::new(Some(100), Some(20)).unwrap();
        let drawn: Vec<f64> =
            (0..1000).map(|number| pause.drawn(chance(3, number)).as_secs_f64() * 1000.0).collect();
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!(drawn.iter().all(|delay| (80.0..=120.0).contains(delay)));
        assert!((98.0..102.0).contains(&mean), "{mean}");
        assert!(drawn.iter().any(|delay| *delay < 85.0) && drawn.iter().any(|delay| *delay > 115.0));
        let short = Pause::new(None, Some(10)).unwrap();
        assert!((0..100).any(|number| short.drawn(chance(3, number)).is_zero()));
    }

    #[test]
    fn more_than_an_hour_is_refused() {
        assert_eq!(Pause::new(Some(u64::MAX), Some(u64::MAX)).unwrap_err().place, "delay");
        assert!(Pause::new(Some(LONGEST), Some(1)).is_err());
        assert!(Pause::new(Some(LONGEST), None).is_ok());
    }
}
