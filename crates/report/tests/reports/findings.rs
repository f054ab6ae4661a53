//! Each rule finds what it is for, and finds nothing in a run without it.

use squall_model::event::{EventKind, Mode};
use squall_model::measure::Outcome;
use squall_model::unit::{Percent, Unit};
use squall_model::verdict::Verdict;
use squall_report::{Finding, Severity, Summary};

use crate::draft::Draft;
use crate::planned::{plan, span, workers};
use crate::record::held;

/// The findings of a run in which something happened while the fault was on.
fn findings(happens: impl FnOnce(&mut Draft)) -> Vec<Finding> {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    for second in 11..30_u32 {
        draft.second(f64::from(second), 0.1, 6.0, 0);
    }
    happens(&mut draft);
    draft.undo(30.0);
    draft.second(31.0, 0.04, 2.0, 0);
    draft.event(40.0, EventKind::Recovered { first: span("1s"), steady: span("1s") });
    draft.end(40.1, Verdict::Held, "it held", &[]);
    Summary::of(&draft.record()).findings
}

fn find(findings: &[Finding], rule: &str) -> Finding {
    findings
        .iter()
        .find(|finding| finding.rule == rule)
        .unwrap_or_else(|| panic!("{rule} in {findings:?}"))
        .clone()
}

#[test]
fn a_quiet_run_has_only_its_short_baseline() {
    let rules: Vec<&str> = findings(|_| {}).iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["few-readings"]);
}

#[test]
fn a_restart_that_did_not_come_is_a_warning() {
    let missed = EventKind::RestartMissed {
        fault: workers(),
        within: span("5s"),
        found: "2 of 4 instances".to_owned(),
    };
    let finding = find(&findings(|draft| draft.event(15.0, missed)), "restart-missed");
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(finding.title, "worker was not whole again within 5s of workers");
    assert_eq!(finding.evidence, ["found 2 of 4 instances"]);
}

#[test]
fn a_fault_that_ended_early_is_a_warning() {
    let ended = EventKind::FaultEndedEarly { fault: workers(), how: "killed for want of memory".to_owned() };
    let finding = find(&findings(|draft| draft.event(15.0, ended)), "ended-early");
    assert_eq!(finding.evidence, ["killed for want of memory"]);
}

#[test]
fn an_inventory_that_changed_is_a_warning() {
    let changed = EventKind::InventoryChanged { service: "worker".to_owned(), planned: 4, found: 3 };
    let finding = find(&findings(|draft| draft.event(15.0, changed)), "inventory-changed");
    assert_eq!(finding.evidence, ["15.0s: 4 instances planned, 3 found"]);
}

// S5: only the selected are touched, and what else fell is said.
#[test]
fn an_instance_that_ended_without_being_chosen_is_named() {
    let ended = EventKind::InstanceEnded { instance: "worker-1".to_owned(), how: "exited with 1".to_owned() };
    let finding = find(&findings(|draft| draft.event(15.0, ended)), "bystander-ended");
    assert_eq!(finding.evidence, ["15.0s: worker-1 exited with 1"]);
    let rules: Vec<&str> = Summary::of(&held()).findings.iter().map(|finding| finding.rule).collect();
    assert!(!rules.contains(&"bystander-ended"));
}

#[test]
fn a_measure_near_its_limit_held_by_a_narrow_margin() {
    let finding = find(&findings(|draft| draft.number(20.5, "p99", 0.245, Unit::Seconds)), "narrow-margin");
    assert_eq!(finding.severity, Severity::Note);
    assert_eq!(finding.evidence, ["100 ms to 245 ms during the faults, limit 250 ms"]);
}

#[test]
fn allowed_misses_are_a_narrow_margin_too() {
    let mut plan = plan();
    plan.measures[0].allow = Percent(10.0);
    let mut draft = Draft::of(plan, Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    for second in 11..30_u32 {
        draft.second(f64::from(second), if second == 20 { 0.3 } else { 0.1 }, 6.0, 0);
    }
    draft.undo(30.0);
    let finding = find(&Summary::of(&draft.record()).findings, "narrow-margin");
    assert_eq!(finding.evidence, ["1 of 19 readings during the faults missed, 10 % allowed"]);
}

#[test]
fn a_slow_recovery_is_a_note() {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    draft.undo(30.0);
    draft.event(48.0, EventKind::Recovered { first: span("11s"), steady: span("15s") });
    let finding = find(&Summary::of(&draft.record()).findings, "slow-recovery");
    assert_eq!(finding.evidence, ["steady after 15s, 20s allowed"]);
}

// S9: what cannot be measured is never fine.
#[test]
fn a_measure_that_was_never_read_is_a_warning() {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    draft.undo(30.0);
    let mut record = draft.record();
    for event in &mut record.events {
        if let EventKind::Read(reading) = &mut event.kind
            && reading.measure == "p99"
        {
            reading.outcome = Outcome::Unreadable("timed out after 500ms".to_owned());
        }
    }
    let finding = find(&Summary::of(&record).findings, "unread");
    assert_eq!(finding.evidence, ["none of 9 readings could be taken", "timed out after 500ms"]);
}
