//! One run without stages: phases, verdicts, undo.

use squall_model::event::Phase::{
    BaselineCheck, FaultInjection, Init, Monitoring, PostValidation, Report, Rollback,
};

use super::*;

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
