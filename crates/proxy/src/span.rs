//! Times that every clock can hold.

use std::time::Duration;

/// The longest that anything waits.
pub(crate) const YEAR: Duration = Duration::from_hours(366 * 24);

/// So many seconds from 0 on; at most a year.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(YEAR, |time| time.min(YEAR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_longer_than_a_year() {
        assert_eq!(seconds(1.5), Duration::from_millis(1500));
        for long in [1e9, 1e300, f64::INFINITY, f64::NAN] {
            assert_eq!(seconds(long), YEAR, "{long}");
        }
    }
}
