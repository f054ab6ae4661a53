//! How long traffic is held.

use std::fmt::Display;

use serde_json::{Value, json};
use squall_model::unit::Span;

use super::{LONGEST, millis};
use crate::code::Code;
use crate::document::spread::SpreadDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::word::Distribution;

/// Milliseconds that traffic is held; none at all where nothing is said.
#[derive(Clone, Copy, Default)]
pub(super) struct Delay {
    pub(super) millis: u64,
    pub(super) jitter: u64,
    pub(super) distribution: Option<Distribution>,
}

impl Delay {
    /// A jitter without a delay, or one that is longer, is a mistake of its own.
    pub(super) fn read(
        delay: Option<&At<Span>>,
        spread: &SpreadDocument,
        notes: &mut Notes<'_>,
    ) -> Option<Self> {
        let SpreadDocument { jitter, distribution } = spread;
        let mut needs = |message: &str, place: Place, key: &str| {
            let mistake = Mistake::new(Code::MissingKey, message, place, format!("needs `{key}`"));
            notes.mistake(mistake.help("write `delay: 100ms, jitter: 20ms`"));
        };
        let Some(delay) = delay else {
            if let Some(jitter) = jitter {
                needs("a jitter of no delay", jitter.place, "delay");
            } else if let Some(distribution) = distribution {
                needs("a distribution of no delay", distribution.place, "delay");
            } else {
                return Some(Delay::default());
            }
            return None;
        };
        let Some(jitter) = jitter else {
            if let Some(distribution) = distribution {
                needs("a distribution of no jitter", distribution.place, "jitter");
                return None;
            }
            return Some(Delay { millis: millis(delay, notes)?, ..Delay::default() });
        };
        let distribution = distribution.as_ref().map(|at| at.value);
        if jitter.value > delay.value && distribution != Some(Distribution::Pareto) {
            let message =
                format!("a jitter of {} around {} would arrive too early", jitter.value, delay.value);
            notes.mistake(Mistake::new(Code::OutOfRange, message, jitter.place, "longer than the delay"));
            return None;
        }
        let (jitter, place) = (millis(jitter, notes)?, jitter.place);
        let delay = Delay { millis: millis(delay, notes)?, jitter, distribution };
        if Span::millis(delay.millis + delay.jitter) > LONGEST {
            let message = "delay and jitter together are too long to hold traffic";
            let label = format!("at most {LONGEST} together");
            notes.mistake(Mistake::new(Code::OutOfRange, message, place, label));
            return None;
        }
        Some(delay)
    }

    /// The attributes of the toxic `latency`.
    pub(super) fn latency(self) -> Value {
        let mut attributes = json!({ "latency": self.millis, "jitter": self.jitter });
        if let Some(distribution) = self.distribution {
            attributes["distribution"] = distribution.name().into();
        }
        attributes
    }
}

impl Display for Delay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "delay {}", Span::millis(self.millis))?;
        if self.jitter == 0 {
            return Ok(());
        }
        let jitter = Span::millis(self.jitter);
        match self.distribution {
            None | Some(Distribution::Uniform) => write!(f, " ± {jitter}"),
            Some(Distribution::Normal) => write!(f, " ± {jitter} (normal)"),
            Some(Distribution::Pareto) => write!(f, " + {jitter} (Pareto)"),
        }
    }
}
