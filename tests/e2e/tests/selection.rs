//! Only those that were chosen are hit, and the same seed chooses the same (S5, E6, F7, F23).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::wait;
use squall_engine::home::RunDir;
use squall_host::process::{Process, State};
use squall_host::signal::Signal;
use squall_model::event::EventKind;

const SOON: Duration = Duration::from_secs(10);

fn experiment(faults: &str, duration: &str) -> String {
    format!(
        "name: chosen\ntarget: {{ name: stage, services: {{ own: {{ start: {{ run: [sleep, '600'], count: 6, \
         restart-after: 100ms }} }} }} }}\n\
         steady:\n  every: 50ms\n  measures:\n    own: {{ process: {{ service: own, fact: count }}, expect: '>= 0' }}\n\
         baseline: 150ms\nduration: {duration}\nfaults:\n{faults}\
         recovery: {{ within: 5s, steady-for: 50ms }}\n"
    )
}

/// The processes of the run's instances, by name, as the record says.
fn instances(run: &RunDir) -> BTreeMap<String, Process> {
    let record = run.read_record().unwrap();
    let started = record.events.iter().filter_map(|event| match &event.kind {
        EventKind::InstanceStarted { instance, pid } => {
            Some((instance.clone(), Process::of(*pid).ok().flatten()?))
        }
        _ => None,
    });
    started.collect()
}

fn hit(run: &RunDir) -> Option<Vec<String>> {
    let record = run.read_record().ok()?;
    record.events.iter().find_map(|event| match &event.kind {
        EventKind::FaultInjected { on, .. } => Some(on.clone()),
        _ => None,
    })
}

// S5: a share of the instances is stopped; every other one goes on, as the processes themselves show.
#[test]
fn only_the_chosen_instances_are_stopped() {
    let squall = Squall::new();
    let fault = "  half: { inject: { process-pause: {} }, on: { service: own }, pick: 50 % }\n";
    squall.file("chosen.yaml", &experiment(fault, "60s"));
    let mut child = squall.start(["run", "chosen.yaml", "--seed", "7"]);
    let run = wait::until("the run begins", SOON, || squall.runs().pop());
    let chosen = wait::until("the fault is on", SOON, || hit(&run));
    assert_eq!(chosen.len(), 3);
    for (name, process) in instances(&run) {
        let is_stopped = process.state().unwrap() == Some(State::Stopped);
        assert_eq!(is_stopped, chosen.contains(&name), "{name} is stopped: {is_stopped}, chosen: {chosen:?}");
    }
    Process::of(child.id()).unwrap().unwrap().signal(Signal::Term).unwrap();
    assert_eq!(wait::until("the run ends", SOON, || child.try_wait().unwrap()).code(), Some(11));
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

// E6: the seed decides, and the plan that is checked is the one that is run.
#[test]
fn the_same_seed_hits_the_same_instances() {
    let squall = Squall::new();
    let fault = "  two: { inject: { process-pause: {} }, on: { service: own }, pick: 2, for: 150ms }\n";
    squall.file("chosen.yaml", &experiment(fault, "200ms"));
    let mut chosen = Vec::new();
    for seed in ["7", "7", "8", "9", "10", "11"] {
        let output = squall.run(["run", "chosen.yaml", "--seed", seed]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        chosen.push(hit(&squall.runs().pop().unwrap()).unwrap());
    }
    assert_eq!(chosen[0], chosen[1]);
    assert!(chosen[2..].iter().any(|other| *other != chosen[0]), "every seed chose {:?}", chosen[0]);
    let check = squall.run(["check", "chosen.yaml", "--seed", "7"]);
    let named = chosen[0].join(", ");
    assert!(String::from_utf8_lossy(&check.stdout).contains(&named), "{named}: {}", said(&check));
}

// F: several faults at the same time, each undone at its own time.
#[test]
fn overlapping_faults_are_injected_and_undone_on_their_own() {
    let squall = Squall::new();
    let faults = "  first: { inject: { process-pause: {} }, on: { service: own, instances: [own-1] }, at: 100ms, for: 400ms }\n  \
                  second: { inject: { process-pause: {} }, on: { service: own, instances: [own-2] }, at: 200ms, for: 500ms }\n  \
                  third: { inject: { fd-exhaustion: { percent: 100 % } }, on: { service: own, instances: [own-3] }, at: 300ms, for: 100ms }\n";
    squall.file("chosen.yaml", &experiment(faults, "900ms"));
    let output = squall.run(["run", "chosen.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = squall.runs().pop().unwrap().read_record().unwrap();
    let order: Vec<String> = record
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::FaultInjected { fault, .. } => Some(format!("+{}", fault.name)),
            EventKind::FaultUndone { fault, .. } => Some(format!("-{}", fault.name)),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["+first", "+second", "+third", "-third", "-first", "-second"]);
}

// F23: one every so long, down and up again.
#[test]
fn a_service_is_scaled_one_at_a_time() {
    let squall = Squall::new();
    let fault = "  fewer: { inject: { service-scale: { to: 3, every: 200ms } }, on: { service: own }, for: 1500ms }\n";
    squall.file("chosen.yaml", &experiment(fault, "2s"));
    let output = squall.run(["run", "chosen.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let run = squall.runs().pop().unwrap();
    let record = run.read_record().unwrap();
    let undone =
        record.events.iter().find(|event| matches!(event.kind, EventKind::FaultUndone { .. })).unwrap().at;
    let ends: Vec<Duration> = record
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::InstanceEnded { .. }) && event.at < undone)
        .map(|event| event.at.0)
        .collect();
    assert_eq!(ends.len(), 3, "{}", said(&output));
    for pair in ends.windows(2) {
        assert!(pair[1].saturating_sub(pair[0]) >= Duration::from_millis(190), "not one at a time: {ends:?}");
    }
    let starts = record.events.iter().filter(|event| matches!(event.kind, EventKind::InstanceStarted { .. }));
    assert_eq!(starts.count(), 6 + 3, "all are there again");
}

// S7: a slow change is not waited for when the end is asked for.
#[test]
fn halting_does_not_wait_for_a_slow_scale() {
    let squall = Squall::new();
    let fault = "  slow: { inject: { service-scale: { to: 1, every: 20s } }, on: { service: own } }\n";
    squall.file("chosen.yaml", &experiment(fault, "150s"));
    let mut child = squall.start(["run", "chosen.yaml"]);
    let run = wait::until("the run begins", SOON, || squall.runs().pop());
    wait::until("the first is gone", SOON, || {
        let record = run.read_record().ok()?;
        record.events.iter().any(|event| matches!(event.kind, EventKind::InstanceEnded { .. })).then_some(())
    });
    let halt = squall.run(["halt"]);
    assert!(halt.status.success(), "{}", said(&halt));
    assert_eq!(wait::until("the run ends", SOON, || child.try_wait().unwrap()).code(), Some(11));
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}
