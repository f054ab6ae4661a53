//! Many tests at once.

/// The p-values corrected for being many, in their order.
///
/// Among twenty measures that did not change, one is "significant" at 5 % by chance. Corrected, the chance that any of
/// them is stays below 5 %, whatever ties the measures to each other: Holm, "A simple sequentially rejective multiple test
/// procedure", Scandinavian Journal of Statistics 6 (1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|one, other| p[*one].total_cmp(&p[*other]));
    let mut corrected = vec![1.0; p.len()];
    let mut greatest = 0.0_f64;
    for (rank, at) in order.into_iter().enumerate() {
        greatest = greatest.max(p[at] * (p.len() - rank) as f64).min(1.0);
        corrected[at] = greatest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    // R 4: p.adjust(c(0.01,0.04,0.03,0.005,0.8), "holm") gives 0.040 0.090 0.090 0.025 0.800.
    #[test]
    fn corrected_values_are_those_of_r() {
        let found = holm(&[0.01, 0.04, 0.03, 0.005, 0.8]);
        for (found, known) in found.iter().zip([0.04, 0.09, 0.09, 0.025, 0.8]) {
            assert!((found - known).abs() < 1e-12, "{found} {known}");
        }
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn one_test_is_not_corrected_and_none_exceeds_one() {
        assert_eq!(holm(&[0.04]), [0.04]);
        assert_eq!(holm(&[0.9, 0.8, 0.7]), [1.0, 1.0, 1.0]);
    }
}
