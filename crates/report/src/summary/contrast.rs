//! How far readings moved from one stretch to another, how sure that is, and the sentence that says so.

use serde::Serialize;
use squall_model::unit::{Quantity, Unit};
use squall_stats::{Comparison, Effect, LEVEL, Sample, Test, holm};

/// Two stretches of readings of one measure beside each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Contrast {
    /// What the comparison says, in the base of the measure's unit.
    pub comparison: Comparison,
    /// The p-value corrected for being one of many measures (Holm); `None` where nothing was tested.
    pub corrected: Option<f64>,
    /// Whether there is a difference.
    pub outcome: Moved,
    /// The same as a sentence.
    pub sentence: String,
}

/// Whether there is a difference, after the correction for many measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moved {
    /// The later readings are greater.
    Up,
    /// The later readings are less.
    Down,
    /// None that could be told from chance.
    Same,
    /// Too few readings to say anything.
    Unknown,
}

/// A contrast before it is known how many others there are.
pub(crate) struct Raw {
    name: String,
    unit: Unit,
    medians: (f64, f64),
    comparison: Comparison,
}

impl Raw {
    /// `None` where a side has no numbers at all.
    pub(crate) fn between(name: &str, unit: Unit, before: &Sample, then: &Sample) -> Option<Self> {
        Some(Self {
            name: name.to_owned(),
            unit,
            medians: (before.describe()?.median, then.describe()?.median),
            comparison: Comparison::between(before, then),
        })
    }
}

impl Contrast {
    /// All contrasts that answer the same question, corrected together.
    pub(crate) fn of_all(raw: Vec<Option<Raw>>) -> Vec<Option<Self>> {
        let tested =
            |raw: &Option<Raw>| raw.as_ref().and_then(|raw| raw.comparison.effect().map(|effect| effect.p));
        let mut corrected = holm(&raw.iter().filter_map(tested).collect::<Vec<f64>>()).into_iter();
        let each = raw.into_iter().map(|raw| {
            let corrected = if tested(&raw).is_some() { corrected.next() } else { None };
            raw.map(|raw| Self::new(&raw, corrected))
        });
        each.collect()
    }

    fn new(raw: &Raw, corrected: Option<f64>) -> Self {
        let outcome = match (raw.comparison.effect(), corrected) {
            (Some(effect), Some(p)) if p < LEVEL => direction(effect),
            (Some(_), _) => Moved::Same,
            (None, _) => Moved::Unknown,
        };
        Self { comparison: raw.comparison, corrected, outcome, sentence: sentence(raw, outcome) }
    }

    /// The effect, where there were enough readings.
    pub fn effect(&self) -> Option<&Effect> {
        self.comparison.effect()
    }

    /// Whether nearly all readings are equal, so that no interval says more than that.
    pub fn is_still(&self) -> bool {
        self.outcome == Moved::Same && self.effect().is_some_and(is_still)
    }

    /// How many of how many readings count, where they resemble their neighbours: `autocorrelated: count as 7 and 9`.
    pub fn dependence(&self) -> Option<String> {
        match self.effect()?.test {
            Test::Autocorrelated { before, then, .. } => {
                Some(format!("autocorrelated: readings count as {} and {}", whole(before), whole(then)))
            }
            Test::Exact | Test::Normal => None,
        }
    }
}

impl Moved {
    /// Whether a difference was found.
    pub fn is_found(self) -> bool {
        matches!(self, Self::Up | Self::Down)
    }
}

/// `p < 0.001`, `p = 0.031`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// `+171 ms`, `-3`, `0`.
pub fn signed(quantity: Quantity) -> String {
    if quantity.value > 0.0 { format!("+{quantity}") } else { quantity.to_string() }
}

/// The shift where it is one; where most readings are equal, the side to which the rest lean.
fn direction(effect: &Effect) -> Moved {
    let side = if effect.shift.abs() > 0.0 { effect.shift } else { effect.cliffs_delta };
    if side > 0.0 { Moved::Up } else { Moved::Down }
}

/// No shift, and none possible: nearly all readings are equal.
fn is_still(effect: &Effect) -> bool {
    effect.low.abs().max(effect.high.abs()) <= 0.0
}

fn whole(count: f64) -> String {
    if count < 10.0 { format!("{count:.1}") } else { format!("{count:.0}") }
}

fn sentence(raw: &Raw, outcome: Moved) -> String {
    let quantity = |value: f64| Quantity::new(value, raw.unit);
    let (name, from, to) = (&raw.name, quantity(raw.medians.0), quantity(raw.medians.1));
    let Some(effect) = raw.comparison.effect() else {
        return format!("{name} was not compared ({from}, then {to}): {}", raw.comparison);
    };
    let interval = format!(
        "{}, 95 % interval {} to {}",
        signed(quantity(effect.shift)),
        quantity(effect.low),
        quantity(effect.high)
    );
    match outcome {
        Moved::Up | Moved::Down if effect.shift.abs() > 0.0 && from.to_string() != to.to_string() => {
            let verb = if outcome == Moved::Up { "rose" } else { "fell" };
            format!("{name} {verb} from {from} to {to} ({interval})")
        }
        Moved::Up => format!("{name} was {to} as before, but more often greater ({interval})"),
        Moved::Down => format!("{name} was {to} as before, but more often less ({interval})"),
        Moved::Same | Moved::Unknown if is_still(effect) => format!("{name}: {to}, as before"),
        Moved::Same | Moved::Unknown => {
            format!(
                "{name} did not change so that it could be told from chance: {from}, then {to} ({interval})"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(middle: f64) -> Sample {
        Sample::of(&[1.0, -3.0, 2.0, 0.0, -2.0, 3.0, -1.0, 0.5, -0.5, 1.5].map(|off| middle + off / 1e3))
    }

    fn sentence_of(before: &Sample, then: &Sample) -> Contrast {
        let raw = Raw::between("p99", Unit::Seconds, before, then);
        Contrast::of_all(vec![None, raw]).pop().flatten().unwrap()
    }

    // E4: the sentence that can be defended in a review.
    #[test]
    fn a_rise_is_a_sentence_with_its_interval() {
        let found = sentence_of(&around(0.041), &around(0.212));
        assert_eq!(
            found.sentence,
            "p99 rose from 41.2 ms to 212 ms (+171 ms, 95 % interval 169 ms to 173 ms)"
        );
        assert_eq!(found.outcome, Moved::Up);
        let found = sentence_of(&around(0.212), &around(0.041));
        assert!(found.sentence.starts_with("p99 fell from 212 ms to 41.2 ms (-171 ms, "), "{found:?}");
    }

    #[test]
    fn what_could_be_chance_or_is_too_little_is_said_so() {
        let found = sentence_of(&around(0.041), &around(0.041));
        assert_eq!(found.outcome, Moved::Same);
        assert!(
            found.sentence.starts_with(
                "p99 did not change so that it could be told from chance: 41.2 ms, then 41.2 ms"
            ),
            "{found:?}"
        );
        let found = sentence_of(&Sample::of(&[0.041, 0.04, 0.042]), &around(0.212));
        assert_eq!(found.sentence, "p99 was not compared (41 ms, then 212 ms): n=3, at least 5 needed");
        assert_eq!((found.outcome, found.corrected), (Moved::Unknown, None));
    }

    // Ninety measures that did not change and one that did: without correction a few would be said to have.
    #[test]
    fn many_measures_are_corrected_together() {
        let raw = |then: &Sample| Raw::between("p99", Unit::Seconds, &around(0.041), then);
        let mut all: Vec<Option<Raw>> = (0..90).map(|_| raw(&around(0.041))).collect();
        all.push(raw(&around(0.0425)));
        all.push(raw(&around(0.212)));
        let found: Vec<Contrast> = Contrast::of_all(all).into_iter().flatten().collect();
        let moved = found.iter().filter(|contrast| contrast.outcome.is_found()).count();
        assert_eq!(moved, 1, "{:?}", &found[89..]);
        assert!(found[91].corrected.unwrap() > found[91].effect().unwrap().p * 50.0);
    }
}
