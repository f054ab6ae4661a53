//! How long a failed task waits before it is tried again.

use std::time::Duration;

use rand::Rng;

/// Wait before the second try.
pub(crate) const FIRST: Duration = Duration::from_millis(200);
/// No wait is longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// The share of the full wait that is waited: the second half is random ("equal jitter"), so that tasks which failed
/// together do not come back together.
pub(crate) fn share(dice: &mut impl Rng) -> f64 {
    dice.random_range(0.5..=1.0)
}

/// The wait after the `failures`-th failure (1 is the first): `share` of one that doubles from 200 ms up to 30 s.
pub(crate) fn wait(failures: u32, share: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    proptest! {
        #[test]
        fn a_wait_doubles_with_jitter_and_never_exceeds_the_longest(failures in 1u32..1000, seed: u64) {
            let wait = wait(failures, share(&mut SmallRng::seed_from_u64(seed)));
            let full = (0.2 * 2f64.powi(i32::try_from(failures - 1).unwrap())).min(30.0);
            prop_assert!(wait.as_secs_f64() >= full * 0.499 && wait.as_secs_f64() <= full * 1.001);
        }
    }
}
