//! The moment at which a stretch of readings changed its level.

use serde::Serialize;

use crate::dependence::Dependence;
use crate::describe::median;
use crate::rank::ranked;

/// Readings that are needed at least.
const FEWEST: usize = 10;

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChangePoint {
    /// The first reading of the new level, from 1; there is at least one before it.
    pub at: usize,
    /// Median before it.
    pub from: f64,
    /// Median from it on.
    pub to: f64,
    /// Chance of so clear a change where there is none.
    pub p: f64,
}

/// The clearest change of level in readings in the order of time; `None` of fewer than ten, or of equal ones.
///
/// Pettitt, "A non-parametric approach to the change-point problem", Applied Statistics 28 (1979), with his approximate
/// `p = 2 exp(-6 K^2 / (n^3 + n^2))`. Ranks, so that a single outlier is no change. Where the two stretches on either side
/// resemble their neighbours, the exponent is that of as many independent readings as they are worth.
pub fn change_point(series: &[f64]) -> Option<ChangePoint> {
    let n = series.len();
    if n < FEWEST || series.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let (_, ranks) = ranked(series);
    let (mut sum, mut best) = (0.0, (0.0_f64, 0));
    for (at, rank) in ranks.iter().enumerate().take(n - 1) {
        sum += rank;
        let off = (2.0 * sum - (at + 1) as f64 * (n as f64 + 1.0)).abs();
        if off > best.0 {
            best = (off, at + 1);
        }
    }
    let (off, at) = best;
    if off <= 0.0 {
        return None;
    }
    let worth: f64 =
        [&series[..at], &series[at..]].map(|side| Dependence::of(&ranked(side).1).effective).iter().sum();
    let size = n as f64;
    let p = 2.0 * (-6.0 * off * off / (size.powi(3) + size.powi(2)) * worth / size).exp();
    let middle = |side: &[f64]| median(&ranked(side).0);
    Some(ChangePoint { at, from: middle(&series[..at])?, to: middle(&series[at..])?, p: p.min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flow of the Nile at Aswan in each year from 1871 to 1970 (Cobb 1978; R's `Nile`).
    const NILE: [f64; 100] = [
        1120., 1160., 963., 1210., 1160., 1160., 813., 1230., 1370., 1140., 995., 935., 1110., 994., 1020.,
        960., 1180., 799., 958., 1140., 1100., 1210., 1150., 1250., 1260., 1220., 1030., 1100., 774., 840.,
        874., 694., 940., 833., 701., 916., 692., 1020., 1050., 969., 831., 726., 456., 824., 702., 1120.,
        1100., 832., 764., 821., 768., 845., 864., 862., 698., 845., 744., 796., 1040., 759., 781., 865.,
        845., 944., 984., 897., 822., 1010., 771., 676., 649., 846., 812., 742., 801., 1040., 860., 874.,
        848., 890., 744., 749., 838., 1050., 918., 986., 797., 923., 975., 815., 1020., 906., 901., 1170.,
        912., 746., 919., 718., 714., 740.,
    ];

    // The change of 1898, which everybody finds in this series: K = 1617 after 28 years (NumPy 2.4, from the formula).
    #[test]
    fn the_nile_changed_in_1898() {
        let found = change_point(&NILE).unwrap();
        assert_eq!(found.at, 28);
        assert!((found.from - 1_130.0).abs() < 1e-9 && (found.to - 842.5).abs() < 1e-9, "{found:?}");
        assert!(found.p < 1e-3, "{found:?}");
    }

    #[test]
    fn nothing_changes_where_nothing_does() {
        assert_eq!(change_point(&[3.0; 50]), None);
        assert_eq!(change_point(&[1.0, 2.0, 3.0]), None);
        let up_and_down: Vec<f64> = (0..100).map(|at| f64::from(at % 7)).collect();
        assert!(change_point(&up_and_down).unwrap().p > 0.2);
    }

    #[test]
    fn a_clear_change_is_found_at_its_place() {
        let series: Vec<f64> =
            (0..40).map(|at| f64::from(at % 3) + if at < 12 { 200.0 } else { 40.0 }).collect();
        let found = change_point(&series).unwrap();
        assert_eq!((found.at, found.from, found.to), (12, 201.0, 41.0));
        assert!(found.p < 0.01);
    }
}
