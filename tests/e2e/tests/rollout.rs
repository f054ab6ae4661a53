//! A rollout in stages, at real processes (E7): a share that grows, a gate that holds, and everything undone.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeSet;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::peer::server::Server;
use squall_engine::home::RunDir;
use squall_model::conservation::Figure;
use squall_model::event::EventKind;
use squall_model::stage::StageOutcome;

/// The instances that were hit, stage by stage.
fn hit(run: &RunDir) -> Vec<(Option<u32>, BTreeSet<String>)> {
    let record = run.read_record().unwrap();
    let injected = record.events.into_iter().filter_map(|event| match event.kind {
        EventKind::FaultInjected { fault, on, .. } => Some((fault.stage, on.into_iter().collect())),
        _ => None,
    });
    injected.collect()
}

fn ended(run: &RunDir) -> Vec<(u32, StageOutcome)> {
    let record = run.read_record().unwrap();
    let ended = record.events.into_iter().filter_map(|event| match event.kind {
        EventKind::StageEnded { stage, outcome, .. } => Some((stage, outcome)),
        _ => None,
    });
    ended.collect()
}

// E5, E7: workers of the lab are killed with SIGKILL under load, more in each stage; the shadow touches nobody, the
// hit of a stage are among those of the next, and no task is lost.
#[test]
fn a_rollout_hits_more_and_more_workers_and_no_task_is_lost() {
    let squall = Squall::new();
    let text = "\
name: rollout
target: { lab: { workers: 4 } }
load: { tasks: { work: 20ms }, pattern: { constant: 20/s } }
steady:
  every: 250ms
  measures:
    backlog: { queue: depth, expect: '< 2000' }
    memory: { process: { service: worker, fact: memory }, each: worker, expect: '< 100 GiB', judge: [before, after] }
  conservation:
    ledger: ['{squall}', lab, ledger, --db, '{run-dir}/queue.db', --json]
    dead: dead
    pending: open
    duplicated: twice
    within: 60s
baseline: 1s
duration: 2s
faults:
  kill: { inject: { process-kill: { expect-restart: 20s } }, on: { service: worker } }
stages: [shadow, { share: 25 %, hold: 500ms, gate: { backlog: '< 1000' } }, 75 %]
recovery: { within: 30s, steady-for: 500ms, backlog: backlog }
";
    squall.file("rollout.yaml", text);
    let checked = squall.run(["check", "rollout.yaml"]);
    let said_of_stages = said(&checked);
    assert!(said_of_stages.contains("1: shadow, kill on worker-1, worker-2"), "{said_of_stages}");
    assert!(said_of_stages.contains("passes when backlog < 1000; held for 500ms"), "{said_of_stages}");
    assert!(
        said_of_stages.contains("at most 0 pending, 0 lost, 0 duplicated, 0 stuck within 1m"),
        "{said_of_stages}"
    );

    let output = squall.run(["run", "rollout.yaml"]);
    let run = squall.runs().pop().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let passed = StageOutcome::Passed;
    assert_eq!(ended(&run), [(0, passed), (1, passed), (2, passed)], "{}", said(&output));
    let hit = hit(&run);
    assert_eq!(
        hit.iter().map(|(stage, on)| (*stage, on.len())).collect::<Vec<_>>(),
        [(Some(1), 1), (Some(2), 3)]
    );
    assert!(hit[0].1.is_subset(&hit[1].1), "{hit:?}");
    let record = run.read_record().unwrap();
    let judged = record.events.iter().find_map(|event| match &event.kind {
        EventKind::ConservationJudged { balance, violations, .. } => {
            Some((balance.clone(), violations.clone()))
        }
        _ => None,
    });
    let (balance, violations) = judged.unwrap();
    let of = |figure| balance[&figure];
    assert_eq!((violations, of(Figure::Lost)), (vec![], 0), "{}", said(&output));
    assert!(of(Figure::Sent) > 0 && of(Figure::Sent) == of(Figure::Done) + of(Figure::Dead), "{balance:?}");
    assert_eq!(left::of_run(&run), Vec::<String>::new());
    // The same lines again, from the record alone.
    let replayed = squall.run(["replay", "last"]);
    assert!(said(&replayed).contains("2 of 3: 25 %"), "{}", said(&replayed));
}

fn fragile(stages: &str) -> String {
    format!(
        "name: gate\ntarget: {{ name: stage, services: {{ own: {{ start: {{ run: [sleep, '600'], count: 4, \
         restart-after: 1s }} }} }} }}\n\
         steady:\n  every: 50ms\n  measures:\n    own: {{ process: {{ service: own, fact: count }}, expect: '== 4', abort: '< 0' }}\n\
         baseline: 300ms\nduration: 1200ms\n\
         faults:\n  kill: {{ inject: {{ process-kill: {{}} }}, on: {{ service: own }}, for: 1s }}\n\
         stages: {stages}\nrecovery: {{ within: 20s, steady-for: 100ms }}\n"
    )
}

// E7: what the first stage shows is not tried on more.
#[test]
fn a_gate_that_is_shut_ends_the_rollout() {
    let squall = Squall::new();
    squall.file("gate.yaml", &fragile("[shadow, 25 %, 100 %]"));
    let output = squall.run(["run", "gate.yaml"]);
    let run = squall.runs().pop().unwrap();
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    assert_eq!(ended(&run), [(0, StageOutcome::Passed), (1, StageOutcome::Failed)], "{}", said(&output));
    assert_eq!(hit(&run).len(), 1, "{}", said(&output));
    assert!(said(&output).contains("in stage 2 of 3"), "{}", said(&output));
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

// E7, S6: a trigger of the stage undoes at once.
#[test]
fn a_rollback_trigger_of_a_stage_aborts() {
    let squall = Squall::new();
    let stages = "[{ share: 50 %, rollback: { own: { when: '< 3', consecutive: 1 } } }, 100 %]";
    squall.file("gate.yaml", &fragile(stages));
    let output = squall.run(["run", "gate.yaml"]);
    let run = squall.runs().pop().unwrap();
    assert_eq!(output.status.code(), Some(12), "{}", said(&output));
    assert_eq!(ended(&run), [(0, StageOutcome::Left)], "{}", said(&output));
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

// E5: the same experiment without its faults, and recorded as that.
#[test]
fn a_control_run_leaves_faults_and_stages_out() {
    let squall = Squall::new();
    squall.file("gate.yaml", &fragile("[25 %, 100 %]"));
    let output = squall.run(["run", "gate.yaml", "--control"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("control run"), "{}", said(&output));
    let run = squall.runs().pop().unwrap();
    let record = run.read_record().unwrap();
    assert_eq!(record.start.mode, squall_model::event::Mode::Control);
    assert!(hit(&run).is_empty() && ended(&run).is_empty());
    let both = squall.run(["run", "gate.yaml", "--control", "--dry-run"]);
    assert_eq!(both.status.code(), Some(2), "{}", said(&both));
}

/// Readings of a measure in each stage.
fn readings(run: &RunDir, measure: &str) -> Vec<Vec<f64>> {
    let mut stages = Vec::new();
    for event in run.read_record().unwrap().events {
        match event.kind {
            EventKind::StageEntered { .. } => stages.push(Vec::new()),
            EventKind::Read(reading) if reading.measure == *measure => {
                if let (Some(stage), Some(value)) = (stages.last_mut(), reading.outcome.as_number()) {
                    stage.push(value);
                }
            }
            _ => {}
        }
    }
    stages
}

// E7: of a fault on traffic a stage hits its share of the requests.
#[test]
fn a_rollout_hits_more_and_more_requests() {
    let squall = Squall::new();
    let shop = Server::start(|request| request.answer(200, "ok"));
    let text = format!(
        "name: shares\ntarget:\n  name: stage\n  services:\n    shop:\n      find: {{ elsewhere: {{}} }}\n      \
         proxy: {{ listen: '127.0.0.1:{{port:via}}', upstream: '{}', protocol: http }}\n\
         load: {{ http: {{ url: 'http://127.0.0.1:{{port:via}}/' }}, pattern: {{ constant: 80/s }} }}\n\
         steady:\n  every: 1s\n  measures:\n    errors: {{ load: error-rate, expect: '< 70 %' }}\n\
         baseline: 3s\nduration: 4s\n\
         faults:\n  some: {{ inject: {{ http: {{ status: 503 }} }}, on: {{ service: shop }} }}\n\
         stages: [10 %, 40 %, 100 %]\nrecovery: {{ within: 40s, steady-for: 500ms }}\n",
        shop.address()
    );
    let output = squall.run(["run", squall.file("shares.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    let run = squall.runs().pop().unwrap();
    let outcomes = [(0, StageOutcome::Passed), (1, StageOutcome::Passed), (2, StageOutcome::Failed)];
    assert_eq!(ended(&run), outcomes, "{}", said(&output));
    let most: Vec<f64> =
        readings(&run, "errors").iter().map(|stage| stage.iter().copied().fold(0.0, f64::max)).collect();
    assert!(most[0] > 0.0 && most[0] < 35.0 && most[1] > 25.0 && most[2] > 90.0, "{most:?}");
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}
