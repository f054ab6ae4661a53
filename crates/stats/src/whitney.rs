//! The test of Mann and Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
//! Annals of Mathematical Statistics 18 (1947): its distribution, exact and approximate.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::LEVEL;

/// Both sides must have fewer readings than this for the exact distribution, and no two may be equal. R's `wilcox.test` has
/// the same rule; from there on the normal approximation is good to three places.
pub(crate) const EXACT_BELOW: usize = 50;

/// The distribution of U where nothing differs and no readings are equal, for n and m below [`EXACT_BELOW`].
#[derive(Debug)]
pub(crate) struct Exact {
    /// Chance of a U of at most 0, 1, 2, ...
    at_most: Vec<f64>,
}

impl Exact {
    /// The number of arrangements with each U are the coefficients of the Gaussian binomial `[n + m choose n]`
    /// (Mann and Whitney's recursion, solved). They are whole numbers below 10^29, and exact here.
    pub(crate) fn of(n: usize, m: usize) -> Self {
        let most = n * m;
        let mut ways = vec![0_i128; most + 1];
        ways[0] = 1;
        for at in 1..=n {
            // Times 1 - q^(m + at), divided by 1 - q^at.
            for u in (m + at..=most).rev() {
                ways[u] -= ways[u - m - at];
            }
            for u in at..=most {
                ways[u] += ways[u - at];
            }
        }
        let all: i128 = ways.iter().sum();
        let mut sum = 0;
        let at_most = ways.into_iter().map(|ways| {
            sum += ways;
            sum as f64 / all as f64
        });
        Self { at_most: at_most.collect() }
    }

    /// Two-sided p-value of a U, which is whole.
    pub(crate) fn p(&self, u: f64) -> f64 {
        let most = self.at_most.len() - 1;
        let u = u.round() as usize;
        let smaller = u.min(most - u.min(most));
        (2.0 * self.at_most[smaller]).min(1.0)
    }

    /// The rank among all differences, from 1, at which the interval begins.
    pub(crate) fn rank(&self) -> u64 {
        self.at_most.partition_point(|chance| *chance < LEVEL / 2.0).max(1) as u64
    }
}

/// The standard deviation of U where nothing differs, corrected for equal readings (Lehmann, "Nonparametrics", 1975, equation
/// 1.35). Both sorted.
pub(crate) fn deviation(before: &[f64], then: &[f64]) -> f64 {
    let (n, m) = (before.len() as f64, then.len() as f64);
    let total = n + m;
    let ties = ties(before, then);
    (n * m / 12.0 * ((total + 1.0) - ties / (total * (total - 1.0)))).max(0.0).sqrt()
}

/// The sum of `t^3 - t` over all groups of t equal readings of both sides; 0 where no two are equal.
pub(crate) fn ties(before: &[f64], then: &[f64]) -> f64 {
    let (mut one, mut other, mut sum) = (0, 0, 0.0);
    while let Some(value) = match (before.get(one), then.get(other)) {
        (Some(left), Some(right)) => Some(left.min(*right)),
        (left, right) => left.or(right).copied(),
    } {
        let count =
            |sorted: &[f64], from: usize| sorted[from..].iter().take_while(|next| **next <= value).count();
        let (left, right) = (count(before, one), count(then, other));
        one += left;
        other += right;
        let tied = (left + right) as f64;
        sum += tied * tied * tied - tied;
    }
    sum
}

/// Two-sided p-value of a normal deviate, or of Student's with so many degrees of freedom.
pub(crate) fn p_of(z: f64, freedom: f64) -> f64 {
    let above = match StudentsT::new(0.0, 1.0, freedom) {
        Ok(student) if freedom.is_finite() => student.sf(z),
        _ => Normal::standard().sf(z),
    };
    (2.0 * above).clamp(0.0, 1.0)
}

/// The deviate that chance exceeds on either side together in 5 %; normal where the degrees of freedom are infinite.
pub(crate) fn student(freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(student) if freedom.is_finite() => student.inverse_cdf(1.0 - LEVEL / 2.0),
        _ => Normal::standard().inverse_cdf(1.0 - LEVEL / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R 4: pwilcox(c(5,11,20),5,10), pwilcox(c(100,300,700),40,45), qwilcox(.025, c(5,10,40), c(10,5,45)).
    #[test]
    fn the_exact_distribution_is_that_of_r() {
        let exact = Exact::of(5, 10);
        for (u, known) in [(5, 0.006_327_006_327), (11, 0.049_617_049_617), (20, 0.297_036_297_036)] {
            assert!((exact.at_most[u] - known).abs() < 1e-9, "{u}");
        }
        let exact = Exact::of(40, 45);
        for (u, known) in [(100, 5.509_129_074e-16), (300, 1.268_981_818e-8), (700, 3.947_847_574e-2)] {
            assert!((exact.at_most[u] - known).abs() < known * 1e-6, "{u} {}", exact.at_most[u]);
        }
        assert_eq!([(5, 10), (10, 5), (40, 45)].map(|(n, m)| Exact::of(n, m).rank()), [9, 9, 678]);
    }

    // SciPy 1.17: t.ppf(.975, [2.5, 6, 18.3]), 2 * t.sf(2.0, 7.7), 2 * norm.sf(8.0).
    #[test]
    fn deviates_are_those_of_scipy() {
        for (freedom, known) in [(2.5, 3.574_654_84), (6.0, 2.446_911_85), (18.3, 2.098_456_02)] {
            assert!((student(freedom) - known).abs() < 1e-6, "{freedom}");
        }
        assert!((student(f64::INFINITY) - 1.959_963_985).abs() < 1e-8);
        assert!((p_of(2.0, 7.7) - 0.081_907_403_996_801_49).abs() < 1e-9);
        assert!((p_of(8.0, f64::INFINITY) / 1.244_192_114_854_348e-15 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn equal_readings_are_counted_over_both_sides() {
        assert!((ties(&[1.0, 2.0, 2.0], &[2.0, 3.0]) - 24.0).abs() < 1e-12);
        assert!(ties(&[1.0, 2.0], &[3.0]).abs() < 1e-12);
        assert!(deviation(&[4.0; 3], &[4.0; 5]).abs() < 1e-12);
    }
}
