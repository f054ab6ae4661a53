use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use squall_model::event::Phase::{
    BaselineCheck, FaultInjection, Init, Monitoring, PostValidation, Report, Rollback,
};
use squall_model::fault::Fault;
use squall_model::measure::{Abort, Compare, Expect, Judged, Limit, Measure, Outcome, Probe};
use squall_model::plan::{PlannedFault, Recovery, Window};
use squall_model::target::{Inventory, Target};
use squall_model::unit::{Percent, Quantity, Unit};
use squall_model::verdict::Verdict;

use super::*;

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
    let names: Vec<String> = plan.measures.iter().map(|measure| measure.name.clone()).collect();
    let mut machine = Machine::new(Arc::new(plan));
    let mut log: Vec<(u64, Action)> = machine.start().into_iter().map(|action| (0, action)).collect();
    let mut on = BTreeSet::new();
    let mut inputs: VecDeque<Input> = VecDeque::from([Input::Started]);
    let mut reading = false;
    for second in 0..120 {
        let at = Offset(Duration::from_secs(second));
        inputs.extend(extra.iter().filter(|(when, _)| *when == second).map(|(_, input)| input.clone()));
        inputs.push_back(Input::Woke);
        if reading {
            for name in &names {
                inputs.push_back(Input::Read(Reading {
                    measure: name.clone(),
                    instance: None,
                    outcome: world(second, &on),
                    asked: at,
                }));
            }
        }
        while let Some(input) = inputs.pop_front() {
            for action in machine.step(at, input) {
                match &action {
                    Action::StartReading => reading = true,
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

// E2: every phase, in order, each with its end.
#[test]
fn a_steady_system_is_held_and_goes_through_every_phase() {
    let log = live(plan(vec![fault("a", &[(2, 5)])]), |_, _| number(1.0), &[]);
    assert_eq!(verdict(&log), Verdict::Held);
    let phases: Vec<Phase> = log
        .iter()
        .filter_map(|(_, action)| match action {
            Action::Emit(EventKind::PhaseEntered { phase }) => Some(*phase),
            _ => None,
        })
        .collect();
    assert_eq!(phases, [Init, BaselineCheck, FaultInjection, Monitoring, Rollback, PostValidation, Report]);
    assert_eq!((injections(&log), undos(&log)), (vec![5], vec![8]));
}

// E3: an unhealthy baseline ends the run before any fault.
#[test]
fn a_sick_baseline_is_unsteady_and_nothing_is_injected() {
    let log = live(
        plan(vec![fault("a", &[(0, 5)])]),
        |second, _| number(if second == 2 { 50.0 } else { 1.0 }),
        &[],
    );
    assert_eq!(verdict(&log), Verdict::Unsteady);
    assert!(injections(&log).is_empty());
}

#[test]
fn a_baseline_that_cannot_be_read_is_unsteady() {
    let log = live(plan(vec![fault("a", &[(0, 5)])]), |_, _| Outcome::Unreadable("refused".into()), &[]);
    assert_eq!(verdict(&log), Verdict::Unsteady);
    assert!(injections(&log).is_empty());
}

#[test]
fn leaving_the_steady_state_is_deviated_even_when_it_comes_back() {
    let log =
        live(plan(vec![fault("a", &[(0, 5)])]), |_, on| number(if on.is_empty() { 1.0 } else { 50.0 }), &[]);
    assert_eq!(verdict(&log), Verdict::Deviated);
    assert_eq!(when(&log, |action| matches!(action, Action::Emit(EventKind::Recovered { .. }))).len(), 1);
}

// E5: "never recovered in N s" is a verdict.
#[test]
fn a_system_that_does_not_come_back_is_deviated_after_its_time() {
    let log =
        live(plan(vec![fault("a", &[(0, 5)])]), |second, _| number(if second > 3 { 50.0 } else { 1.0 }), &[]);
    assert_eq!(verdict(&log), Verdict::Deviated);
    let given_up = when(&log, |action| matches!(action, Action::Emit(EventKind::NeverRecovered { .. })));
    // The baseline takes 3 s, the last undo is at 8 s, and it has 10 s from there.
    assert_eq!(given_up, [18]);
}

// E5: recovery counts from the last undo, also while the watch goes on, and misses after it are not blamed on the fault.
#[test]
fn recovery_is_measured_from_the_last_undo() {
    // The fault is on from 3 s to 5 s; the system needs until 8 s; the watch ends at 13 s.
    let world = |second, _: &BTreeSet<FaultRef>| number(if (6..8).contains(&second) { 50.0 } else { 1.0 });
    let log = live(plan(vec![fault("a", &[(0, 2)])]), world, &[]);
    assert_eq!(verdict(&log), Verdict::Held);
    let recovered = log.iter().find_map(|(_, action)| match action {
        Action::Emit(EventKind::Recovered { first, steady }) => Some((*first, *steady)),
        _ => None,
    });
    assert_eq!(recovered, Some((Span::seconds(3), Span::seconds(3))));
}

// S6: N breaches in a row, and the faults are undone in the same step.
#[test]
fn an_abort_threshold_undoes_everything_at_once() {
    let world = |_, on: &BTreeSet<FaultRef>| number(if on.is_empty() { 1.0 } else { 500.0 });
    let log = live(plan(vec![fault("a", &[(0, 9)]), fault("b", &[(0, 9)])]), world, &[]);
    assert_eq!(verdict(&log), Verdict::Aborted);
    let triggered = when(&log, |action| matches!(action, Action::Emit(EventKind::AbortTriggered { .. })));
    assert_eq!(undos(&log), [triggered[0], triggered[0]]);
    assert!(triggered[0] <= 3 + 2, "two evaluation intervals after the injection at 3 s, not {triggered:?}");
}

#[test]
fn blind_counts_as_a_breach() {
    let world = |_, on: &BTreeSet<FaultRef>| {
        if on.is_empty() { number(1.0) } else { Outcome::Unreadable("timed out".into()) }
    };
    assert_eq!(verdict(&live(plan(vec![fault("a", &[(0, 9)])]), world, &[])), Verdict::Aborted);
}

#[test]
fn faults_are_undone_last_first() {
    let log = live(plan(vec![fault("a", &[(0, 9)]), fault("b", &[(1, 9)])]), |_, _| number(1.0), &[]);
    let order: Vec<&str> = log
        .iter()
        .filter_map(|(_, action)| match action {
            Action::Undo { fault } => Some(fault.name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["b", "a"]);
}

#[test]
fn bursts_are_injected_and_undone_once_each() {
    let log = live(plan(vec![fault("a", &[(0, 2), (4, 6), (8, 10)])]), |_, _| number(1.0), &[]);
    assert_eq!((injections(&log), undos(&log)), (vec![3, 7, 11], vec![5, 9, 13]));
}

// F: a fault waits for a state, and says so.
#[test]
fn a_fault_waits_for_its_condition() {
    let mut waiting = fault("a", &[(0, 8)]);
    waiting.when = Some(squall_model::plan::Condition { measure: "depth".into(), is: above(3.0) });
    let log = live(plan(vec![waiting.clone()]), |second, _| number(if second >= 6 { 5.0 } else { 1.0 }), &[]);
    assert_eq!((verdict(&log), injections(&log), undos(&log)), (Verdict::Held, vec![6], vec![11]));

    let never = live(plan(vec![waiting]), |_, _| number(1.0), &[]);
    assert_eq!((verdict(&never), injections(&never)), (Verdict::Error, vec![]));
}

#[test]
fn a_halt_during_the_baseline_injects_nothing() {
    let log = live(
        plan(vec![fault("a", &[(0, 5)])]),
        |_, _| number(1.0),
        &[(1, Input::Halt { by: "SIGINT".into() })],
    );
    assert_eq!((verdict(&log), injections(&log)), (Verdict::Halted, vec![]));
}

#[test]
fn a_fault_without_effect_is_an_error_and_is_undone() {
    let mut machine = Machine::new(Arc::new(plan(vec![fault("a", &[(0, 5)])])));
    let name = FaultRef { name: "a".into(), stage: None, window: 0 };
    let at = |second| Offset(Duration::from_secs(second));
    machine.step(at(0), Input::Started);
    let reading = Reading { measure: "depth".into(), instance: None, outcome: number(1.0), asked: at(1) };
    machine.step(at(1), Input::Read(reading));
    let asked = machine.step(at(3), Input::Woke);
    assert!(asked.contains(&Action::Inject { fault: name.clone(), until: at(8) }), "{asked:?}");
    let failed = machine.step(at(4), Input::InjectFailed { fault: name.clone(), why: "no effect".into() });
    assert!(
        failed.contains(&Action::Undo { fault: name.clone() }),
        "a half-made fault is undone: {failed:?}"
    );
    machine.step(at(4), Input::Undone { fault: name, proof: "gone".into() });
    let over = machine.step(at(4), Input::CleanedUp { left: vec![] });
    assert_eq!(over.last(), Some(&Action::Finish(Verdict::Error)));
}

#[test]
fn a_window_that_ends_before_its_effect_was_measured_is_an_error_and_is_undone() {
    let mut machine = Machine::new(Arc::new(plan(vec![fault("a", &[(0, 5)])])));
    let name = FaultRef { name: "a".into(), stage: None, window: 0 };
    let at = |second| Offset(Duration::from_secs(second));
    machine.step(at(0), Input::Started);
    machine.step(
        at(1),
        Input::Read(Reading { measure: "depth".into(), instance: None, outcome: number(1.0), asked: at(1) }),
    );
    machine.step(at(3), Input::Woke);
    let over = machine.step(at(8), Input::Woke);
    assert!(over.contains(&Action::Undo { fault: name.clone() }), "{over:?}");
    let late =
        machine.step(at(9), Input::Injected { fault: name.clone(), on: vec![], effect: "late".into() });
    assert!(!late.iter().any(|action| matches!(action, Action::Emit(EventKind::FaultInjected { .. }))));
    machine.step(at(9), Input::Undone { fault: name, proof: "gone".into() });
    let over = machine.step(at(9), Input::CleanedUp { left: vec![] });
    assert_eq!(over.last(), Some(&Action::Finish(Verdict::Error)));
}

#[test]
fn what_is_left_makes_every_verdict_dirty() {
    let mut machine = Machine::new(Arc::new(plan(vec![])));
    machine.step(Offset::default(), Input::Halt { by: "SIGTERM".into() });
    let over = machine.step(Offset::default(), Input::CleanedUp { left: vec!["pid 7 is stopped".into()] });
    assert_eq!(over.last(), Some(&Action::Finish(Verdict::Dirty)));
}

#[derive(Clone, Debug)]
enum Chance {
    Wait(u64),
    Value(f64),
    Blind,
    Answer,
    Fail,
    Early,
    Halt,
    Broken,
}

fn chances() -> impl Strategy<Value = Vec<Chance>> {
    let chance = prop_oneof![
        6 => (1_u64..3).prop_map(Chance::Wait),
        6 => (0_f64..12.0).prop_map(Chance::Value),
        1 => Just(Chance::Value(500.0)),
        1 => Just(Chance::Blind),
        6 => Just(Chance::Answer),
        1 => Just(Chance::Fail),
        1 => Just(Chance::Early),
        1 => Just(Chance::Halt),
        1 => Just(Chance::Broken),
    ];
    proptest::collection::vec(chance, 0..120)
}

proptest! {
    // S1, S2: whatever happens in whatever order, each fault that was asked for is undone once, the last asked for
    // first when all go at once, nothing is injected after the rollback began, and the run ends.
    #[test]
    fn any_history_ends_with_every_fault_undone_once(history in chances(), windows in proptest::collection::vec((0_u64..6, 1_u64..5), 1..5)) {
        let faults = windows.iter().enumerate().map(|(number, (from, length))| {
            fault(&format!("f{number}"), &[(*from, from + length)])
        });
        let mut machine = Machine::new(Arc::new(plan(faults.collect())));
        let mut now = 0;
        let (mut asked, mut undone): (Vec<FaultRef>, Vec<FaultRef>) = (vec![], vec![]);
        let mut pending: VecDeque<Action> = VecDeque::new();
        let mut finished = false;
        machine.start();
        let mut history: VecDeque<Chance> = history.into();
        let mut first = Some(Input::Started);
        for _ in 0..1_000 {
            let chance = history.pop_front().unwrap_or(if pending.is_empty() { Chance::Halt } else { Chance::Answer });
            let at = Offset(Duration::from_secs(now));
            let reading = |outcome| Input::Read(Reading { measure: "depth".into(), instance: None, outcome, asked: at });
            let input = first.take().unwrap_or_else(|| match chance {
                Chance::Wait(seconds) => { now += seconds; Input::Woke }
                Chance::Value(value) => reading(number(value)),
                Chance::Blind => reading(Outcome::Unreadable("x".into())),
                Chance::Halt => Input::Halt { by: "test".into() },
                Chance::Broken => Input::Failed { why: "x".into() },
                Chance::Answer | Chance::Fail | Chance::Early => match (pending.pop_front(), chance) {
                    (Some(Action::Inject { fault, .. }), Chance::Fail) => Input::InjectFailed { fault, why: "x".into() },
                    (Some(Action::Inject { fault, .. }), _) => Input::Injected { fault, on: vec![], effect: "x".into() },
                    (Some(Action::Undo { fault }), Chance::Fail) => Input::UndoFailed { fault, why: "x".into(), by_hand: vec![] },
                    (Some(Action::Undo { fault }), _) => Input::Undone { fault, proof: "x".into() },
                    (Some(_), _) => Input::CleanedUp { left: vec![] },
                    (None, Chance::Early) => match asked.first() {
                        Some(fault) => Input::EndedEarly { fault: fault.clone(), how: "x".into() },
                        None => Input::Woke,
                    },
                    (None, _) => Input::Woke,
                },
            });
            let before = machine.phase();
            let mut together = vec![];
            for action in machine.step(Offset(Duration::from_secs(now)), input) {
                match &action {
                    Action::Inject { fault, .. } => {
                        prop_assert!(machine.phase() < Rollback, "injected in {:?}", machine.phase());
                        prop_assert!(!asked.contains(fault), "asked for twice: {fault}");
                        asked.push(fault.clone());
                        pending.push_back(action);
                    }
                    Action::Undo { fault } => {
                        prop_assert!(asked.contains(fault), "undone without being asked for: {fault}");
                        prop_assert!(!undone.contains(fault), "undone twice: {fault}");
                        undone.push(fault.clone());
                        together.push(asked.iter().position(|one| one == fault).unwrap());
                        pending.push_back(action);
                    }
                    Action::CleanUp => pending.push_back(action),
                    Action::Finish(_) => finished = true,
                    _ => {}
                }
            }
            if before < Rollback && machine.phase() >= Rollback {
                prop_assert!(together.is_sorted_by(|one, other| one > other), "not last first: {together:?}");
            }
            if finished { break; }
        }
        prop_assert!(finished, "never finished, in {:?}", machine.phase());
        asked.sort();
        undone.sort();
        prop_assert_eq!(asked, undone);
    }
}
