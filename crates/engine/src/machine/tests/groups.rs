//! E4: the control group.

use squall_model::event::Blame;
use squall_model::measure::TrafficFigure;
use squall_model::plan::Selection;
use squall_model::target::Instance;
use squall_model::traffic::Protocol;

use super::*;

/// Four workers, one of which is hit from 1 s to 6 s; `load` is read of each.
fn grouped() -> Plan {
    let names = ["w-1", "w-2", "w-3", "w-4"].map(str::to_owned);
    let mut hit = fault("a", &[(1, 6)]);
    hit.on = Some(Selection { service: "w".into(), eligible: names.to_vec(), chosen: vec!["w-2".into()] });
    let instances = names.map(|name| Instance { name, process: None });
    let mut load = measure("load");
    load.each = Some("w".into());
    load.abort = None;
    Plan {
        inventory: Inventory { services: [("w".to_owned(), instances.to_vec())].into() },
        measures: vec![load],
        ..plan(vec![hit])
    }
}

fn run(plan: Plan, sick: impl Fn(u64, bool, &str) -> bool) -> Vec<(u64, Action)> {
    let world = |second, on: &BTreeSet<FaultRef>, _: &str, instance: Option<&str>| {
        number(if sick(second, !on.is_empty(), instance.unwrap()) { 50.0 } else { 1.0 })
    };
    live_in(plan, world, |_, _| None, &[])
}

fn blames(log: &[(u64, Action)]) -> Vec<Blame> {
    events(log, |kind| match kind {
        EventKind::GroupsCompared(compared) => Some(compared.blame),
        _ => None,
    })
}

#[test]
fn the_fault_is_blamed_for_what_only_those_suffer_that_it_hits() {
    let log = run(grouped(), |_, on, name| on && name == "w-2");
    assert_eq!((verdict(&log), blames(&log)), (Verdict::Deviated, vec![Blame::Faults]));
    assert!(
        reasons(&log)[0].contains("5 of 7 readings missed, and 0 of 21 readings missed where none did"),
        "{:?}",
        reasons(&log)
    );
}

// A run whose control group is as bad as its target ends without blame.
#[test]
fn a_bad_day_of_everybody_is_nobodys_fault() {
    let log = run(grouped(), |_, on, _| on);
    assert_eq!((verdict(&log), blames(&log)), (Verdict::Inconclusive, vec![Blame::Unclear]));
    assert!(reasons(&log)[0].contains("no less where none did"), "{:?}", reasons(&log));
}

#[test]
fn a_bad_day_elsewhere_is_not_blamed_on_the_fault_either() {
    let log = run(grouped(), |_, on, name| on && name == "w-4");
    assert_eq!((verdict(&log), blames(&log)), (Verdict::Inconclusive, vec![Blame::Unclear]));
}

#[test]
fn steady_groups_hold_and_are_compared() {
    let log = run(grouped(), |_, _, _| false);
    assert_eq!((verdict(&log), blames(&log)), (Verdict::Held, vec![Blame::Needless]));
}

#[test]
fn when_everybody_is_hit_there_is_nobody_to_compare_with() {
    let mut all = grouped();
    let on = all.faults[0].on.as_mut().unwrap();
    on.chosen = on.eligible.clone();
    let log = run(all, |_, on, _| on);
    assert_eq!((verdict(&log), blames(&log)), (Verdict::Deviated, vec![]));
    assert!(reasons(&log)[0].starts_with("load of w-1"), "{:?}", reasons(&log));
}

#[test]
fn what_neither_group_recovers_from_is_nobodys_fault() {
    let log = run(grouped(), |second, _, _| second > 6);
    assert_eq!(verdict(&log), Verdict::Inconclusive);
    let log = run(grouped(), |second, _, name| second > 9 && name == "w-2");
    assert_eq!(verdict(&log), Verdict::Deviated);
}

/// Half of the requests to `w` are hit from 1 s to 6 s; `load` is read of both groups.
fn halved() -> Plan {
    let mut half = fault("a", &[(1, 6)]);
    half.fault = Fault::Traffic {
        protocol: Protocol::Http,
        toxics: vec![],
        what: "slow".into(),
        percent: Percent(50.0),
    };
    half.on = Some(Selection { service: "w".into(), eligible: vec![], chosen: vec![] });
    let mut load = measure("load");
    load.probe = Probe::Traffic { service: "w".into(), read: TrafficFigure::P95, about: vec![] };
    load.abort = None;
    Plan { measures: vec![load], ..plan(vec![half]) }
}

#[test]
fn requests_that_are_hit_are_compared_with_those_that_are_spared() {
    let log = run(halved(), |_, on, name| on && name == "hit");
    assert_eq!((verdict(&log), blames(&log)), (Verdict::Deviated, vec![Blame::Faults]));
    let log = run(halved(), |_, on, _| on);
    assert_eq!((verdict(&log), blames(&log)), (Verdict::Inconclusive, vec![Blame::Unclear]));
    let log = run(halved(), |_, on, name| on && name == "spared");
    assert_eq!((verdict(&log), blames(&log)), (Verdict::Inconclusive, vec![Blame::Unclear]));
}

// What else is done to the service, or to the host, is done to all of its requests.
#[test]
fn no_request_is_spared_by_a_fault_on_the_processes() {
    for on in [None, halved().faults[0].on.clone()] {
        let mut both = halved();
        both.faults.push(PlannedFault { on, ..fault("b", &[(1, 6)]) });
        let log = run(both, |_, on, _| on);
        assert_eq!((verdict(&log), blames(&log)), (Verdict::Deviated, vec![]));
    }
}
