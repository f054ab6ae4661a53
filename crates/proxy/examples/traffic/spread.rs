//! What many measured values come to.

/// The value at this share (0 to 1) of the values, by nearest rank; they are sorted by it. 0 where there is none.
pub(crate) fn rank(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1));
    values.get(at - 1).copied().unwrap_or(0.0)
}
