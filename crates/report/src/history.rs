//! The runs of one experiment in the order of time, and where its measures lead.

use std::collections::BTreeMap;

use serde::Serialize;
use squall_model::event::Mode;
use squall_model::id::RunId;
use squall_model::record::Record;
use squall_model::unit::{Quantity, Unit};
use squall_model::verdict::Verdict;
use squall_stats::{Direction, Trend};

use crate::summary::{Conclusion, RecoverySummary, Summary, p_value, signed};

/// The runs of one experiment, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct History {
    /// The version of this form as JSON.
    pub version: u32,
    /// Name of the experiment.
    pub experiment: String,
    /// Its runs.
    pub runs: Vec<HistoryRun>,
    /// Where its measures lead, over the runs of the newest run's environment that broke something and came to their end.
    pub trends: Vec<MeasureTrend>,
}

/// One run in a history.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HistoryRun {
    /// Its id.
    pub run: RunId,
    /// Wall clock at the start, RFC 3339 in UTC.
    pub started: String,
    /// Where it ran.
    pub environment: String,
    /// Whether it changed anything.
    pub mode: Mode,
    /// Its verdict.
    pub verdict: Conclusion,
    /// Which version of the file it was of.
    pub digest: String,
    /// Whether it is kept as the baseline of its experiment and environment.
    pub kept: bool,
    /// From the last undo to the steady state, in seconds; `None`: it was not reached or not observed.
    pub recovery: Option<f64>,
    /// Median of each measure while faults were on, in the base of its unit.
    pub medians: BTreeMap<String, Quantity>,
}

/// Where one number leads from run to run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MeasureTrend {
    /// Which.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// Theil and Sen's slope a run with its 95 % interval, Mann and Kendall's p; `None` of fewer than five runs.
    pub trend: Option<Trend>,
    /// Where it leads.
    pub direction: Direction,
    /// The same as a sentence.
    pub sentence: String,
}

impl HistoryRun {
    /// What a history says of a run.
    pub fn of(record: &Record, kept: bool) -> Self {
        let summary = Summary::of(record);
        let medians = summary.measures.iter().filter_map(|measure| {
            let numbers = measure.during.numbers?;
            Some((measure.name.clone(), measure.quantity(numbers.median)))
        });
        Self {
            medians: medians.collect(),
            recovery: match &summary.recovery {
                RecoverySummary::Recovered { steady, .. } => Some(steady.as_secs_f64()),
                RecoverySummary::Never { .. } | RecoverySummary::NotObserved {} => None,
            },
            environment: summary.plan.target.environment.clone(),
            digest: summary.plan.digest.clone(),
            verdict: summary.verdict,
            mode: summary.mode,
            started: summary.started,
            run: summary.run,
            kept,
        }
    }

    /// Whether its numbers can be put beside those of others: it broke something, and what it saw was judged.
    fn counts(&self) -> bool {
        let ended = matches!(
            self.verdict,
            Conclusion::Reached(Verdict::Held | Verdict::Deviated | Verdict::Inconclusive | Verdict::Aborted)
        );
        self.mode == Mode::Real && ended
    }
}

impl History {
    /// Of runs of one experiment, the oldest first.
    pub fn of(experiment: &str, runs: Vec<HistoryRun>) -> Self {
        let newest = runs.last().map(|run| run.environment.clone());
        let counted: Vec<&HistoryRun> =
            runs.iter().filter(|run| run.counts() && Some(&run.environment) == newest.as_ref()).collect();
        let mut series: BTreeMap<String, Vec<Quantity>> = BTreeMap::new();
        for run in &counted {
            for (name, median) in &run.medians {
                series.entry(format!("{name} during the faults")).or_default().push(*median);
            }
            let recovery = run.recovery.map(|seconds| Quantity::new(seconds, Unit::Seconds));
            series.entry("time to the steady state".to_owned()).or_default().extend(recovery);
        }
        let trends =
            series.into_iter().filter_map(|(name, numbers)| MeasureTrend::of(name, &numbers)).collect();
        Self { version: 1, experiment: experiment.to_owned(), runs, trends }
    }
}

impl MeasureTrend {
    /// `None` without any number.
    fn of(name: String, numbers: &[Quantity]) -> Option<Self> {
        let unit = numbers.last()?.unit;
        let same: Vec<f64> =
            numbers.iter().filter(|number| number.unit == unit).map(|number| number.value).collect();
        let quantity = |value: f64| Quantity::new(value, unit);
        let trend = Trend::of(&same);
        let direction = trend.map_or(Direction::Level, |trend| trend.direction());
        let sentence = match trend {
            None => format!("{name}: {} runs with a number, at least 5 needed for a trend", same.len()),
            Some(trend) => {
                let slope = format!(
                    "{} a run, 95 % interval {} to {}, {}, {} runs",
                    signed(quantity(trend.slope)),
                    quantity(trend.low),
                    quantity(trend.high),
                    p_value(trend.p),
                    trend.n
                );
                match direction {
                    Direction::Level => format!("{name} shows no trend ({slope})"),
                    Direction::Up | Direction::Down => format!("{name} {direction} ({slope})"),
                }
            }
        };
        Some(Self { name, unit, trend, direction, sentence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u32, environment: &str, mode: Mode, p99: f64) -> HistoryRun {
        HistoryRun {
            run: format!("0190a1b2c3d{number}").parse().unwrap(),
            started: format!("2026-11-2{number}T06:00:00Z"),
            environment: environment.to_owned(),
            mode,
            verdict: Conclusion::Reached(Verdict::Held),
            digest: "1a2b3c4d".to_owned(),
            kept: false,
            recovery: Some(1.5),
            medians: BTreeMap::from([("p99".to_owned(), Quantity::new(p99, Unit::Seconds))]),
        }
    }

    // E6: a system that gets slower from run to run, though each run held.
    #[test]
    fn a_slow_decay_is_a_trend() {
        let runs = (1..=8).map(|number| run(number, "local", Mode::Real, 0.040 + f64::from(number) * 0.003));
        let history = History::of("worker-loss", runs.collect());
        let p99 = history.trends.iter().find(|trend| trend.name == "p99 during the faults").unwrap();
        assert_eq!(p99.direction, Direction::Up);
        assert!(
            p99.sentence.starts_with("p99 during the faults rises (+3 ms a run, 95 % interval"),
            "{p99:?}"
        );
        let recovery = history.trends.iter().find(|trend| trend.name == "time to the steady state").unwrap();
        assert_eq!(recovery.direction, Direction::Level);
    }

    // A dry run and a run elsewhere say nothing of this system under its faults.
    #[test]
    fn only_like_runs_make_a_trend() {
        let mut runs: Vec<HistoryRun> =
            (1..=4).map(|number| run(number, "local", Mode::Real, 0.04)).collect();
        runs.insert(2, run(5, "elsewhere", Mode::Real, 9.0));
        runs.insert(3, run(6, "local", Mode::Dry, 9.0));
        let history = History::of("worker-loss", runs);
        assert_eq!(history.runs.len(), 6);
        assert_eq!(history.trends[0].trend, None);
        assert_eq!(
            history.trends[0].sentence,
            "p99 during the faults: 4 runs with a number, at least 5 needed for a trend"
        );
        assert!(History::of("none", Vec::new()).trends.is_empty());
    }
}
