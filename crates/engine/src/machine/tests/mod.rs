use std::collections::{BTreeMap, BTreeSet, VecDeque};

use squall_model::conservation::Counts;
use squall_model::event::{FaultRef, Reading};
use squall_model::fault::Fault;
use squall_model::measure::{Abort, Compare, Expect, Judged, Limit, Measure, Outcome, Probe};
use squall_model::plan::{PlannedFault, Recovery, Window};
use squall_model::stage::Share;
use squall_model::target::{Inventory, Target};
use squall_model::unit::{Percent, Quantity, Unit};
use squall_model::verdict::Verdict;

use super::*;

mod accounts;
mod groups;
mod histories;
mod runs;
mod stages;

fn number(value: f64) -> Outcome {
    Outcome::Value(Quantity::new(value, Unit::Number))
}

fn below(limit: f64) -> Expect {
    Expect::Is { compare: Compare::Less, limit: Limit::Absolute(Quantity::new(limit, Unit::Number)) }
}

fn above(limit: f64) -> Expect {
    Expect::Is { compare: Compare::More, limit: Limit::Absolute(Quantity::new(limit, Unit::Number)) }
}

fn measure(name: &str) -> Measure {
    Measure {
        name: name.into(),
        each: None,
        probe: Probe::Tcp { address: "127.0.0.1:1".into() },
        expect: Some(below(10.0)),
        abort: Some(Abort { when: above(100.0), consecutive: 2 }),
        allow: Percent(0.0),
        judged: vec![Judged::Before, Judged::During, Judged::After],
        every: Span::seconds(1),
        timeout: Span::seconds(1),
        lag: Span::ZERO,
        throughput: None,
    }
}

fn fault(name: &str, windows: &[(u64, u64)]) -> PlannedFault {
    let windows = windows
        .iter()
        .map(|(from, until)| Window { from: Span::seconds(*from), until: Span::seconds(*until) });
    PlannedFault {
        name: name.into(),
        fault: Fault::CpuStress { percent: Percent(50.0), workers: None },
        on: None,
        windows: windows.collect(),
        when: None,
    }
}

fn plan(faults: Vec<PlannedFault>) -> Plan {
    Plan {
        version: 1,
        name: "test".into(),
        description: String::new(),
        owner: None,
        tags: vec![],
        file: None,
        digest: String::new(),
        seed: 1,
        target: Target {
            name: "none".into(),
            environment: "local".into(),
            services: BTreeMap::new(),
            queue: None,
            tasks: None,
        },
        inventory: Inventory::default(),
        load: None,
        measures: vec![measure("depth")],
        conservation: None,
        stages: vec![],
        baseline: Span::seconds(3),
        duration: Span::seconds(10),
        faults,
        recovery: Recovery { within: Span::seconds(10), steady_for: Span::seconds(2), backlog: None },
    }
}

/// Lives through a whole run: answers every action at once, reads once a second what `world` says.
fn live(
    plan: Plan,
    world: impl Fn(u64, &BTreeSet<FaultRef>) -> Outcome,
    extra: &[(u64, Input)],
) -> Vec<(u64, Action)> {
    live_in(plan, |second, on, _, _| world(second, on), |_, _| None, extra)
}

/// The same, in a world that knows which measure of which instance is read, and what a ledger says.
fn live_in(
    plan: Plan,
    world: impl Fn(u64, &BTreeSet<FaultRef>, &str, Option<&str>) -> Outcome,
    ledger: impl Fn(u64, Settled) -> Option<Result<Counts, String>>,
    extra: &[(u64, Input)],
) -> Vec<(u64, Action)> {
    let series: Vec<(String, Option<String>)> = plan
        .series()
        .into_iter()
        .map(|(measure, instance)| (measure.name.clone(), instance.map(str::to_owned)))
        .collect();
    let shadows: Vec<bool> = plan.stages.iter().map(|stage| stage.share == Share::Shadow).collect();
    let mut settled = Settled::NotYet;
    let mut machine = Machine::new(Arc::new(plan));
    let mut log: Vec<(u64, Action)> = machine.start().into_iter().map(|action| (0, action)).collect();
    let mut on = BTreeSet::new();
    let mut inputs: VecDeque<Input> = VecDeque::from([Input::Started]);
    let mut reading = false;
    for second in 0..400 {
        let at = Offset(Duration::from_secs(second));
        inputs.extend(extra.iter().filter(|(when, _)| *when == second).map(|(_, input)| input.clone()));
        inputs.push_back(Input::Woke);
        if reading {
            for (name, instance) in &series {
                inputs.push_back(Input::Read(Reading {
                    measure: name.as_str().into(),
                    instance: instance.as_deref().map(Into::into),
                    outcome: world(second, &on, name, instance.as_deref()),
                    asked: at,
                }));
            }
            inputs.extend(ledger(second, settled).map(|read| Input::Ledger { asked: at, read }));
        }
        while let Some(input) = inputs.pop_front() {
            for action in machine.step(at, input) {
                match &action {
                    Action::StartReading => reading = true,
                    Action::Settle => settled = Settled::Since(second),
                    Action::Inject { fault, .. }
                        if fault.stage.is_some_and(|stage| shadows[stage as usize]) =>
                    {
                        let nothing = || "nothing".to_owned();
                        inputs.push_back(Input::LeftOut {
                            fault: fault.clone(),
                            on: vec![],
                            change: nothing(),
                            undo: nothing(),
                        });
                    }
                    Action::Inject { fault, .. } => {
                        on.insert(fault.clone());
                        inputs.push_back(Input::Injected {
                            fault: fault.clone(),
                            on: vec![],
                            effect: "on".into(),
                        });
                    }
                    Action::Undo { fault } => {
                        on.remove(fault);
                        inputs.push_back(Input::Undone { fault: fault.clone(), proof: "off".into() });
                    }
                    Action::CleanUp => inputs.push_back(Input::CleanedUp { left: vec![] }),
                    Action::Finish(_) => {
                        log.push((second, action));
                        return log;
                    }
                    Action::Emit(_) | Action::WakeAt(_) => {}
                }
                log.push((second, action));
            }
        }
    }
    panic!("the run never finished: {log:#?}");
}

/// Whether the load has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    NotYet,
    Since(u64),
}

/// The events of a kind, in their order.
fn events<T>(log: &[(u64, Action)], wanted: impl Fn(&EventKind) -> Option<T>) -> Vec<T> {
    log.iter()
        .filter_map(|(_, action)| match action {
            Action::Emit(kind) => wanted(kind),
            _ => None,
        })
        .collect()
}

fn reasons(log: &[(u64, Action)]) -> Vec<String> {
    let ends = events(log, |kind| match kind {
        EventKind::RunEnded { reasons, .. } => Some(reasons.clone()),
        _ => None,
    });
    ends.concat()
}

fn verdict(log: &[(u64, Action)]) -> Verdict {
    match log.last() {
        Some((_, Action::Finish(verdict))) => *verdict,
        other => panic!("not finished: {other:?}"),
    }
}

fn when(log: &[(u64, Action)], wanted: impl Fn(&Action) -> bool) -> Vec<u64> {
    log.iter().filter(|(_, action)| wanted(action)).map(|(at, _)| *at).collect()
}

fn injections(log: &[(u64, Action)]) -> Vec<u64> {
    when(log, |action| matches!(action, Action::Inject { .. }))
}

fn undos(log: &[(u64, Action)]) -> Vec<u64> {
    when(log, |action| matches!(action, Action::Undo { .. }))
}
