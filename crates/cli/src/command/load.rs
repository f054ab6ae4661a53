//! `squall load`: only load.

use std::time::Duration;

use serde::Serialize;
use squall_load::{HttpTarget, Latencies, Load, Pattern, PerSecond, Settings as LoadSettings, Target};
use squall_model::unit::{Quantity, Rate, Span, Unit};
use squall_model::verdict::Exit;

use crate::args::{Format, Output};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::running::runtime;
use crate::signals::Signals;

/// Only load: requests at fixed times, whether the target keeps up or not
///
/// For example: squall load http://127.0.0.1:8080/health --rate 20/s --for 10s
///
/// Exits with 10 when a request failed. Ctrl-C ends it early, with the summary.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// Where the requests go: http://HOST:PORT/PATH
    #[arg(value_name = "URL")]
    url: String,
    /// How many: `20/s`, `600/min`
    #[arg(long, default_value = "10/s")]
    rate: Rate,
    /// How long
    #[arg(long = "for", value_name = "TIME", default_value = "10s")]
    length: Span,
    /// The method
    #[arg(long, default_value = "GET")]
    method: String,
    /// A header, `NAME: VALUE`; may be given several times
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The body; `n` in braces stands for the number of the request
    #[arg(long, default_value = "")]
    body: String,
    /// A request that takes longer has failed
    #[arg(long, value_name = "TIME", default_value = "10s")]
    timeout: Span,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    seconds: f64,
    sent: u64,
    ok: u64,
    failed: std::collections::BTreeMap<String, u64>,
    /// Sent more than 10 ms after they were due.
    late: u64,
    /// Seconds, from the time that a request was due.
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

impl LoadArgs {
    pub(crate) fn run(&self, printer: &mut Printer) -> Result<Exit, Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
        let mut target = HttpTarget::new(&self.method, &self.url).map_err(|error| usage(&error))?;
        for header in &self.headers {
            let (name, value) =
                header.split_once(':').ok_or_else(|| Failure::usage("a header is written `NAME: VALUE`"))?;
            target = target.header(name.trim(), value.trim()).map_err(|error| usage(&error))?;
        }
        let rate = PerSecond::new(self.rate.0).map_err(|error| usage(&error))?;
        let mut settings = LoadSettings::new(Target::Http(target.body(&self.body)), Pattern::Constant(rate));
        settings.timeout = self.timeout.0;
        let totals = runtime()?.block_on(async {
            let mut signals = Signals::listen()
                .map_err(|error| Failure::refused(format!("could not listen to signals: {error}")))?;
            let load = Load::start(settings);
            tokio::select! {
                () = tokio::time::sleep(self.length.0) => {}
                _ = signals.next() => {}
            }
            Ok::<_, Failure>(load.stop().await)
        })?;
        let quantile = |share| seconds(&totals.latency, share);
        let summary = Summary {
            seconds: totals.over.as_secs_f64(),
            sent: totals.sent,
            ok: totals.ok,
            failed: totals.failures.iter().map(|(kind, count)| (kind.to_string(), *count)).collect(),
            late: totals.late,
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
        };
        match self.output.format {
            Format::Json => printer.json(&summary),
            Format::Text => summary.tell(printer),
        }
        Ok(if summary.failed.is_empty() { Exit::Held } else { Exit::Deviated })
    }
}

fn seconds(latencies: &Latencies, share: f64) -> Option<f64> {
    latencies.quantile(share).as_ref().map(Duration::as_secs_f64)
}

impl Summary {
    fn tell(&self, printer: &mut Printer) {
        let time = |value: Option<f64>| {
            value.map_or("-".to_owned(), |value| Quantity::new(value, Unit::Seconds).to_string())
        };
        printer.line(format!("sent     {} in {:.1} s", self.sent, self.seconds));
        printer.line(format!("ok       {}", self.ok));
        for (kind, count) in &self.failed {
            printer.line(format!("failed   {count}: {kind}"));
        }
        if self.late > 0 {
            printer.line(format!("late     {}: this machine did not keep up", self.late));
        }
        printer.line(format!(
            "latency  p50 {}, p95 {}, p99 {}",
            time(self.p50),
            time(self.p95),
            time(self.p99)
        ));
    }
}
