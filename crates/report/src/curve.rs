//! The readings over time, thinned to what a picture can show.

use std::collections::HashMap;

use squall_model::event::{EventKind, Reading};
use squall_model::measure::Outcome;
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
        let mut counts = vec![0_usize; plan.measures.len()];
        for reading in readings(record) {
            if let Some(at) = index.get(reading.measure.as_str()) {
                counts[*at] += 1;
            }
        }
        let width = (summary.length.seconds() / columns as f64).max(1e-6);
        let mut curves: Vec<Vec<Point>> =
            counts.iter().map(|count| Vec::with_capacity((*count).min(columns))).collect();
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
            let points = &mut curves[at];
            if counts[at] <= columns {
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
        let measures = plan.measures.iter().zip(curves).map(|(measure, mut points)| {
            points.sort_by(|left, right| left.at.total_cmp(&right.at));
            Curve { measure: measure.name.clone(), points }
        });
        Self { measures: measures.collect() }
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
