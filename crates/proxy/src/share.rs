//! Which of the requests that match a rule are hit.

use std::num::NonZeroU64;

use crate::mistake::Mistake;

/// All of what is asked for must hold: a request is hit when it is among the first, is an n-th one, and chance has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    percent: f64,
    first: Option<u64>,
    every: Option<NonZeroU64>,
}

impl Share {
    /// `percent` from above 0 to 100 (all), only the `first` matches (from 1), only each match with a number that
    /// `every` (from 1) divides.
    pub fn new(percent: Option<f64>, first: Option<u64>, every: Option<u64>) -> Result<Self, Mistake> {
        let percent = percent.unwrap_or(100.0);
        if !(percent > 0.0 && percent <= 100.0) {
            return Err(Mistake::at(
                "percent",
                format!("{percent} is out of range"),
                "above 0, at most 100; leave it away for all",
            ));
        }
        if first == Some(0) {
            return Err(Mistake::at("first", "0 hits nothing", "1 or more; leave it away for no limit"));
        }
        let every = match every {
            None => None,
            Some(number) => Some(NonZeroU64::new(number).ok_or_else(|| {
                Mistake::at("every", "there is no 0th request", "1 for all, 2 for every second, and so on")
            })?),
        };
        Ok(Self { percent, first, every })
    }

    /// Whether the match with this number (from 0) and this chance (from 0 to below 1) is hit.
    pub fn takes(&self, number: u64, chance: f64) -> bool {
        self.first.is_none_or(|first| number < first)
            && self.every.is_none_or(|every| (number + 1).is_multiple_of(every.get()))
            && chance * 100.0 < self.percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(share: &Share, chance: f64) -> Vec<u64> {
        (0..10).filter(|number| share.takes(*number, chance)).collect()
    }

    #[test]
    fn the_first_every_nth_and_a_percentage_are_taken() {
        assert_eq!(taken(&Share::new(None, Some(2), None).unwrap(), 0.9), [0, 1]);
        assert_eq!(taken(&Share::new(None, None, Some(4)).unwrap(), 0.9), [3, 7]);
        assert_eq!(taken(&Share::new(None, Some(4), Some(4)).unwrap(), 0.9), [3]);
        assert!(taken(&Share::new(Some(50.0), None, None).unwrap(), 0.5).is_empty());
        assert_eq!(taken(&Share::new(Some(50.0), None, None).unwrap(), 0.49).len(), 10);
    }

    #[test]
    fn what_would_hit_nothing_is_refused() {
        for (share, place) in [
            (Share::new(Some(0.0), None, None), "percent"),
            (Share::new(Some(100.1), None, None), "percent"),
            (Share::new(Some(f64::NAN), None, None), "percent"),
            (Share::new(None, Some(0), None), "first"),
            (Share::new(None, None, Some(0)), "every"),
        ] {
            assert_eq!(share.unwrap_err().place, place);
        }
    }
}
