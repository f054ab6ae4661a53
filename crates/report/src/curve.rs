//! The readings over time, thinned to what a picture can show.

use std::collections::HashMap;

use squall_model::event::{EventKind, Reading};
use squall_model::measure::{Measure, Outcome};
use squall_model::plan::{Group, Plan};
use squall_model::record::Record;

use crate::summary::{Judge, Periods, Summary};

/// The readings of every measure, in the order of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// One for each measure.
    pub measures: Vec<Curve>,
}

/// The readings of one measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The measure.
    pub measure: String,
    /// One, or one for each instance or group that it is read of; untouched ones are before those that a fault hits.
    pub lines: Vec<Line>,
}

/// The readings of one measure of one instance or group.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// On which side it was; `None` where there are no two sides.
    pub group: Option<Group>,
    /// In the order of time.
    pub points: Vec<Point>,
}

/// One reading, or all of them in one column of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The time that it speaks of (its middle, for a column), in seconds since the start.
    pub at: f64,
    /// The numbers read; `None` without any.
    pub numbers: Option<Range>,
    /// Readings.
    pub readings: u32,
    /// Those not as expected, where the expectation counts.
    pub misses: u32,
    /// Those that could not be taken.
    pub unreadable: u32,
}

/// The numbers of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The first one.
    pub first: f64,
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
    /// The last one.
    pub last: f64,
    /// Their arithmetic mean.
    pub mean: f64,
    /// How many.
    pub n: u32,
}

impl Curves {
    /// Columns for a page: one for each pixel of its picture.
    pub const PAGE: usize = 800;

    /// The curves of a record, each with at most `columns` points, or one for each reading where these are fewer.
    pub fn of(record: &Record, summary: &Summary, columns: usize) -> Self {
        let columns = columns.max(1);
        let plan = &record.start.plan;
        let index: HashMap<&str, usize> =
            plan.measures.iter().enumerate().map(|(at, measure)| (measure.name.as_str(), at)).collect();
        let judges: Vec<Option<Judge<'_>>> = plan
            .measures
            .iter()
            .zip(&summary.measures)
            .map(|(measure, known)| {
                measure.expect.as_ref().and_then(|expect| Judge::new(expect, known.baseline))
            })
            .collect();
        let mut lines = Lines::new(plan);
        for reading in readings(record) {
            if let Some(&at) = index.get(reading.measure.as_str()) {
                lines.of(at, reading.instance.as_deref()).count += 1;
            }
        }
        let width = (summary.length.seconds() / columns as f64).max(1e-6);
        for reading in readings(record) {
            let Some(&at) = index.get(reading.measure.as_str()) else { continue };
            let measure = &plan.measures[at];
            let time = Periods::spoken_of(reading.asked, measure.lag);
            let misses = summary
                .periods
                .at(time)
                .filter(|period| measure.is_judged(period.judged()))
                .and(judges[at].as_ref())
                .is_some_and(|judge| judge.misses(&reading.outcome));
            let mut point = Point::of(time.seconds(), &reading.outcome, u32::from(misses));
            let drawn = lines.of(at, reading.instance.as_deref());
            let points = &mut drawn.points;
            if drawn.count <= columns {
                points.push(point);
                continue;
            }
            let column = (point.at / width).floor();
            point.at = (column + 0.5) * width;
            if let Some(last) = points.last_mut().filter(|last| (last.at - point.at).abs() < width / 4.0) {
                last.join(&point);
                continue;
            }
            // Readings come in the order in which they ended; a slow one may belong to an earlier column.
            let place = points.partition_point(|earlier| earlier.at < point.at - width / 4.0);
            match points.get_mut(place) {
                Some(same) if (same.at - point.at).abs() < width / 4.0 => same.join(&point),
                _ => points.insert(place, point),
            }
        }
        let measures = plan.measures.iter().zip(lines.drawn);
        Self { measures: measures.map(|(measure, drawn)| Curve::new(plan, measure, drawn)).collect() }
    }
}

/// What is being drawn, a list for each measure of the plan.
struct Lines<'a> {
    drawn: Vec<Vec<Drawn<'a>>>,
    places: HashMap<(usize, &'a str), usize>,
}

/// One line while it is drawn.
struct Drawn<'a> {
    instance: Option<&'a str>,
    /// Readings in all.
    count: usize,
    points: Vec<Point>,
}

impl<'a> Lines<'a> {
    fn new(plan: &Plan) -> Self {
        Self { drawn: plan.measures.iter().map(|_| Vec::new()).collect(), places: HashMap::new() }
    }

    /// The line of a measure, or of one instance of it. A measure is read for instances or as a whole.
    fn of(&mut self, measure: usize, instance: Option<&'a str>) -> &mut Drawn<'a> {
        let drawn = &mut self.drawn[measure];
        let place = match instance {
            None => 0,
            Some(name) => *self.places.entry((measure, name)).or_insert(drawn.len()),
        };
        if place == drawn.len() {
            drawn.push(Drawn { instance, count: 0, points: Vec::new() });
        }
        &mut drawn[place]
    }
}

impl Curve {
    fn new(plan: &Plan, measure: &Measure, drawn: Vec<Drawn<'_>>) -> Self {
        let stage = plan.stages.len().checked_sub(1).map(|last| last as u32);
        let mut lines: Vec<Line> = drawn
            .into_iter()
            .map(|Drawn { instance, mut points, .. }| {
                points.sort_by(|left, right| left.at.total_cmp(&right.at));
                Line { group: plan.side(measure, instance, stage), points }
            })
            .collect();
        lines.sort_by_key(|line| line.group != Some(Group::Control));
        Self { measure: measure.name.clone(), lines }
    }

    /// The points of all lines, line by line.
    pub fn points(&self) -> impl Iterator<Item = &Point> + Clone {
        self.lines.iter().flat_map(|line| &line.points)
    }
}

fn readings(record: &Record) -> impl Iterator<Item = &Reading> {
    record.events.iter().filter_map(|event| match &event.kind {
        EventKind::Read(reading) => Some(reading),
        _ => None,
    })
}

impl Point {
    fn of(at: f64, outcome: &Outcome, misses: u32) -> Self {
        let number = outcome.as_number().filter(|number| number.is_finite());
        Self {
            at,
            numbers: number.map(Range::one),
            readings: 1,
            misses,
            unreadable: u32::from(matches!(outcome, Outcome::Unreadable(_))),
        }
    }

    fn join(&mut self, later: &Self) {
        self.readings += later.readings;
        self.misses += later.misses;
        self.unreadable += later.unreadable;
        self.numbers = match (self.numbers, later.numbers) {
            (Some(mine), Some(other)) => Some(mine.and(&other)),
            (mine, other) => mine.or(other),
        };
    }
}

impl Range {
    fn one(number: f64) -> Self {
        Self { first: number, low: number, high: number, last: number, mean: number, n: 1 }
    }

    fn and(self, later: &Self) -> Self {
        let n = self.n + later.n;
        let share = f64::from(later.n) / f64::from(n);
        Self {
            first: self.first,
            low: self.low.min(later.low),
            high: self.high.max(later.high),
            last: later.last,
            mean: self.mean * (1.0 - share) + later.mean * share,
            n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_keeps_its_extremes_and_its_mean() {
        let range = [4.0, 1.0, 7.0].map(Range::one).into_iter().reduce(|sum, next| sum.and(&next)).unwrap();
        assert!((range.mean - 4.0).abs() < 1e-12);
        assert_eq!((range.first, range.low, range.high, range.last, range.n), (4.0, 1.0, 7.0, 7.0, 3));
    }
}
