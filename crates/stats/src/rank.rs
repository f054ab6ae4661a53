//! Ranks within one stretch of readings.

/// The numbers sorted, and the mid-rank (1 to n) of each in the order in which they came.
///
/// Equal numbers share the mean of the ranks that they take together.
pub(crate) fn ranked(series: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut order: Vec<(f64, u32)> =
        series.iter().enumerate().map(|(at, value)| (*value, at as u32)).collect();
    order.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let mut ranks = vec![0.0; series.len()];
    let mut from = 0;
    for tied in order.chunk_by(|one, other| one.0 <= other.0 && other.0 <= one.0) {
        let rank = from as f64 + f64::midpoint(tied.len() as f64, 1.0);
        for (_, at) in tied {
            ranks[*at as usize] = rank;
        }
        from += tied.len();
    }
    (order.into_iter().map(|(value, _)| value).collect(), ranks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_share_their_ranks() {
        let (sorted, ranks) = ranked(&[3.0, 1.0, 4.0, 1.0, 0.0, -0.0]);
        assert_eq!(sorted, [-0.0, 0.0, 1.0, 1.0, 3.0, 4.0]);
        assert_eq!(ranks, [5.0, 3.5, 6.0, 3.5, 1.5, 1.5]);
    }
}
