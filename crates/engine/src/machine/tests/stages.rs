//! E7: a rollout in stages.

use squall_model::measure::Expect;
use squall_model::plan::Condition;
use squall_model::stage::{Stage, StageOutcome, Trigger};

use super::*;

pub(super) fn stage(percent: f64, hold: u64) -> Stage {
    Stage {
        share: Share::Percent(Percent(percent)),
        hold: Span::seconds(hold),
        gate: vec![],
        rollback: vec![],
        chosen: BTreeMap::new(),
    }
}

/// Three stages of 10 s, each with a fault from 1 s to 4 s.
fn rollout() -> Plan {
    let shadow = Stage { share: Share::Shadow, ..stage(0.0, 0) };
    Plan { stages: vec![shadow, stage(50.0, 3), stage(100.0, 0)], ..plan(vec![fault("a", &[(1, 4)])]) }
}

fn ended(log: &[(u64, Action)]) -> Vec<(u32, StageOutcome)> {
    events(log, |kind| match kind {
        EventKind::StageEnded { stage, outcome, .. } => Some((*stage, *outcome)),
        _ => None,
    })
}

fn injected(log: &[(u64, Action)]) -> Vec<Option<u32>> {
    events(log, |kind| match kind {
        EventKind::FaultInjected { fault, .. } => Some(fault.stage),
        _ => None,
    })
}

fn sick_in(stage: u32, value: f64) -> impl Fn(u64, &BTreeSet<FaultRef>) -> Outcome {
    move |_, on| number(if on.iter().any(|fault| fault.stage == Some(stage)) { value } else { 1.0 })
}

#[test]
fn a_steady_system_goes_through_every_stage_and_the_shadow_changes_nothing() {
    let log = live(rollout(), |_, _| number(1.0), &[]);
    assert_eq!(verdict(&log), Verdict::Held);
    let passed = StageOutcome::Passed;
    assert_eq!(ended(&log), [(0, passed), (1, passed), (2, passed)]);
    assert_eq!(injected(&log), [Some(1), Some(2)], "nothing in the shadow");
    assert_eq!(injections(&log).len(), 3, "all three were asked for, one of them to be left out");
    assert_eq!(undos(&log).len(), 2);
    let entered = events(&log, |kind| match kind {
        EventKind::StageEntered { share, .. } => Some(share.to_string()),
        _ => None,
    });
    assert_eq!(entered, ["shadow", "50 %", "100 %"]);
    let recovered = events(&log, |kind| matches!(kind, EventKind::Recovered { .. }).then_some(()));
    assert_eq!(recovered.len(), 3, "each stage is recovered from");
}

#[test]
fn a_stage_is_held_before_the_next_begins() {
    let log = live(rollout(), |_, _| number(1.0), &[]);
    let begins = when(&log, |action| matches!(action, Action::Emit(EventKind::StageEntered { .. })));
    let ends = when(&log, |action| matches!(action, Action::Emit(EventKind::Recovered { .. })));
    assert_eq!(begins[1], ends[0], "no hold");
    assert_eq!(begins[2], ends[1] + 3);
}

#[test]
fn a_gate_that_does_not_let_pass_ends_the_rollout_and_everything_is_undone() {
    let log = live(rollout(), sick_in(1, 50.0), &[]);
    assert_eq!(verdict(&log), Verdict::Deviated);
    assert_eq!(ended(&log), [(0, StageOutcome::Passed), (1, StageOutcome::Failed)]);
    assert_eq!(injected(&log), [Some(1)], "the next stage is never begun");
    assert_eq!(undos(&log).len(), 1);
    assert!(reasons(&log)[0].contains("depth was not < 10 while faults were on"), "{:?}", reasons(&log));
    let sentence = events(&log, |kind| match kind {
        EventKind::RunEnded { sentence, .. } => Some(sentence.clone()),
        _ => None,
    });
    assert!(sentence[0].contains("in stage 2 of 3"), "{sentence:?}");
}

#[test]
fn a_stage_may_ask_for_more_than_the_measure_expects() {
    let mut strict = rollout();
    strict.stages[1].gate = vec![Condition { measure: "depth".into(), is: below(4.0) }];
    let log = live(strict.clone(), sick_in(1, 5.0), &[]);
    assert_eq!((verdict(&log), ended(&log).last()), (Verdict::Deviated, Some(&(1, StageOutcome::Failed))));
    assert!(reasons(&log)[0].contains("as the gate asks"), "{:?}", reasons(&log));
    let log = live(strict, sick_in(2, 5.0), &[]);
    assert_eq!(verdict(&log), Verdict::Held, "the gate is of the second stage only");
}

#[test]
fn a_rollback_trigger_undoes_at_once_and_is_of_its_stage_only() {
    let mut careful = rollout();
    let abort = Abort { when: above(20.0), consecutive: 1 };
    careful.stages[1].rollback = vec![Trigger { measure: "depth".into(), abort }];
    let log = live(careful.clone(), sick_in(1, 25.0), &[]);
    assert_eq!(verdict(&log), Verdict::Aborted);
    assert_eq!(ended(&log).last(), Some(&(1, StageOutcome::Left)));
    let triggered = when(&log, |action| matches!(action, Action::Emit(EventKind::AbortTriggered { .. })));
    assert_eq!(undos(&log), triggered);
    careful.measures[0].expect = Some(Expect::Present);
    assert_eq!(verdict(&live(careful, sick_in(2, 25.0), &[])), Verdict::Held);
}

#[test]
fn a_relapse_while_a_stage_is_held_is_a_shut_gate() {
    let fine = live(rollout(), |_, _| number(1.0), &[]);
    let held = when(&fine, |action| matches!(action, Action::Emit(EventKind::Recovered { .. })))[1] + 2;
    let log = live(rollout(), move |second, _| number(if second == held { 50.0 } else { 1.0 }), &[]);
    assert_eq!(verdict(&log), Verdict::Deviated);
    assert_eq!(ended(&log).last(), Some(&(1, StageOutcome::Failed)));
    assert!(reasons(&log)[0].contains("after the recovery"), "{:?}", reasons(&log));
}

#[test]
fn a_halt_leaves_the_stage_and_the_next_is_never_begun() {
    let fine = live(rollout(), |_, _| number(1.0), &[]);
    let begun = when(&fine, |action| matches!(action, Action::Emit(EventKind::StageEntered { .. })))[1];
    let log = live(rollout(), |_, _| number(1.0), &[(begun + 2, Input::Halt { by: "SIGINT".into() })]);
    assert_eq!(verdict(&log), Verdict::Halted);
    assert_eq!(ended(&log).last(), Some(&(1, StageOutcome::Left)));
    assert_eq!(undos(&log).len(), 1);
}

// E5: the time to detect is told in each stage.
#[test]
fn the_first_miss_after_the_injection_is_the_detection() {
    // The fault is on from 4 s on; the system is sick from 6 s to 8 s.
    let world = |second, _: &BTreeSet<FaultRef>| number(if (6..8).contains(&second) { 50.0 } else { 1.0 });
    let log = live(plan(vec![fault("a", &[(1, 9)])]), world, &[]);
    let detected = events(&log, |kind| match kind {
        EventKind::DeviationDetected { measure, after, .. } => Some((measure.clone(), *after)),
        _ => None,
    });
    assert_eq!(detected, [("depth".to_owned(), Span::seconds(2))]);
}
