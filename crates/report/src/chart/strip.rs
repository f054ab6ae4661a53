//! One measure on the shared time axis: its curve, its limits and its baseline; what missed and what is not known.

use std::time::Duration;

use squall_model::measure::Measure;
use squall_model::plan::Group;
use squall_model::unit::Unit;

use super::marks::{Anchor, Mark, Picture, Sign};
use super::scale::Scale;
use super::ticks;
use crate::curve::{Curve, Line, Point};
use crate::summary::{MeasureSummary, Standing};
use crate::wording::{grouped, line};

/// Height of a strip with its margins.
pub(super) const HEIGHT: f64 = 92.0;

const TOP: f64 = 14.0;
const BOTTOM: f64 = 80.0;

/// Labels closer than this would overlap.
const LABEL: f64 = 14.5;

/// Where the strips stand.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) time: Scale,
    /// Seconds in one pixel.
    pub(super) pixel: f64,
}

/// Draws the strip of one measure below `y`.
pub(super) fn strip(
    picture: &mut Picture,
    frame: &Frame,
    y: f64,
    measure: &Measure,
    summary: &MeasureSummary,
    curve: &Curve,
) {
    let floor = y + BOTTOM;
    picture.rule((frame.left, floor), (frame.right, floor), "floor");
    words(picture, y, summary);
    let numbers = || curve.points().filter_map(|point| point.numbers);
    let least = numbers().map(|range| range.low).fold(f64::INFINITY, f64::min);
    let greatest = numbers().map(|range| range.high).fold(f64::NEG_INFINITY, f64::max);
    if least <= greatest {
        curved(picture, frame, y, measure, summary, curve, (least, greatest));
    } else {
        states(picture, frame, floor, summary, curve);
    }
    let blind = curve.points().filter(|point| point.unreadable > 0);
    let crosses = blind.map(|point| (frame.time.place(point.at), floor - 4.0)).collect();
    picture.signs(crosses, Sign::Cross, "blind");
}

fn words(picture: &mut Picture, y: f64, summary: &MeasureSummary) {
    let hint = (summary.name.chars().count() > 22).then(|| line(&summary.name, 300));
    picture.marks.push(Mark::Text {
        x: 0.0,
        y: y + 28.0,
        anchor: Anchor::Start,
        class: "name",
        text: line(&summary.name, 22),
        hint,
    });
    let expect = summary.expect.as_deref().unwrap_or("only recorded");
    picture.text((0.0, y + 45.0), Anchor::Start, "muted", line(expect, 29));
    let misses: u64 = summary.during.misses.unwrap_or(0);
    let (class, text) = match summary.standing {
        Standing::Met if misses == 0 => ("good", "✓ as expected".to_owned()),
        Standing::Met => ("good", format!("✓ {} missed, allowed", grouped(misses))),
        Standing::Missed if misses > 0 => {
            ("bad", format!("✗ {} of {} missed", grouped(misses), grouped(summary.during.n)))
        }
        Standing::Missed => ("bad", "✗ not as expected".to_owned()),
        Standing::Unread => ("bad", "? never read".to_owned()),
        Standing::Recorded => return,
    };
    picture.text((0.0, y + 62.0), Anchor::Start, class, text);
}

fn curved(
    picture: &mut Picture,
    frame: &Frame,
    y: f64,
    measure: &Measure,
    summary: &MeasureSummary,
    curve: &Curve,
    (least, greatest): (f64, f64),
) {
    // A limit far away would press the curve flat: such a limit is only written beside it.
    let reach = (greatest - least).max(greatest.abs()).max(least.abs()) * 2.5;
    let near = |number: &f64| (least - reach..=greatest + reach).contains(number);
    let held: Vec<f64> = summary.limits.iter().chain(&summary.baseline).copied().filter(near).collect();
    let (least, greatest) = held
        .iter()
        .fold((least, greatest), |(least, greatest), number| (least.min(*number), greatest.max(*number)));
    let range = ticks::range(least, greatest);
    let scale = Scale::new(range, (y + BOTTOM, y + TOP));

    spread(picture, frame, &scale, curve);
    let mut taken: Vec<f64> = Vec::new();
    let beside = frame.right + 8.0;
    for limit in &summary.limits {
        let words = format!("limit {}", summary.quantity(*limit));
        if scale.contains(*limit) {
            let at = scale.place(*limit);
            picture.rule((frame.left, at), (frame.right, at), "limit");
            label(picture, (beside, at), "limit-label", &words, &mut taken);
        } else {
            let (at, arrow) = if *limit > range.1 { (y + TOP, "↑") } else { (y + BOTTOM, "↓") };
            label(picture, (beside, at), "limit-label", &format!("{words} {arrow}"), &mut taken);
        }
    }
    if let Some(baseline) = summary.baseline.filter(|baseline| scale.contains(*baseline)) {
        let at = scale.place(baseline);
        picture.rule((frame.left, at), (frame.right, at), "baseline");
        label(
            picture,
            (beside, at),
            "muted",
            &format!("baseline {}", summary.quantity(baseline)),
            &mut taken,
        );
    }
    let round = rounding(summary.unit, range);
    for tick in ticks::numbers((range.0 / round, range.1 / round), 3) {
        let tick = tick * round;
        label(picture, (beside, scale.place(tick)), "tick", &summary.quantity(tick).to_string(), &mut taken);
    }

    let gap = (measure.every.0 + measure.timeout.0).max(Duration::from_millis(1)).as_secs_f64() * 3.0;
    for line in &curve.lines {
        let strokes = strokes(line, frame, &scale, gap.max(frame.pixel * 3.0));
        let class = if line.group == Some(Group::Control) { "curve untouched" } else { "curve" };
        picture.marks.push(Mark::Curve { strokes, class });
    }
    let missed = curve.points().filter(|point| point.misses > 0);
    let dots = missed.filter_map(|point| {
        let range = point.numbers?;
        let lowest = summary.limits.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = summary.limits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let worst = if range.high <= highest && range.low < lowest { range.low } else { range.high };
        Some((frame.time.place(point.at), scale.place(worst)))
    });
    let thinned = curve.points().any(|point| point.readings > 1);
    picture.signs(dots.collect(), Sign::Dot, if thinned { "breach thin" } else { "breach" });
}

/// Behind the means of columns, all that was read in them.
fn spread(picture: &mut Picture, frame: &Frame, scale: &Scale, curve: &Curve) {
    let columns = curve.points().filter_map(|point| {
        let range = point.numbers.filter(|range| range.n > 1)?;
        let x = frame.time.place(point.at);
        Some(vec![(x, scale.place(range.low)), (x, scale.place(range.high))])
    });
    let strokes: Vec<Vec<(f64, f64)>> = columns.collect();
    if !strokes.is_empty() {
        picture.marks.push(Mark::Curve { strokes, class: "spread" });
    }
}

/// What is counted in round numbers: bytes by the power of 1024 in which they are written.
fn rounding(unit: Unit, (low, high): (f64, f64)) -> f64 {
    let greatest = high.abs().max(low.abs()).max(1.0);
    match unit {
        Unit::Bytes => 1024_f64.powf((greatest.ln() / 1024_f64.ln()).floor().clamp(0.0, 4.0)),
        Unit::Number | Unit::Percent | Unit::Seconds | Unit::PerSecond => 1.0,
    }
}

/// Writes a label unless another one stands there.
fn label(picture: &mut Picture, (x, y): (f64, f64), class: &'static str, text: &str, taken: &mut Vec<f64>) {
    if taken.iter().all(|other| (other - y).abs() >= LABEL) {
        taken.push(y);
        picture.text((x, y + 4.0), Anchor::Start, class, text);
    }
}

/// The curve in strokes: it is interrupted where a reading could not be taken, or none was for long.
fn strokes(line: &Line, frame: &Frame, scale: &Scale, gap: f64) -> Vec<Vec<(f64, f64)>> {
    let mut strokes: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut last: Option<f64> = None;
    for point in &line.points {
        let Some(range) = point.numbers else {
            last = None;
            continue;
        };
        if last.is_none_or(|last| point.at - last > gap) {
            strokes.push(Vec::new());
        }
        last = Some(point.at);
        let Some(stroke) = strokes.last_mut() else { continue };
        stroke.push((frame.time.place(point.at), scale.place(range.mean)));
    }
    strokes
}

/// A measure without numbers: low ticks where it was as expected, tall ones where it was not.
fn states(picture: &mut Picture, frame: &Frame, floor: f64, summary: &MeasureSummary, curve: &Curve) {
    let at = |wanted: fn(&Point) -> bool| -> Vec<(f64, f64)> {
        let points = curve.points().filter(|point| point.readings > point.unreadable && wanted(point));
        points.map(|point| (frame.time.place(point.at), floor - 8.0)).collect()
    };
    picture.signs(at(|point| point.misses == point.unreadable.min(point.misses)), Sign::Tick, "fine");
    picture.signs(at(|point| point.misses > point.unreadable), Sign::Tall, "missed");
    let common = [&summary.before, &summary.during, &summary.after]
        .into_iter()
        .flat_map(|tally| &tally.texts)
        .max_by_key(|(_, count)| **count);
    if let Some((text, _)) = common {
        picture.text(
            (frame.right + 8.0, floor - 6.0),
            Anchor::Start,
            "tick",
            format!("“{}”", line(text, 14)),
        );
    }
}
