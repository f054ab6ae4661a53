//! A stretch of readings in the order of time.

use crate::dependence::Dependence;
use crate::describe::Description;
use crate::rank::ranked;

/// Greater numbers are left out as infinite ones are: their differences would be.
const GREATEST: f64 = 1e300;

/// A stretch of readings, looked at once and compared as often as wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    sorted: Vec<f64>,
    dependence: Dependence,
}

impl Sample {
    /// Of readings in the order of time. What is not finite (or beyond 1e300) is left out.
    pub fn of(series: &[f64]) -> Self {
        let is_fit = |value: &f64| value.abs() <= GREATEST;
        let (sorted, ranks) = if series.iter().all(is_fit) {
            ranked(series)
        } else {
            ranked(&series.iter().copied().filter(is_fit).collect::<Vec<f64>>())
        };
        Self { dependence: Dependence::of(&ranks), sorted }
    }

    /// How many readings.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The readings, sorted.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// How much neighbours resemble each other.
    pub fn dependence(&self) -> Dependence {
        self.dependence
    }

    /// In a few numbers; `None` without any.
    pub fn describe(&self) -> Option<Description> {
        Description::of(&self.sorted)
    }
}
