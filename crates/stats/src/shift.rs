//! Order statistics of all differences between two stretches, without making them all.
//!
//! A million readings a side have 10^12 differences. Both sides sorted, the differences are a matrix whose rows and columns are
//! sorted too; Monahan, "Algorithm 616: fast computation of the Hodges-Lehmann location estimator", ACM TOMS 10 (1984), and
//! Johnson and Mizoguchi, "Selecting the k-th element in X + Y", SIAM J. Comput. 7 (1978), select in it by counting. So does
//! this: a bracket around the wanted one is narrowed with pivots from an even sample of what is in it (Floyd and Rivest 1975),
//! until the rest can be looked at one by one. The answer is exact; nothing is thinned.

/// So many differences are looked at one by one.
const FEW: u64 = 1 << 18;

/// Differences in a sample.
const SAMPLE: u64 = 1 << 13;

/// All differences `then - before` of two sorted stretches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Differences<'a> {
    before: &'a [f64],
    then: &'a [f64],
}

/// The differences between two, neither of them included.
#[derive(Clone, Copy)]
struct Bracket {
    above: f64,
    below: f64,
    /// Differences that are not above `above`.
    under: u64,
    /// Differences between the two.
    inside: u64,
}

impl<'a> Differences<'a> {
    /// Of sorted, finite numbers; neither side may be empty.
    pub(crate) fn of(before: &'a [f64], then: &'a [f64]) -> Self {
        Self { before, then }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.before.len() as u64 * self.then.len() as u64
    }

    /// The middle one, or the mean of the two in the middle: the estimate of a shift of Hodges and Lehmann, "Estimates of
    /// location based on rank tests", Annals of Mathematical Statistics 34 (1963).
    pub(crate) fn median(&self) -> f64 {
        let lower = self.at(self.len().div_ceil(2));
        if self.len() % 2 == 1 || self.count(lower).1 > self.len() / 2 {
            return lower;
        }
        let upper = self.next(lower);
        lower / 2.0 + upper / 2.0
    }

    /// The one of that rank, from 1 to [`Self::len`].
    pub(crate) fn at(&self, rank: u64) -> f64 {
        let mut bracket =
            Bracket { above: f64::NEG_INFINITY, below: f64::INFINITY, under: 0, inside: self.len() };
        while bracket.inside > FEW {
            let mut sample = self.inside(bracket, bracket.inside.div_ceil(SAMPLE));
            sample.sort_unstable_by(f64::total_cmp);
            let share = (rank - bracket.under) as f64 / bracket.inside as f64;
            let (middle, margin) = (share * sample.len() as f64, 1.5 * (sample.len() as f64).sqrt());
            let last = sample.len() - 1;
            let pivots =
                [middle - margin, middle + margin].map(|at| sample[(at.max(0.0) as usize).min(last)]);
            for pivot in pivots {
                if pivot <= bracket.above || pivot >= bracket.below {
                    continue;
                }
                let (less, at_most) = self.count(pivot);
                if rank <= less {
                    bracket = Bracket { below: pivot, inside: less - bracket.under, ..bracket };
                } else if rank <= at_most {
                    return pivot;
                } else {
                    let inside = bracket.under + bracket.inside - at_most;
                    bracket = Bracket { above: pivot, under: at_most, inside, ..bracket };
                }
            }
        }
        let mut left = self.inside(bracket, 1);
        let at = (rank - bracket.under - 1) as usize;
        *left.select_nth_unstable_by(at, f64::total_cmp).1
    }

    /// How many are less than `limit`, and how many are not greater.
    fn count(&self, limit: f64) -> (u64, u64) {
        let n = self.before.len();
        let (mut less_from, mut most_from, mut less, mut at_most) = (0, 0, 0, 0);
        for later in self.then {
            while less_from < n && later - self.before[less_from] >= limit {
                less_from += 1;
            }
            while most_from < n && later - self.before[most_from] > limit {
                most_from += 1;
            }
            less += (n - less_from) as u64;
            at_most += (n - most_from) as u64;
        }
        (less, at_most)
    }

    /// Every `step`th in the bracket.
    fn inside(&self, bracket: Bracket, step: u64) -> Vec<f64> {
        let n = self.before.len();
        let mut found = Vec::with_capacity((bracket.inside / step) as usize + 1);
        let (mut from, mut until) = (0, 0);
        let mut skip = step / 2;
        for later in self.then {
            while from < n && later - self.before[from] >= bracket.below {
                from += 1;
            }
            while until < n && later - self.before[until] > bracket.above {
                until += 1;
            }
            let width = (until - from) as u64;
            while skip < width {
                found.push(later - self.before[from + skip as usize]);
                skip += step;
            }
            skip -= width;
        }
        found
    }

    /// The least that is greater than `limit`.
    fn next(&self, limit: f64) -> f64 {
        let (mut until, mut least) = (0, f64::INFINITY);
        for later in self.then {
            while until < self.before.len() && later - self.before[until] > limit {
                until += 1;
            }
            if until > 0 {
                least = least.min(later - self.before[until - 1]);
            }
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(mut numbers: Vec<f64>) -> Vec<f64> {
        numbers.sort_unstable_by(f64::total_cmp);
        numbers
    }

    fn noise(n: usize, mut state: u64, places: f64) -> Vec<f64> {
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (((state >> 11) as f64 / (1_u64 << 53) as f64).powi(4) * places).round() / places * 100.0
        };
        sorted((0..n).map(next).collect())
    }

    // More differences than are looked at one by one: 700 * 900, smooth and with many equal ones.
    #[test]
    fn selecting_is_what_sorting_gives() {
        for places in [1e12, 50.0, 2.0] {
            let (before, then) = (noise(700, 1, places), noise(900, 2, places));
            let all: Vec<f64> =
                then.iter().flat_map(|later| before.iter().map(move |early| later - early)).collect();
            let all = sorted(all);
            let differences = Differences::of(&before, &then);
            assert_eq!(differences.len(), all.len() as u64);
            for rank in [1, 2, 17, 300_000, 314_999, 315_000, 315_001, 629_999, 630_000] {
                let (found, known) = (differences.at(rank), all[rank as usize - 1]);
                assert!((found - known).abs() <= 0.0, "{places} {rank}: {found} {known}");
            }
            let known = all[314_999] / 2.0 + all[315_000] / 2.0;
            assert!((differences.median() - known).abs() <= 0.0, "{places}");
        }
    }

    #[test]
    fn a_hundred_thousand_equal_readings_are_no_trouble() {
        let (before, then) = (vec![4.0; 100_000], vec![2.0; 100_000]);
        let differences = Differences::of(&before, &then);
        assert!((differences.median() + 2.0).abs() <= 0.0 && (differences.at(1) + 2.0).abs() <= 0.0);
    }

    proptest! {
        #[test]
        fn small_stretches_agree_with_brute_force(
            before in prop::collection::vec(-5_i32..5, 1..20),
            then in prop::collection::vec(-5_i32..5, 1..20),
        ) {
            let [before, then] = [before, then].map(|side| sorted(side.into_iter().map(f64::from).collect()));
            let all: Vec<f64> = then.iter().flat_map(|later| before.iter().map(move |early| later - early)).collect();
            let all = sorted(all);
            prop_assert!((Differences::of(&before, &then).median() - crate::median(&all).unwrap()).abs() < 1e-12);
        }
    }
}
