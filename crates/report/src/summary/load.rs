//! What the load did.

use std::collections::BTreeMap;

use serde::Serialize;
use squall_model::event::{EventKind, LoadSample};
use squall_model::latency::{Latencies, LatencyText};
use squall_model::record::Record;
use squall_model::unit::{Quantity, Unit};
use squall_stats::Proportion;

use super::periods::{Period, Periods};

/// The load of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LoadSummary {
    /// What was sent and where, as written; `None` where the plan has no load.
    pub url: Option<String>,
    /// The asked rate.
    pub pattern: Option<String>,
    /// All of it.
    pub total: LoadPart,
    /// Before the faults.
    pub before: LoadPart,
    /// During the faults.
    pub during: LoadPart,
    /// After the faults.
    pub after: LoadPart,
    /// Requests under way at the last sample.
    pub in_flight_at_end: u64,
}

/// The load in one period. A sample belongs to the period in which it was taken: it speaks of the second before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LoadPart {
    /// Requests that the pattern asked for.
    pub due: u64,
    /// Requests started.
    pub sent: u64,
    /// Requests answered with success.
    pub ok: u64,
    /// Requests failed.
    pub failed: u64,
    /// Requests failed, by kind.
    pub failed_by_kind: BTreeMap<String, u64>,
    /// Share of finished requests that failed, in percent; `None` without any.
    pub error_rate: Option<f64>,
    /// Its 95 % interval (Wilson), in percent.
    pub error_interval: Option<[f64; 2]>,
    /// Requests started more than 10 ms after they were due.
    pub late: u64,
    /// Requests sent again after a failure.
    pub retried: u64,
    /// Median latency of all its requests, in seconds from the time that they were due.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Greatest of the samples' 99th percentiles of latency, in seconds.
    pub worst_p99: Option<f64>,
}

#[derive(Default)]
struct Collected {
    part: LoadPart,
    latencies: Latencies,
    worst_p99: Option<f64>,
}

pub(super) fn of(record: &Record, periods: &Periods) -> Option<LoadSummary> {
    let planned = record.start.plan.load.as_ref();
    let mut collected: [Collected; 3] = Default::default();
    let mut total = Collected::default();
    let mut in_flight_at_end = 0;
    let mut samples = 0_u64;
    for event in &record.events {
        let EventKind::LoadSampled(sample) = &event.kind else { continue };
        samples += 1;
        in_flight_at_end = sample.in_flight;
        total.add(sample);
        // A sample speaks of the time before it.
        if let Some(period) = periods.at(event.at) {
            collected[period as usize].add(sample);
        }
    }
    if planned.is_none() && samples == 0 {
        return None;
    }
    let [before, during, after] = collected.map(Collected::done);
    Some(LoadSummary {
        url: planned.map(|load| load.target.to_string()),
        pattern: planned.map(|load| load.pattern.to_string()),
        total: total.done(),
        before,
        during,
        after,
        in_flight_at_end,
    })
}

impl LoadSummary {
    /// The load in a period.
    pub fn part(&self, period: Period) -> &LoadPart {
        match period {
            Period::Before => &self.before,
            Period::During => &self.during,
            Period::After => &self.after,
        }
    }
}

impl LoadPart {
    /// The error rate with its interval, `–` without any finished request: `2 % (1.3 % to 3.1 %)`.
    pub fn errors(&self) -> String {
        let percent = |value: f64| Quantity::new(value, Unit::Percent).to_string();
        match (self.error_rate, self.error_interval) {
            (Some(rate), Some([low, high])) => {
                format!("{} ({} to {})", percent(rate), percent(low), percent(high))
            }
            _ => "–".to_owned(),
        }
    }
}

impl Collected {
    fn add(&mut self, sample: &LoadSample) {
        let part = &mut self.part;
        part.due = part.due.saturating_add(sample.due);
        part.late = part.late.saturating_add(sample.late);
        part.retried = part.retried.saturating_add(sample.retried);
        part.sent = part.sent.saturating_add(sample.sent);
        part.ok = part.ok.saturating_add(sample.ok);
        for (kind, count) in &sample.failed {
            part.failed = part.failed.saturating_add(*count);
            if let Some(sum) = part.failed_by_kind.get_mut(kind) {
                *sum = sum.saturating_add(*count);
            } else {
                part.failed_by_kind.insert(kind.clone(), *count);
            }
        }
        // What cannot be read is a damaged record; its figures still are what they are.
        if let Some(Ok(latencies)) = sample.latency.as_ref().map(LatencyText::read) {
            self.latencies.merge(&latencies);
        }
        let p99 = sample.p99.filter(|latency| latency.is_finite());
        self.worst_p99 = [self.worst_p99, p99].into_iter().flatten().max_by(f64::total_cmp);
    }

    fn done(mut self) -> LoadPart {
        let finished = self.part.ok.saturating_add(self.part.failed);
        let errors = Proportion::of(self.part.failed, finished);
        self.part.error_rate = errors.map(|errors| errors.share * 100.0);
        self.part.error_interval = errors.map(|errors| [errors.low * 100.0, errors.high * 100.0]);
        let quantile = |share| self.latencies.quantile(share);
        (self.part.p50, self.part.p95, self.part.p99) = (quantile(0.5), quantile(0.95), quantile(0.99));
        self.part.worst_p99 = self.worst_p99;
        self.part
    }
}
