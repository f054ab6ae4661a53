//! The lab as a whole in experiments: behind a proxy, and on each server that can keep its queue (E5, F18).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::peer::running::{find, last_record};
use squall_model::conservation::Figure;
use squall_model::event::EventKind;
use squall_model::measure::Outcome;
use squall_model::record::Record;

/// Everything that was sent was done once, and nothing of the run is left.
#[track_caller]
fn conserved(squall: &Squall) -> Record {
    let record = last_record(squall);
    let balance = find(&record, |kind| match kind {
        EventKind::ConservationJudged { balance, .. } => Some(balance.clone()),
        _ => None,
    })
    .unwrap();
    let figure = |figure| balance.get(&figure).copied().unwrap_or_default();
    assert!(figure(Figure::Done) > 0, "{balance:?}");
    for none in [Figure::Lost, Figure::Duplicated, Figure::Dead, Figure::Pending] {
        assert_eq!(figure(none), 0, "{none:?} of {balance:?}");
    }
    // A queue that has forgotten everything owes nothing: what it has taken is counted outside of it too.
    let taken: u64 = record
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::LoadSampled(sample) => Some(sample.ok),
            _ => None,
        })
        .sum();
    assert!(taken > 0 && figure(Figure::Sent) >= taken, "{taken} were accepted: {balance:?}");
    for run in squall.runs() {
        assert_eq!(left::of_run(&run), Vec::<String>::new());
    }
    record
}

// F18, E5: what the workers call outside fails slowly, by our own proxy. Their breaker opens, lets a probe through now and
// then, and closes when all is well again; no task is lost over it.
#[test]
fn a_breaker_opens_and_half_opens_while_the_service_outside_fails_and_no_task_is_lost() {
    let squall = Squall::new();
    let breaker = r#"--breaker-failures, "3", --breaker-cool-down, 1s"#;
    let text = format!(
        r#"name: outside
target:
  name: queue
  services:
    outside:
      start: {{ run: ["{{squall}}", lab, receiver, --listen, "127.0.0.1:{{port:outside}}"] }}
      proxy: {{ protocol: http }}
      health: {{ http: "http://127.0.0.1:{{port:outside}}/count" }}
    api:
      start: {{ run: ["{{squall}}", lab, api, --queue, "{{run-dir}}/queue.db", --listen, "127.0.0.1:{{port:api}}", {breaker}] }}
      health: {{ http: "http://127.0.0.1:{{port:api}}/health" }}
    worker:
      start: {{ run: ["{{squall}}", lab, worker, --queue, "{{run-dir}}/queue.db", --name, "{{name}}", --poll, 10ms, {breaker}], count: 2 }}
load:
  http:
    url: "http://127.0.0.1:{{port:api}}/tasks"
    method: POST
    headers: {{ content-type: application/json }}
    body: '{{"tag":"hook","kind":"webhook","url":"http://127.0.0.1:{{port:outside-proxy}}/","max_failures":100}}'
  pattern: {{ constant: 10/s }}
steady:
  every: 150ms
  measures:
    breaker: {{ http: "http://127.0.0.1:{{port:api}}/breakers", read: {{ json: "breakers[0].state" }}, expect: '== "closed"', judge: [after] }}
  conservation: {{ ledger: ["{{squall}}", lab, ledger, --queue, "{{run-dir}}/queue.db", --json], within: 90s }}
baseline: 2s
duration: 10s
faults:
  slow-and-wrong: {{ inject: {{ http: {{ status: 503, delay: 1s }} }}, on: {{ service: outside }}, for: 9s }}
recovery: {{ within: 60s, steady-for: 1s }}
"#
    );
    let output = squall.run(["run", squall.file("outside.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = conserved(&squall);
    let states: Vec<&str> = record
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Read(reading) => match &reading.outcome {
                Outcome::Text(state) => Some(state.as_str()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let first = |state: &str| states.iter().position(|one| *one == state);
    let (open, half) = (first("open"), first("half-open"));
    assert!(open.is_some() && half > open, "{states:?}");
    assert_eq!(states.last(), Some(&"closed"), "{states:?}");
}

/// A worker is killed while tasks come in, and at last the server that keeps the queue.
fn on(store: &str, ledger: &str) {
    let squall = Squall::new();
    let text = format!(
        r#"name: on-{store}
target: {{ lab: {{ workers: 2, queue: {store} }} }}
load:
  # More than two workers can do: whoever is killed has a task in hand.
  tasks: {{ work: 250ms }}
  pattern: {{ constant: 10/s }}
steady:
  every: 500ms
  measures:
    depth: {{ queue: depth, expect: "< 1000", judge: [before, after] }}
  conservation: {{ ledger: ["{{squall}}", lab, ledger, --queue, "{ledger}", --json], within: 60s }}
baseline: 2s
duration: 6s
faults:
  worker: {{ inject: {{ process-kill: {{}} }}, on: {{ service: worker }}, pick: 1, at: 500ms, for: 1s }}
  server: {{ inject: {{ service-kill: {{}} }}, on: {{ service: queue }}, at: 2s, for: 2s }}
recovery: {{ within: 60s, steady-for: 1s }}
"#
    );
    let output = squall.run(["run", squall.file("store.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    conserved(&squall);
}

// E5: the same promises on a Redis of the run's own, which is killed too.
#[test]
fn no_task_is_lost_when_a_worker_and_the_redis_of_the_lab_are_killed() {
    on("redis", "redis://127.0.0.1:{port:queue}/0");
}

// E5: and on a PostgreSQL.
#[test]
fn no_task_is_lost_when_a_worker_and_the_postgresql_of_the_lab_are_killed() {
    on("postgres", "postgres://postgres@127.0.0.1:{port:queue}/postgres");
}
