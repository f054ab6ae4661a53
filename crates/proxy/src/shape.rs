//! How a random delay is spread.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dice::Dice;
use crate::span::seconds;

/// The distribution of a delay around its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Every delay from latency - jitter to latency + jitter is as likely. As in Toxiproxy.
    #[default]
    Uniform,
    /// The bell curve; jitter is its standard deviation.
    Normal,
    /// Never below latency, with a long tail above; jitter is its scale. Half of the delays are more than 0.26 jitters
    /// late, one in a hundred 3.6 jitters (Lomax with exponent 3).
    Pareto,
}

impl Shape {
    /// Draws one delay, never below zero, and of a long tail never above a year.
    pub(crate) fn draw(self, middle: f64, spread: f64, dice: &mut Dice) -> Duration {
        let millis = if spread == 0.0 {
            middle
        } else {
            match self {
                Self::Uniform => middle + spread * (2.0 * dice.throw() - 1.0),
                Self::Normal => {
                    // Box and Muller, 1958; 1 - x is never 0.
                    let radius = (-2.0 * (1.0 - dice.throw()).ln()).sqrt();
                    middle + spread * radius * (std::f64::consts::TAU * dice.throw()).cos()
                }
                Self::Pareto => middle + spread * ((1.0 - dice.throw()).powf(-1.0 / 3.0) - 1.0),
            }
        };
        seconds(millis.max(0.0) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(shape: Shape) -> Vec<f64> {
        let mut dice = Dice::of(3);
        let mut drawn: Vec<f64> =
            (0..20_000).map(|_| shape.draw(100.0, 10.0, &mut dice).as_secs_f64() * 1000.0).collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    }

    #[test]
    fn each_distribution_has_its_quantiles() {
        // The quantiles of the formulas, with 2 % of the spread for chance.
        for (shape, quantiles) in [
            (Shape::Uniform, [(0.01, 90.2), (0.5, 100.0), (0.99, 109.8)]),
            (Shape::Normal, [(0.0228, 80.0), (0.5, 100.0), (0.8413, 110.0)]),
            (Shape::Pareto, [(0.001, 100.0), (0.5, 102.6), (0.9, 111.54)]),
        ] {
            let drawn = draws(shape);
            for (at, expected) in quantiles {
                let found = drawn[(at * drawn.len() as f64) as usize];
                assert!((found - expected).abs() < 0.8, "{shape:?} at {at}: {found}, expected {expected}");
            }
        }
    }
}
