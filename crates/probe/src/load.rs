//! A figure of the built-in load since the reading before.

use squall_model::event::LoadSample;
use squall_model::measure::{LoadFigure, Outcome};
use squall_model::unit::Unit;
use tokio::time::Instant;

use crate::json;
use crate::surroundings::{LoadCursor, Surroundings};
use crate::unread::Unread;

pub(crate) struct Load {
    figure: LoadFigure,
    cursor: LoadCursor,
    before: Instant,
}

impl Load {
    pub(crate) fn new(figure: LoadFigure, known: &dyn Surroundings) -> Self {
        let mut cursor = LoadCursor::default();
        // Sets the mark: the first reading speaks of the time from here on.
        let _ = known.load_sample(&mut cursor);
        Self { figure, cursor, before: Instant::now() }
    }

    pub(crate) fn read(&mut self, known: &dyn Surroundings) -> Result<Outcome, Unread> {
        let sample = known.load_sample(&mut self.cursor);
        let now = Instant::now();
        let window = now - self.before;
        self.before = now;
        let sample = sample.ok_or_else(|| Unread::from("no load is running"))?;
        figure(self.figure, &sample, window.as_secs_f64())
    }
}

/// Without a finished request there is neither an error rate nor a latency: absent, not zero.
fn figure(figure: LoadFigure, sample: &LoadSample, seconds: f64) -> Result<Outcome, Unread> {
    let latency = |value: Option<f64>| match value {
        Some(value) => json::number(value, Unit::Seconds),
        None => Ok(Outcome::Absent),
    };
    match figure {
        LoadFigure::ErrorRate => {
            let failed: u64 = sample.failed.values().sum();
            match sample.ok + failed {
                0 => Ok(Outcome::Absent),
                finished => json::number(failed as f64 / finished as f64 * 100.0, Unit::Percent),
            }
        }
        LoadFigure::P50 => latency(sample.p50),
        LoadFigure::P95 => latency(sample.p95),
        LoadFigure::P99 => latency(sample.p99),
        LoadFigure::Rate if seconds > 0.0 => json::number(sample.sent as f64 / seconds, Unit::PerSecond),
        LoadFigure::Rate => Err("no time has passed since the reading before".into()),
        LoadFigure::InFlight => json::number(sample.in_flight as f64, Unit::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(which: LoadFigure, sample: &LoadSample) -> Option<f64> {
        figure(which, sample, 2.0).unwrap().as_number()
    }

    // E3
    #[test]
    fn figures_are_of_the_finished_requests() {
        let sample = LoadSample {
            sent: 40,
            ok: 27,
            failed: [("503".to_owned(), 2), ("timeout".to_owned(), 1)].into(),
            in_flight: 10,
            p50: Some(0.01),
            p95: Some(0.05),
            p99: Some(0.09),
            ..LoadSample::default()
        };
        assert_eq!(read(LoadFigure::ErrorRate, &sample), Some(10.0));
        assert_eq!(read(LoadFigure::Rate, &sample), Some(20.0));
        assert_eq!(read(LoadFigure::InFlight, &sample), Some(10.0));
        assert_eq!(read(LoadFigure::P99, &sample), Some(0.09));
    }

    #[test]
    fn nothing_finished_is_absent_and_never_no_errors() {
        let hung = LoadSample { sent: 40, in_flight: 40, ..LoadSample::default() };
        assert_eq!(figure(LoadFigure::ErrorRate, &hung, 1.0), Ok(Outcome::Absent));
        assert_eq!(figure(LoadFigure::P95, &hung, 1.0), Ok(Outcome::Absent));
        assert!(figure(LoadFigure::Rate, &hung, 0.0).is_err());
    }
}
