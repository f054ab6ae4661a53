//! A real Prometheus as the source of measures: it speaks of the past, and an alert may be what must not happen (E3, S6).

use std::path::PathBuf;
use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::peer::prometheus::Prometheus;
use squall_e2e::peer::running::{find, last_record, reasons, when};
use squall_e2e::peer::server::Server;
use squall_model::event::EventKind;
use squall_model::measure::Outcome;

/// The interval at which this Prometheus scrapes.
const SCRAPE: Duration = Duration::from_secs(1);

/// A queue whose page for Prometheus says that a job is stuck while a file is there.
struct Stage {
    squall: Squall,
    stuck: PathBuf,
    prometheus: Prometheus,
    _queue: Server,
}

impl Stage {
    fn new() -> Self {
        let squall = Squall::new();
        let stuck = squall.dir().join("stuck");
        let file = stuck.clone();
        let queue = Server::start(move |request| {
            let number = u8::from(file.exists());
            request.answer(
                200,
                &format!(
                    "jobs_stuck {number}\njobs_stuck_by{{queue=\"a\"}} 0\njobs_stuck_by{{queue=\"b\"}} 0\n"
                ),
            );
        });
        let prometheus = Prometheus::start(squall.dir(), &queue.address());
        Self { squall, stuck, prometheus, _queue: queue }
    }

    fn experiment(&self, measures: &str, duration: &str) -> String {
        let (url, stuck) = (self.prometheus.url(), self.stuck.display());
        format!(
            "name: stuck\n\
             target: {{ name: queue, services: {{ queue: {{ find: {{ pid-file: /nowhere.pid }} }} }} }}\n\
             steady:\n  every: 500ms\n  prometheus: {url}\n  measures:\n    {measures}\n\
             baseline: 1500ms\nduration: {duration}\n\
             faults:\n  stuck:\n    inject:\n      command: {{ inject: [touch, {stuck}], undo: [rm, {stuck}], \
             check: [test, -e, {stuck}] }}\n\
             recovery: {{ within: 8s, steady-for: 500ms }}\n"
        )
    }
}

fn numbers(record: &squall_model::record::Record, of: &str) -> Vec<f64> {
    let readings = record.events.iter().filter_map(|event| match &event.kind {
        EventKind::Read(reading) if reading.measure == of => reading.outcome.as_number(),
        _ => None,
    });
    readings.collect()
}

#[test]
fn a_metric_and_an_alert_miss_what_is_expected_and_the_lag_is_accounted_for() {
    let stage = Stage::new();
    let text = stage.experiment(
        "stuck: { prometheus: jobs_stuck, expect: '== 0' }\n    \
         alert: { prometheus: 'ALERTS{alertname=\"Stuck\",alertstate=\"firing\"}', expect: absent }",
        "4s",
    );
    stage.squall.file("stuck.yaml", &text);
    let output = stage.squall.run(["run", "stuck.yaml"]);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    let record = last_record(&stage.squall);
    let reasons = reasons(&record);
    assert!(reasons.contains("stuck was not == 0 while faults were on"), "{reasons}");
    assert!(reasons.contains("alert was not absent while faults were on"), "{reasons}");

    // S6: what is asked speaks of a scrape ago, so the first second after the undo says nothing of the recovery.
    let lags: Vec<Duration> = record.start.plan.measures.iter().map(|measure| measure.lag.0).collect();
    assert_eq!(lags, [SCRAPE, SCRAPE]);
    let first = find(&record, |kind| match kind {
        EventKind::Recovered { first, .. } => Some(first.0),
        _ => None,
    });
    assert!(first.unwrap() >= SCRAPE, "{first:?}");
    let read = numbers(&record, "stuck");
    assert!(read.contains(&0.0) && read.contains(&1.0), "{read:?}");
    let is_firing = |kind: &EventKind| matches!(kind, EventKind::ExpectationMissed { measure, outcome: Outcome::Value(_), .. } if measure == "alert");
    when(&record, "the alert", is_firing);
    assert!(!stage.stuck.exists());
    assert_eq!(left::of_run(&stage.squall.runs()[0]), Vec::<String>::new());
}

#[test]
fn a_metric_beyond_its_threshold_aborts() {
    let stage = Stage::new();
    let measures =
        "stuck: { prometheus: jobs_stuck, expect: '== 0', abort: { when: '> 0', consecutive: 2 } }";
    stage.squall.file("stuck.yaml", &stage.experiment(measures, "15s"));
    let output = stage.squall.run(["run", "stuck.yaml"]);
    assert_eq!(output.status.code(), Some(12), "{}", said(&output));
    let record = last_record(&stage.squall);
    let breach = when(&record, "the breach", |kind| matches!(kind, EventKind::AbortTriggered { .. })).at.0;
    let undone = when(&record, "the undo", |kind| matches!(kind, EventKind::FaultUndone { .. })).at.0;
    assert!(undone.saturating_sub(breach) <= Duration::from_secs(1), "{breach:?}, undone at {undone:?}");
    assert!(!stage.stuck.exists());
}

/// E3: what gives no single number is not read, and what is not read is not fine.
#[test]
fn queries_that_give_no_single_number_are_unsteady_and_say_why() {
    let stage = Stage::new();
    let measures = "several: { prometheus: jobs_stuck_by, expect: '>= 0' }\n    \
                    broken: { prometheus: 'sum(', expect: '>= 0' }\n    \
                    missing: { prometheus: no_such_series, expect: '>= 0' }";
    stage.squall.file("stuck.yaml", &stage.experiment(measures, "5s"));
    let output = stage.squall.run(["run", "stuck.yaml"]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let record = last_record(&stage.squall);
    let said = reasons(&record);
    for part in ["2 series; aggregate them", "parse error", "missing was not >= 0"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!stage.stuck.exists());
}
