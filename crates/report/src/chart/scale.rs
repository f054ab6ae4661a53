//! From numbers to places.

/// A straight relation between numbers and places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Numbers from `from` to `to` lie between the places `start` and `end`.
    pub(crate) fn new((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        Self { from, to, start, end }
    }

    /// The place of a number; numbers outside lie at the ends.
    pub(crate) fn place(&self, number: f64) -> f64 {
        // Halved: the distance of two finite numbers may be infinite.
        let length = self.to / 2.0 - self.from / 2.0;
        let share = if length > 0.0 { (number / 2.0 - self.from / 2.0) / length } else { 0.5 };
        let share = if share.is_nan() { 0.5 } else { share.clamp(0.0, 1.0) };
        self.start + (self.end - self.start) * share
    }

    /// Whether a number lies between the ends.
    pub(crate) fn contains(&self, number: f64) -> bool {
        (self.from..=self.to).contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_find_their_place_and_none_leaves_the_picture() {
        let scale = Scale::new((0.0, 10.0), (100.0, 0.0));
        assert!((scale.place(2.5) - 75.0).abs() < 1e-9);
        assert!((scale.place(99.0) - 0.0).abs() < 1e-9);
        for number in [f64::NAN, f64::INFINITY, f64::MIN, f64::MAX] {
            let place = Scale::new((f64::MIN, f64::MAX), (0.0, 50.0)).place(number);
            assert!((0.0..=50.0).contains(&place), "{number}: {place}");
        }
        assert!((Scale::new((3.0, 3.0), (0.0, 50.0)).place(3.0) - 25.0).abs() < 1e-9);
    }
}
