//! What a load did.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use squall_load::Sample;
use squall_model::unit::{Quantity, Unit};

use crate::printer::Printer;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Summary {
    seconds: f64,
    due: u64,
    sent: u64,
    /// Sent, a second.
    rate: f64,
    ok: u64,
    failed: BTreeMap<String, u64>,
    /// Sent more than 10 ms after they were due.
    late: u64,
    retried: u64,
    /// Seconds, from the time that a request was due.
    p50: Option<f64>,
    p90: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    p999: Option<f64>,
    max: Option<f64>,
    /// Seconds from the time that a request was due to the one at which it was sent.
    start_p99: Option<f64>,
    /// All latencies: an HdrHistogram of microseconds, format V2, deflated, in base64.
    latency: String,
}

impl Summary {
    pub(super) fn of(totals: &Sample) -> Self {
        let quantile = |share| totals.latency.quantile(share).map(|latency| latency.as_secs_f64());
        let seconds = totals.over.as_secs_f64();
        Self {
            seconds,
            due: totals.due,
            sent: totals.sent,
            rate: if seconds > 0.0 { totals.sent as f64 / seconds } else { 0.0 },
            ok: totals.ok,
            failed: totals.failures.iter().map(|(kind, count)| (kind.to_string(), *count)).collect(),
            late: totals.late,
            retried: totals.retried,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: quantile(1.0),
            start_p99: totals.start_error.quantile(0.99).map(|error| error.as_secs_f64()),
            latency: STANDARD.encode(totals.latency.to_bytes()),
        }
    }

    pub(super) fn tell(&self, printer: &mut Printer) {
        printer.line(format!(
            "sent     {} of {} due, in {:.1} s ({:.1}/s)",
            self.sent, self.due, self.seconds, self.rate
        ));
        printer.line(format!("ok       {}", self.ok));
        for (kind, count) in &self.failed {
            printer.line(format!("failed   {count}: {kind}"));
        }
        if self.retried > 0 {
            printer.line(format!("retried  {}", self.retried));
        }
        if self.late > 0 {
            printer.line(format!("late     {}: this machine did not keep up", self.late));
        }
        printer.line(format!(
            "latency  p50 {}, p90 {}, p95 {}, p99 {}, p99.9 {}, max {}",
            time(self.p50),
            time(self.p90),
            time(self.p95),
            time(self.p99),
            time(self.p999),
            time(self.max)
        ));
        printer.line(format!("started  {} after they were due, at p99", time(self.start_p99)));
    }
}

/// A latency for people.
pub(super) fn time(seconds: Option<f64>) -> String {
    seconds.map_or("-".to_owned(), |value| Quantity::new(value, Unit::Seconds).to_string())
}
