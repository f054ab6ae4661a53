//! When requests are due, and how many are until a time.

use std::time::Duration;

use crate::Pattern;
use crate::curve::Stretch;

/// The times at which requests are due, counted from the start of the load; each at or after the one before.
///
/// Request `n` (from 0) is due at the last moment at which the integral of the rate is not more than `n`: at a constant
/// rate the first at once, and none in a stretch without requests. Every time comes from `n` itself and not from the
/// time before, so that no error adds up however long the load lasts.
pub struct Schedule {
    walk: Walk,
    n: u64,
    last: Duration,
}

/// How many requests are due until a time, for times that only grow.
pub(crate) struct Expected {
    walk: Walk,
}

/// The stretch in which a pattern is, and what came before it.
struct Walk {
    rest: Box<dyn Iterator<Item = Stretch> + Send>,
    now: Option<Stretch>,
    /// When it began.
    began: Duration,
    /// Requests before it, and what their sum lost (Kahan, CACM 8(1), 1965).
    before: f64,
    lost: f64,
}

/// Less than this share of a request is an error of rounding.
const GRAIN: f64 = 1e-6;

impl Schedule {
    pub(crate) fn new(pattern: &Pattern) -> Self {
        Self { walk: Walk::new(pattern), n: 0, last: Duration::ZERO }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            let stretch = self.walk.now?;
            let within = self.n as f64 - self.walk.before;
            if within + GRAIN < stretch.area(stretch.seconds()) {
                let after = Duration::try_from_secs_f64(stretch.inverse(within.max(0.0))).ok()?;
                self.last = self.last.max(self.walk.began.checked_add(after)?);
                self.n += 1;
                return Some(self.last);
            }
            self.walk.step()?;
        }
    }
}

impl Expected {
    pub(crate) fn new(pattern: &Pattern) -> Self {
        Self { walk: Walk::new(pattern) }
    }

    /// The integral of the rate from the start to `time`.
    pub(crate) fn until(&mut self, time: Duration) -> f64 {
        loop {
            let Some(stretch) = self.walk.now else { return self.walk.before };
            let within = time.saturating_sub(self.walk.began);
            if stretch.length.is_none_or(|length| within <= length) {
                return self.walk.before + stretch.area(within.as_secs_f64());
            }
            if self.walk.step().is_none() {
                return self.walk.before;
            }
        }
    }
}

impl Walk {
    fn new(pattern: &Pattern) -> Self {
        let mut rest = pattern.stretches();
        let now = rest.next();
        Self { rest, now, began: Duration::ZERO, before: 0.0, lost: 0.0 }
    }

    /// To the next stretch; `None` when this one has no end.
    fn step(&mut self) -> Option<()> {
        let stretch = self.now?;
        self.began = self.began.checked_add(stretch.length?)?;
        let add = stretch.area(stretch.seconds()) - self.lost;
        let sum = self.before + add;
        self.lost = (sum - self.before) - add;
        self.before = sum;
        self.now = self.rest.next();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Part, PerSecond};
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(rate: f64) -> PerSecond {
        PerSecond::new(rate).unwrap()
    }

    fn rates() -> impl Strategy<Value = PerSecond> {
        prop_oneof![1 => Just(PerSecond::ZERO), 4 => (0.5..2_000.0).prop_map(rate)]
    }

    fn times() -> impl Strategy<Value = Duration> {
        (100_u64..20_000).prop_map(Duration::from_millis)
    }

    fn simple() -> impl Strategy<Value = Pattern> {
        let some = || (0.5..2_000.0).prop_map(rate);
        prop_oneof![
            some().prop_map(Pattern::Constant),
            (rates(), some(), times(), some()).prop_map(|(from, by, every, to)| Pattern::Linear {
                from,
                by,
                every,
                to
            }),
            (rates(), rates(), times()).prop_map(|(from, to, over)| Pattern::Ramp { from, to, over }),
            (rates(), some(), times(), some()).prop_map(|(from, by, every, to)| Pattern::Step {
                from,
                by,
                every,
                to
            }),
            (rates(), rates(), times(), times()).prop_map(|(base, to, at, length)| Pattern::Spike {
                base,
                to,
                at,
                length
            }),
            (1.0..1_000.0_f64, 0.0..=1.0_f64, times()).prop_map(|(mean, share, period)| Pattern::Sine {
                mean: rate(mean),
                swing: rate((mean * share * 100.0).floor() / 100.0),
                period
            }),
            (some(), rates(), times(), times()).prop_map(|(rate, base, on, off)| Pattern::Burst {
                rate,
                base,
                on,
                off
            }),
            (proptest::collection::vec(rates(), 1..5), times(), any::<u64>())
                .prop_map(|(rates, hold, seed)| Pattern::Random { rates, hold, seed }),
            (some(), times()).prop_map(|(rate, over)| Pattern::Soak { rate, over }),
        ]
        .prop_filter("a pattern", |pattern| pattern.check().is_ok())
    }

    fn patterns() -> impl Strategy<Value = Pattern> {
        let part = (times(), simple()).prop_map(|(length, pattern)| Part { length: Some(length), pattern });
        prop_oneof![
            4 => simple(),
            1 => proptest::collection::vec(part, 1..5).prop_map(Pattern::Sequence),
        ]
        .prop_filter("a pattern", |pattern| pattern.check().is_ok())
    }

    proptest! {
        // C7: counts agree with the integral within one request, at any time, and nothing is due before what came before.
        #[test]
        fn as_many_are_due_as_the_integral_says_and_in_their_order(pattern in patterns(), until in 0_u64..60_000) {
            let mut expected = Expected::new(&pattern);
            let mut last = Duration::ZERO;
            for (n, due) in pattern.schedule().take(3_000).enumerate() {
                prop_assert!(due >= last, "request {n} is due at {due:?}, after {last:?}");
                let area = expected.until(due);
                prop_assert!((area - n as f64).abs() < 1e-3, "request {n} at {due:?}, the integral is {area}");
                last = due;
            }
            let until = Duration::from_millis(until);
            if until < last {
                let count = pattern.schedule().take_while(|due| *due <= until).count();
                let area = Expected::new(&pattern).until(until);
                prop_assert!((count as f64 - area) > -1e-3 && (count as f64 - area) <= 1.001, "{count} at {area}");
            }
        }
    }

    #[test]
    fn a_constant_rate_is_even_and_does_not_drift() {
        let mut due = Pattern::Constant(rate(20.0)).schedule();
        assert_eq!(due.next(), Some(Duration::ZERO));
        assert_eq!(due.next(), Some(Duration::from_millis(50)));
        assert_eq!(due.nth(20 * 86_400 - 2), Some(Duration::from_hours(24)));
    }

    #[test]
    fn nothing_is_due_while_a_burst_is_off() {
        let burst = Pattern::Burst { rate: rate(100.0), base: rate(0.0), on: 2 * SECOND, off: 8 * SECOND };
        let due: Vec<_> = burst.schedule().take(401).collect();
        assert_eq!(due[199], Duration::from_millis(1_990));
        assert_eq!(due[200], 10 * SECOND);
        assert_eq!(due[400], 20 * SECOND);
    }

    #[test]
    fn a_load_may_begin_with_nothing_and_end_with_it() {
        let late = Pattern::Spike { base: rate(0.0), to: rate(2.0), at: 5 * SECOND, length: SECOND };
        let due: Vec<_> = late.schedule().collect();
        assert_eq!(due, [5 * SECOND, 5 * SECOND + SECOND / 2]);
    }

    #[test]
    fn steps_and_lines_reach_their_end_and_stay_there() {
        let step = Pattern::Step { from: rate(30.0), by: rate(10.0), every: SECOND, to: rate(10.0) };
        let mut expected = Expected::new(&step);
        for (seconds, area) in [(1, 30.0), (2, 50.0), (3, 60.0), (10, 130.0)] {
            assert!((expected.until(seconds * SECOND) - area).abs() < 1e-9);
        }
        let linear = Pattern::Linear { from: rate(0.0), by: rate(2.0), every: SECOND, to: rate(10.0) };
        let mut expected = Expected::new(&linear);
        assert!((expected.until(5 * SECOND) - 25.0).abs() < 1e-9);
        assert!((expected.until(6 * SECOND) - 35.0).abs() < 1e-9);
    }
}
