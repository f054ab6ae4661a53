//! A small chart for a terminal: dots of Braille, and the time of faults as a bar below. Plain text, no colour.

/// A time during which a fault was on, in the unit of the series' times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Its start.
    pub from: f64,
    /// Its end.
    pub until: f64,
}

/// The dots of a Braille sign by column and row, from the top (Unicode, chapter 21.1).
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// A chart of `height` lines of `width` signs, and one line below where there are bands.
///
/// The series are times and numbers, `None` where the reading could not be taken: such a time shows as `×` on
/// the lowest line, never as a curve. The lowest dot is the least number, or 0 where that is close.
pub fn sparkline(series: &[(f64, Option<f64>)], bands: &[Band], width: usize, height: usize) -> String {
    let (width, height) = (width.clamp(1, 1_000), height.clamp(1, 100));
    let times = || series.iter().map(|(at, _)| *at).filter(|at| at.is_finite());
    let begin = times().fold(f64::INFINITY, f64::min);
    let end = times().fold(f64::NEG_INFINITY, f64::max);
    if begin > end {
        return String::new();
    }
    let column = |at: f64, columns: usize| {
        let share = if end > begin { (at - begin) / (end - begin) } else { 0.0 };
        (share.clamp(0.0, 1.0) * (columns - 1) as f64).round() as usize
    };

    let numbers = || series.iter().filter_map(|(_, number)| *number).filter(|number| number.is_finite());
    let top = numbers().fold(f64::NEG_INFINITY, f64::max);
    let least = numbers().fold(f64::INFINITY, f64::min);
    let bottom = if least >= 0.0 && least < top / 2.0 { 0.0 } else { least };
    let rows = height * 4;
    let row = |number: f64| {
        let share =
            if top > bottom { (number / 2.0 - bottom / 2.0) / (top / 2.0 - bottom / 2.0) } else { 0.0 };
        rows - 1 - (share.clamp(0.0, 1.0) * (rows - 1) as f64).round() as usize
    };

    let mut dots = vec![0_u32; width * height];
    let mut blind = vec![Sight::Clear; width];
    let mut before: Option<(usize, usize)> = None;
    for (at, number) in series.iter().filter(|(at, _)| at.is_finite()) {
        let Some(number) = number.filter(|number| number.is_finite()) else {
            blind[column(*at, width)] = Sight::Blind;
            before = None;
            continue;
        };
        let (x, y) = (column(*at, width * 2), row(number));
        let from = before.filter(|(earlier, _)| *earlier <= x).unwrap_or((x, y));
        for (x, y) in steps(from, (x, y)) {
            dots[y / 4 * width + x / 2] |= DOTS[x % 2][y % 4];
        }
        before = Some((x, y));
    }

    let mut lines: Vec<String> = dots
        .chunks(width)
        .map(|signs| signs.iter().map(|dots| char::from_u32(0x2800 + dots).unwrap_or(' ')).collect())
        .collect();
    if let Some(lowest) = lines.last_mut() {
        *lowest = lowest
            .chars()
            .zip(&blind)
            .map(|(sign, sight)| if *sight == Sight::Blind { '×' } else { sign })
            .collect();
    }
    if !bands.is_empty() {
        let mut below = vec![' '; width];
        for band in bands.iter().filter(|band| band.from <= end && band.until >= begin) {
            // A record by a stranger may end a fault before it begins.
            let (one, other) = (column(band.from, width), column(band.until, width));
            below[one.min(other)..=one.max(other)].fill('━');
        }
        lines.push(below.into_iter().collect());
    }
    lines.join("\n")
}

#[derive(Clone, Copy, PartialEq)]
enum Sight {
    Clear,
    Blind,
}

/// The dots of a straight line, both ends included.
fn steps(from: (usize, usize), to: (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    let count = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
    let between = move |left: usize, right: usize, step: usize| {
        let share = step as f64 / count as f64;
        (left as f64 + (right as f64 - left as f64) * share).round() as usize
    };
    (0..=count).map(move |step| (between(from.0, to.0, step), between(from.1, to.1, step)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_during_a_fault_is_seen_above_its_band() {
        let series: Vec<(f64, Option<f64>)> =
            (0..40).map(|at| (f64::from(at), Some(if (10..20).contains(&at) { 9.0 } else { 1.0 }))).collect();
        let chart = sparkline(&series, &[Band { from: 10.0, until: 20.0 }], 20, 2);
        insta::assert_snapshot!(chart, @"
        ⠀⠀⠀⠀⠀⡏⠉⠉⠉⠹⡀⠀⠀⠀⠀⠀⠀⠀⠀⠀
        ⠤⠤⠤⠤⠼⠀⠀⠀⠀⠀⠧⠤⠤⠤⠤⠤⠤⠤⠤⠤
             ━━━━━━          
        ");
    }

    #[test]
    fn what_could_not_be_read_is_a_cross_and_never_a_line() {
        let series = [(0.0, Some(0.0)), (1.0, Some(9.0)), (2.0, None), (3.0, None), (4.0, Some(9.0))];
        let chart = sparkline(&series, &[], 9, 2);
        assert_eq!(chart.chars().filter(|c| *c == '×').count(), 2, "{chart}");
        let upper: Vec<char> = chart.lines().next().unwrap().chars().collect();
        assert_eq!(upper[3..8], ['\u{2800}'; 5], "{chart}");
        assert_eq!(sparkline(&[], &[], 4, 1), "");
    }
}
