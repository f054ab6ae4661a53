//! The rate over a stretch of time, its integral, and the inverse of that.

use std::f64::consts::TAU;
use std::time::Duration;

/// How the rate goes over a stretch; times are seconds from its beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Curve {
    /// Along a straight line from one rate to another, which is reached at the end of the stretch.
    Line { from: f64, to: f64 },
    /// `mean + swing * sin(2 pi t / period)`; `swing` is at most `mean`.
    Sine { mean: f64, swing: f64, period: f64 },
}

/// A curve for some time; without a length for ever.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) curve: Curve,
    pub(crate) length: Option<Duration>,
}

impl Stretch {
    pub(crate) fn even(rate: f64, length: Option<Duration>) -> Self {
        Self { curve: Curve::Line { from: rate, to: rate }, length }
    }

    pub(crate) fn line(from: f64, to: f64, length: Duration) -> Self {
        Self { curve: Curve::Line { from, to }, length: Some(length) }
    }

    /// In seconds; infinite without an end.
    pub(crate) fn seconds(&self) -> f64 {
        self.length.map_or(f64::INFINITY, |length| length.as_secs_f64())
    }

    /// The first part of it.
    pub(crate) fn cut(self, length: Duration) -> Self {
        let whole = self.seconds();
        let curve = match self.curve {
            Curve::Line { from, to } if from.to_bits() != to.to_bits() => {
                Curve::Line { from, to: from + (to - from) * length.as_secs_f64() / whole }
            }
            curve => curve,
        };
        Self { curve, length: Some(length) }
    }

    /// Requests a second, `t` seconds after the beginning.
    pub(crate) fn rate(&self, t: f64) -> f64 {
        match self.curve {
            Curve::Line { from, to } if from.to_bits() == to.to_bits() => from,
            Curve::Line { from, to } => from + (to - from) * t / self.seconds(),
            Curve::Sine { mean, swing, period } => mean + swing * (TAU * t / period).sin(),
        }
    }

    /// Requests in the first `t` seconds: the integral of the rate.
    pub(crate) fn area(&self, t: f64) -> f64 {
        match self.curve {
            Curve::Line { from, to } if from.to_bits() == to.to_bits() => {
                // Nothing for ever is nothing.
                if from == 0.0 { 0.0 } else { from * t }
            }
            Curve::Line { from, to } => t * (from + (to - from) * t / self.seconds() / 2.0),
            Curve::Sine { mean, .. } if t.is_infinite() => mean * t,
            Curve::Sine { mean, swing, period } => {
                mean * t + swing * period / TAU * (1.0 - (TAU * t / period).cos())
            }
        }
    }

    /// The time in seconds at which the integral reaches `area`, which must be less than that of the whole stretch.
    pub(crate) fn inverse(&self, area: f64) -> f64 {
        let t = match self.curve {
            Curve::Line { from, to } if from.to_bits() == to.to_bits() => area / from,
            // a t^2 + from t = area, in the form that loses no digits when a is small.
            Curve::Line { from, to } => {
                let a = (to - from) / self.seconds() / 2.0;
                let root = (from * from + 4.0 * a * area).max(0.0).sqrt();
                if from + root > 0.0 { 2.0 * area / (from + root) } else { 0.0 }
            }
            Curve::Sine { mean, swing, period } => self.search(area, mean, swing, period),
        };
        t.clamp(0.0, self.seconds())
    }

    /// Newton's method between bounds that only ever close in, for the integral has no closed inverse.
    fn search(&self, area: f64, mean: f64, swing: f64, period: f64) -> f64 {
        // The integral is at least mean t, and at most mean t + swing period / pi.
        let (mut low, mut high) = ((area - swing * period * 2.0 / TAU).max(0.0) / mean, area / mean);
        let mut t = high;
        for _ in 0..100 {
            let missing = area - self.area(t);
            if missing > 0.0 {
                low = t;
            } else {
                high = t;
            }
            let next = t + missing / self.rate(t);
            let next = if next > low && next < high { next } else { f64::midpoint(low, high) };
            if (next - t).abs() <= 1e-12 * (1.0 + t) {
                return next;
            }
            t = next;
        }
        t
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stretches() -> impl Strategy<Value = Stretch> {
        let rate = || prop_oneof![Just(0.0), 0.01..10_000.0];
        prop_oneof![
            (rate(), rate(), 1_u64..1_000_000).prop_map(|(from, to, ms)| Stretch::line(
                from,
                to,
                Duration::from_millis(ms)
            )),
            (0.01..10_000.0, 0.0..=1.0, 0.01..1_000.0, 1_u64..1_000_000).prop_map(
                |(mean, share, period, ms)| Stretch {
                    curve: Curve::Sine { mean, swing: mean * share, period },
                    length: Some(Duration::from_millis(ms))
                }
            ),
        ]
    }

    /// Of the numeric integral.
    const PIECES: usize = 20_000;

    proptest! {
        // C7
        #[test]
        fn the_inverse_of_the_integral_is_its_inverse(stretch in stretches(), share in 0.0..1.0) {
            let whole = stretch.area(stretch.seconds());
            let area = whole * share;
            let t = stretch.inverse(area);
            prop_assert!((stretch.area(t) - area).abs() <= 1e-6 * (1.0 + area), "{t}: {} is not {area}", stretch.area(t));
        }

        // Simpson's rule over the rate gives the same area as the closed form.
        #[test]
        fn the_integral_is_that_of_the_rate(stretch in stretches(), share in 0.0..1.0) {
            let end = stretch.seconds() * share;
            let h = end / PIECES as f64;
            let period = if let Curve::Sine { period, .. } = stretch.curve { period } else { f64::INFINITY };
            prop_assume!(h < period / 20.0);
            let sum: f64 = (0..PIECES)
                .map(|n| {
                    let t = n as f64 * h;
                    (stretch.rate(t) + 4.0 * stretch.rate(t + h / 2.0) + stretch.rate(t + h)) * h / 6.0
                })
                .sum();
            prop_assert!((sum - stretch.area(end)).abs() <= 1e-4 * (1.0 + sum), "{sum} is not {}", stretch.area(end));
        }
    }
}
