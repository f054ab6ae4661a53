//! How long a rule holds what it hits.

use std::time::Duration;

use crate::dice::Dice;
use crate::mistake::Mistake;
use crate::shape::Shape;

/// The longest delay with its jitter: an hour, in milliseconds. A long tail ends there too.
const LONGEST: u64 = 3_600_000;

/// A delay with a jitter around it, spread as a toxic's latency is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    delay: Duration,
    jitter: Duration,
    distribution: Shape,
}

impl Pause {
    /// In milliseconds. Together they are at most an hour. The jitter is spread evenly where nothing is said.
    pub fn new(
        delay: Option<u64>,
        jitter: Option<u64>,
        distribution: Option<Shape>,
    ) -> Result<Self, Mistake> {
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
        let (delay, jitter) = (Duration::from_millis(delay), Duration::from_millis(jitter));
        Ok(Self { delay, jitter, distribution: distribution.unwrap_or_default() })
    }

    /// Whether nothing is held.
    pub fn is_none(&self) -> bool {
        self.delay.is_zero() && self.jitter.is_zero()
    }

    /// The delay of one request, from the chance that was drawn for it. Never below zero, and at most an hour.
    pub fn drawn(&self, drawn: f64) -> Duration {
        if self.jitter.is_zero() {
            return self.delay;
        }
        // Whether it is hit depends on the chance already, so the jitter needs other ones, of the same seed.
        let mut dice = Dice::of(drawn.to_bits());
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        let delay = self.distribution.draw(millis(self.delay), millis(self.jitter), &mut dice);
        delay.min(Duration::from_millis(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::chance;

    #[test]
    fn a_jitter_is_even_around_the_delay_and_never_before_now() {
        let pause = Pause::new(Some(100), Some(20), None).unwrap();
        let drawn: Vec<f64> =
            (0..1000).map(|number| pause.drawn(chance(3, number)).as_secs_f64() * 1000.0).collect();
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!(drawn.iter().all(|delay| (80.0..=120.0).contains(delay)));
        assert!((98.0..102.0).contains(&mean), "{mean}");
        assert!(drawn.iter().any(|delay| *delay < 85.0) && drawn.iter().any(|delay| *delay > 115.0));
        let short = Pause::new(None, Some(10), None).unwrap();
        assert!((0..100).any(|number| short.drawn(chance(3, number)).is_zero()));
    }

    // F18: the quantiles of the formulas, with 2 % of the spread for chance.
    #[test]
    fn a_jitter_is_spread_as_its_distribution_says_and_ends_at_an_hour() {
        for (shape, quantiles) in [
            (Shape::Uniform, [(0.01, 90.2), (0.5, 100.0), (0.99, 109.8)]),
            (Shape::Normal, [(0.0228, 80.0), (0.5, 100.0), (0.8413, 110.0)]),
            (Shape::Pareto, [(0.001, 100.0), (0.5, 102.6), (0.9, 111.54)]),
        ] {
            let pause = Pause::new(Some(100), Some(10), Some(shape)).unwrap();
            let mut drawn: Vec<f64> =
                (0..20_000).map(|number| pause.drawn(chance(3, number)).as_secs_f64() * 1000.0).collect();
            drawn.sort_by(f64::total_cmp);
            for (at, expected) in quantiles {
                let found = drawn[(at * drawn.len() as f64) as usize];
                assert!((found - expected).abs() < 0.8, "{shape:?} at {at}: {found}, expected {expected}");
            }
        }
        let long = Pause::new(Some(1), Some(LONGEST - 1), Some(Shape::Pareto)).unwrap();
        let most = (0..1000).map(|number| long.drawn(chance(3, number))).max();
        assert_eq!(most, Some(Duration::from_millis(LONGEST)));
    }

    #[test]
    fn more_than_an_hour_is_refused() {
        assert_eq!(Pause::new(Some(u64::MAX), Some(u64::MAX), None).unwrap_err().place, "delay");
        assert!(Pause::new(Some(LONGEST), Some(1), None).is_err());
        assert!(Pause::new(Some(LONGEST), None, None).is_ok());
    }
}
