//! Round numbers for axes.

use std::time::Duration;

use squall_model::unit::Span;

/// Steps of a time axis in seconds, as clocks are divided.
const TIMES: [f64; 22] = [
    0.001, 0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0,
    3_600.0, 7_200.0, 14_400.0, 43_200.0, 86_400.0,
];

/// At most about `count` round times from 0 to `length` seconds, with their words.
pub(crate) fn times(length: f64, count: usize) -> Vec<(f64, String)> {
    let fits = |step: &&f64| length / **step <= count as f64;
    let step = TIMES
        .iter()
        .find(fits)
        .copied()
        .unwrap_or_else(|| (length / count as f64 / 86_400.0).ceil() * 86_400.0);
    let last = (length / step * (1.0 + 1e-9)).floor().min(1_000.0) as u32;
    (0..=last)
        .map(|number| {
            let at = f64::from(number) * step;
            let micros = Duration::from_micros((at * 1e6).round() as u64);
            (at, Span(micros).to_string())
        })
        .collect()
}

/// A range that holds all numbers, and starts at 0 where that costs little room.
pub(crate) fn range(least: f64, greatest: f64) -> (f64, f64) {
    let least = if least >= 0.0 && least <= greatest * 0.6 { 0.0 } else { least };
    let room = greatest / 2.0 - least / 2.0;
    if room > 0.0 {
        let low = if least == 0.0 { 0.0 } else { least - room * 0.16 };
        return (low.max(f64::MIN), (greatest + room * 0.16).min(f64::MAX));
    }
    match greatest {
        0.0 => (0.0, 1.0),
        same if same > 0.0 => (0.0, (same * 1.6).min(f64::MAX)),
        same => ((same * 1.6).max(f64::MIN), 0.0),
    }
}

/// At most `count` round numbers (1, 2 or 5 times a power of ten) strictly inside a range, 0 included at its end.
pub(crate) fn numbers((low, high): (f64, f64), count: usize) -> Vec<f64> {
    let rough = (high / 2.0 - low / 2.0) * 2.0 / count.max(1) as f64;
    if !rough.is_finite() || rough <= 0.0 {
        return Vec::new();
    }
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].iter().map(|factor| factor * power).find(|step| *step >= rough * 0.999);
    let Some(step) = step.filter(|step| step.is_finite() && *step > 0.0) else { return Vec::new() };
    let first = (low / step).ceil();
    (0..=count).map(|n| (first + n as f64) * step).filter(|number| *number >= low && *number < high).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_divided_like_clocks() {
        let words = |length| times(length, 8).into_iter().map(|(_, word)| word).collect::<Vec<_>>();
        assert_eq!(words(70.0), ["0s", "10s", "20s", "30s", "40s", "50s", "1m", "1m10s"]);
        assert_eq!(words(36_000.0).first().map(String::as_str), Some("0s"));
        assert_eq!(words(36_000.0).last().map(String::as_str), Some("10h"));
        assert!(times(0.0, 8).len() <= 9 && times(1e9, 8).len() <= 9);
    }

    #[test]
    fn numbers_are_round_and_inside() {
        assert_eq!(numbers((0.0, 0.27), 3), [0.0, 0.1, 0.2]);
        assert_eq!(numbers((0.0, 116.0), 3), [0.0, 50.0, 100.0]);
        assert!(numbers((f64::MIN, f64::MAX), 3).len() <= 4);
        assert!(numbers((1.0, 1.0), 3).is_empty());
    }

    #[test]
    fn a_range_never_collapses() {
        for (least, greatest) in [(0.0, 0.0), (5.0, 5.0), (-3.0, -3.0), (1e-300, 1e300), (f64::MIN, f64::MAX)]
        {
            let (low, high) = range(least, greatest);
            assert!(low < high && low <= least && high >= greatest, "{least} {greatest}: {low} {high}");
        }
    }
}
