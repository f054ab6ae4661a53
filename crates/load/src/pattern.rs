//! The shape of the load over time.

use std::iter;
use std::time::Duration;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::curve::{Curve, Stretch};
use crate::{PerSecond, Schedule};

/// The shape of the load over time. All of them go on for ever; what ends a load are its total, or who stops it.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// Evenly.
    Constant(PerSecond),
    /// Growing (or falling) along a straight line, by so much in each `every`, to the limit and no further.
    Linear {
        /// At the beginning.
        from: PerSecond,
        /// By so much.
        by: PerSecond,
        /// In so much time.
        every: Duration,
        /// The limit.
        to: PerSecond,
    },
    /// From one rate to another along a straight line, and then as it is.
    Ramp {
        /// At the beginning.
        from: PerSecond,
        /// At the end of it, and after.
        to: PerSecond,
        /// The time between.
        over: Duration,
    },
    /// In steps, each held for `every`.
    Step {
        /// The first.
        from: PerSecond,
        /// The height of a step.
        by: PerSecond,
        /// The length of a step.
        every: Duration,
        /// The last, which stays.
        to: PerSecond,
    },
    /// Even, but for a while.
    Spike {
        /// Before and after.
        base: PerSecond,
        /// For the while.
        to: PerSecond,
        /// Its beginning.
        at: Duration,
        /// Its length.
        length: Duration,
    },
    /// Up and down around a mean, upwards first: `mean + swing * sin(2 pi t / period)`.
    Sine {
        /// The middle.
        mean: PerSecond,
        /// How far it goes up and down; at most the mean.
        swing: PerSecond,
        /// From one peak to the next.
        period: Duration,
    },
    /// On for a while, off for a while, again and again.
    Burst {
        /// While on.
        rate: PerSecond,
        /// While off.
        base: PerSecond,
        /// On for so long.
        on: Duration,
        /// Off for so long.
        off: Duration,
    },
    /// One of several rates, held for a while, then another one of them, drawn from the seed.
    Random {
        /// The rates.
        rates: Vec<PerSecond>,
        /// The time between two draws.
        hold: Duration,
        /// What is drawn from.
        seed: u64,
    },
    /// For long runs: rising over a time, and then evenly.
    Soak {
        /// After the rise.
        rate: PerSecond,
        /// The time of the rise.
        over: Duration,
    },
    /// One after the other. After the last it begins again, unless the last has no length.
    Sequence(Vec<Part>),
}

/// A part of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// How long it lasts. Only the last may go on for ever.
    pub length: Option<Duration>,
    /// What it does meanwhile; its time begins with the part.
    pub pattern: Pattern,
}

/// The pattern is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PatternMistake {
    /// Every rate is 0.
    #[error("the pattern never starts a request")]
    Nothing,
    /// Shorter stretches than a millisecond are not told apart.
    #[error("{0:?} is too short: at least 1 ms")]
    Short(Duration),
    /// The rate would be negative.
    #[error("the swing {swing} is more than the mean {mean}: the rate would be negative")]
    Swing {
        /// The swing.
        swing: f64,
        /// The mean.
        mean: f64,
    },
    /// It never gets anywhere.
    #[error("steps of 0 lead nowhere")]
    Still,
    /// No rates, no parts, or parts of parts.
    #[error("{0}")]
    Form(&'static str),
}

const SHORTEST: Duration = Duration::from_millis(1);

impl Pattern {
    /// Whether it can be followed.
    pub fn check(&self) -> Result<(), PatternMistake> {
        self.check_form()?;
        if self.peak().is_zero() || !self.comes_round_to_something() {
            return Err(PatternMistake::Nothing);
        }
        Ok(())
    }

    /// A sequence may cut every part off before it starts a request: then no round of it ever does.
    fn comes_round_to_something(&self) -> bool {
        let Self::Sequence(parts) = self else { return true };
        let some = parts.iter().filter(|part| !part.pattern.peak().is_zero());
        some.flat_map(part).any(|stretch| stretch.area(stretch.seconds()) > 0.0)
    }

    fn check_form(&self) -> Result<(), PatternMistake> {
        let lengths = |all: &[Duration]| match all.iter().find(|length| **length < SHORTEST) {
            Some(short) => Err(PatternMistake::Short(*short)),
            None => Ok(()),
        };
        match self {
            Self::Constant(_) => Ok(()),
            Self::Linear { by, .. } | Self::Step { by, .. } if by.is_zero() => Err(PatternMistake::Still),
            Self::Linear { every, .. } | Self::Step { every, .. } => lengths(&[*every]),
            Self::Ramp { over, .. } | Self::Soak { over, .. } => lengths(&[*over]),
            // It may begin at once.
            Self::Spike { length, .. } => lengths(&[*length]),
            Self::Sine { mean, swing, .. } if swing > mean => {
                Err(PatternMistake::Swing { swing: swing.get(), mean: mean.get() })
            }
            Self::Sine { period, .. } => lengths(&[*period]),
            Self::Burst { on, off, .. } => lengths(&[*on, *off]),
            Self::Random { rates, .. } if rates.is_empty() => {
                Err(PatternMistake::Form("there are no rates to draw from"))
            }
            Self::Random { hold, .. } => lengths(&[*hold]),
            Self::Sequence(parts) => {
                if parts.is_empty() {
                    return Err(PatternMistake::Form("a sequence needs a part"));
                }
                for (number, part) in parts.iter().enumerate() {
                    if matches!(part.pattern, Self::Sequence(_)) {
                        return Err(PatternMistake::Form("a part of a sequence cannot be a sequence"));
                    }
                    if part.length.is_none() && number + 1 < parts.len() {
                        return Err(PatternMistake::Form("only the last part can go on for ever"));
                    }
                    lengths(part.length.as_slice())?;
                    part.pattern.check_form()?;
                }
                Ok(())
            }
        }
    }

    /// The highest rate that it may reach.
    pub fn peak(&self) -> PerSecond {
        let most = |rates: &[PerSecond]| {
            rates.iter().copied().fold(PerSecond::ZERO, |most, rate| if rate > most { rate } else { most })
        };
        match self {
            Self::Constant(rate) | Self::Soak { rate, .. } => *rate,
            Self::Linear { from, to, .. } | Self::Ramp { from, to, .. } | Self::Step { from, to, .. } => {
                most(&[*from, *to])
            }
            Self::Spike { base, to, .. } => most(&[*base, *to]),
            Self::Sine { mean, swing, .. } => {
                PerSecond::new(mean.get() + swing.get()).unwrap_or(PerSecond::MOST)
            }
            Self::Burst { rate, base, .. } => most(&[*rate, *base]),
            Self::Random { rates, .. } => most(rates),
            Self::Sequence(parts) => most(&parts.iter().map(|part| part.pattern.peak()).collect::<Vec<_>>()),
        }
    }

    /// When requests are due.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(self)
    }

    /// The rate over time, stretch by stretch; the last has no end, or there is no last.
    pub(crate) fn stretches(&self) -> Box<dyn Iterator<Item = Stretch> + Send> {
        match *self {
            Self::Constant(rate) => Box::new(iter::once(Stretch::even(rate.get(), None))),
            Self::Linear { from, by, every, to } => {
                let steps = (to.get() - from.get()).abs() / by.get();
                let over = Duration::try_from_secs_f64(every.as_secs_f64() * steps).unwrap_or(Duration::MAX);
                rise(from, to, over)
            }
            Self::Ramp { from, to, over } => rise(from, to, over),
            Self::Soak { rate, over } => rise(PerSecond::ZERO, rate, over),
            Self::Step { from, by, every, to } => {
                let (from, to) = (from.get(), to.get());
                let by = if to < from { -by.get() } else { by.get() };
                // Each from the first, so that no error adds up.
                let steps = (0_u32..)
                    .map(move |step| from + by * f64::from(step))
                    .take_while(move |rate| if by < 0.0 { *rate > to } else { *rate < to })
                    .map(move |rate| Stretch::even(rate, Some(every)));
                Box::new(steps.chain(iter::once(Stretch::even(to, None))))
            }
            Self::Spike { base, to, at, length } => Box::new(
                [
                    Stretch::even(base.get(), Some(at)),
                    Stretch::even(to.get(), Some(length)),
                    Stretch::even(base.get(), None),
                ]
                .into_iter(),
            ),
            Self::Sine { mean, swing, period } => {
                let curve =
                    Curve::Sine { mean: mean.get(), swing: swing.get(), period: period.as_secs_f64() };
                Box::new(iter::once(Stretch { curve, length: None }))
            }
            Self::Burst { rate, base, on, off } => Box::new(
                [Stretch::even(rate.get(), Some(on)), Stretch::even(base.get(), Some(off))]
                    .into_iter()
                    .cycle(),
            ),
            Self::Random { ref rates, hold, seed } => {
                Box::new(switches(rates.clone(), seed).map(move |rate| Stretch::even(rate, Some(hold))))
            }
            Self::Sequence(ref parts) => {
                let parts = parts.clone();
                let last = parts.iter().position(|part| part.length.is_none());
                let order = (0..parts.len()).cycle().take(last.map_or(usize::MAX, |last| last + 1));
                Box::new(order.flat_map(move |at| part(&parts[at])))
            }
        }
    }
}

fn rise(from: PerSecond, to: PerSecond, over: Duration) -> Box<dyn Iterator<Item = Stretch> + Send> {
    let (from, to) = (from.get(), to.get());
    Box::new([Stretch::line(from, to, over), Stretch::even(to, None)].into_iter())
}

/// Each another one than the one before, where there are others.
fn switches(rates: Vec<PerSecond>, seed: u64) -> impl Iterator<Item = f64> + Send {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut last = None;
    iter::from_fn(move || {
        let others = rates.len() - usize::from(last.is_some() && rates.len() > 1);
        // Below 2^32 rates the bias of this is below 2^-32.
        let mut drawn = (chance.next_u64() % others as u64) as usize;
        if let Some(last) = last
            && rates.len() > 1
            && drawn >= last
        {
            drawn += 1;
        }
        last = Some(drawn);
        Some(rates[drawn].get())
    })
}

/// The stretches of one part, cut to its length.
fn part(part: &Part) -> Box<dyn Iterator<Item = Stretch> + Send> {
    let stretches = part.pattern.stretches();
    let Some(mut left) = part.length else { return stretches };
    Box::new(stretches.map_while(move |stretch| {
        if left.is_zero() {
            return None;
        }
        let length = stretch.length.unwrap_or(Duration::MAX).min(left);
        left -= length;
        Some(if stretch.length == Some(length) { stretch } else { stretch.cut(length) })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(rate: f64) -> PerSecond {
        PerSecond::new(rate).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_pattern_that_cannot_be_followed_is_refused() {
        let zero = PerSecond::ZERO;
        let bad = [
            Pattern::Constant(zero),
            Pattern::Step { from: rate(1.0), by: zero, every: SECOND, to: rate(2.0) },
            Pattern::Ramp { from: zero, to: rate(1.0), over: Duration::ZERO },
            Pattern::Sine { mean: rate(1.0), swing: rate(2.0), period: SECOND },
            Pattern::Burst { rate: rate(1.0), base: zero, on: SECOND, off: Duration::from_micros(1) },
            Pattern::Random { rates: vec![], hold: SECOND, seed: 1 },
            Pattern::Random { rates: vec![zero], hold: SECOND, seed: 1 },
            Pattern::Sequence(vec![]),
            Pattern::Sequence(vec![
                Part { length: None, pattern: Pattern::Constant(rate(1.0)) },
                Part { length: None, pattern: Pattern::Constant(rate(1.0)) },
            ]),
            Pattern::Sequence(vec![Part { length: None, pattern: Pattern::Sequence(vec![]) }]),
            Pattern::Sequence(vec![Part {
                length: Some(SECOND),
                pattern: Pattern::Spike { base: zero, to: rate(9.0), at: SECOND, length: SECOND },
            }]),
        ];
        for pattern in bad {
            assert!(pattern.check().is_err(), "{pattern:?}");
        }
    }

    #[test]
    fn a_random_switch_is_drawn_from_its_seed_and_always_switches() {
        let rates = vec![rate(5.0), rate(20.0), rate(50.0)];
        let drawn = |seed| switches(rates.clone(), seed).take(100).collect::<Vec<_>>();
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!(drawn(7).windows(2).all(|pair| pair[0].to_bits() != pair[1].to_bits()));
        assert!(rates.iter().all(|rate| drawn(7).contains(&rate.get())));
        let only: Vec<_> = switches(vec![rate(5.0)], 1).take(2).collect();
        assert_eq!(only, [5.0, 5.0]);
    }

    #[test]
    fn the_parts_of_a_sequence_are_cut_and_begin_again() {
        let ramp = Pattern::Ramp { from: rate(0.0), to: rate(20.0), over: 2 * SECOND };
        let sequence = Pattern::Sequence(vec![
            Part { length: Some(SECOND), pattern: ramp },
            Part { length: Some(SECOND), pattern: Pattern::Constant(rate(5.0)) },
        ]);
        let stretches: Vec<_> = sequence.stretches().take(3).collect();
        let first = Stretch::line(0.0, 10.0, SECOND);
        assert_eq!(stretches, [first, Stretch::even(5.0, Some(SECOND)), first]);
        assert_eq!(sequence.peak(), rate(20.0));
    }
}
