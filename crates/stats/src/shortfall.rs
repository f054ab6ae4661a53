//! The area between what a rate was and what it had been: what was lost.

use serde::Serialize;

/// What a rate lost against a level, and what it had beyond it; both at least 0, in the rate's unit times seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shortfall {
    /// The area below the level.
    pub lost: f64,
    /// The area above it: what was caught up with afterwards.
    pub gained: f64,
}

impl Shortfall {
    /// Of a rate at times in seconds, in their order. A reading stands for the time since the one before it; the first for
    /// none. Readings without a number, and times that go backwards, count for nothing.
    pub fn of(level: f64, rates: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut area = Self::default();
        let mut since: Option<f64> = None;
        for (at, rate) in rates {
            let length = since.map_or(0.0, |since| at - since);
            since = Some(at);
            let missing = (level - rate) * length;
            if length > 0.0 && missing.is_finite() {
                area.lost += missing.max(0.0);
                area.gained += (-missing).max(0.0);
            }
        }
        area
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // E5: ten seconds at half of 20/s are 100 lost; two seconds at 30/s make up for 20 of them.
    #[test]
    fn the_area_is_that_of_a_drawing() {
        let rates = (0..=10).map(|at| (f64::from(at), 10.0)).chain([(12.0, 30.0), (20.0, 20.0)]);
        assert_eq!(Shortfall::of(20.0, rates), Shortfall { lost: 100.0, gained: 20.0 });
        assert_eq!(Shortfall::of(20.0, []), Shortfall::default());
        assert_eq!(Shortfall::of(20.0, [(5.0, 0.0), (1.0, 0.0), (2.0, f64::NAN)]), Shortfall::default());
    }
}
