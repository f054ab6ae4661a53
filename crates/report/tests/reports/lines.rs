//! Whose line is whose in the picture of one measure. U3, E4, E7.

use std::collections::BTreeMap;

use squall_model::event::{EventKind, Mode, Phase, Reading};
use squall_model::fault::Fault;
use squall_model::measure::{LoadFigure, Measure, Outcome, Probe, TrafficFigure};
use squall_model::plan::{Group, Plan};
use squall_model::stage::{Share, Stage};
use squall_model::target::Instance;
use squall_model::traffic::Protocol;
use squall_model::unit::{Percent, Quantity, Unit};
use squall_report::{Curves, Point, Summary, html};

use crate::draft::Draft;
use crate::planned::{at, measure, plan, span};

/// The lines of the only measure of a plan that is read of these, of which the named ones are slow during the faults.
fn lines(mut plan: Plan, measure: Measure, of: &[&str], slow: &[&str]) -> (Vec<Option<Group>>, String) {
    plan.measures = vec![measure];
    let mut draft = Draft::of(plan, Mode::Real);
    draft.enter(0.5, Phase::BaselineCheck);
    let read = |from: u32, during: bool, draft: &mut Draft| {
        for second in from..from + 8 {
            for name in of {
                let seconds = if during && slow.contains(name) { 0.4 } else { 0.1 };
                let reading = Reading {
                    measure: "latency".into(),
                    instance: Some((*name).into()),
                    outcome: Outcome::Value(Quantity::new(seconds, Unit::Seconds)),
                    asked: at(f64::from(second)),
                };
                draft.event(f64::from(second), EventKind::Read(reading));
            }
        }
    };
    read(1, false, &mut draft);
    draft.inject();
    read(11, true, &mut draft);
    draft.undo(30.0);
    let record = draft.record();
    let summary = Summary::of(&record);
    let curves = Curves::of(&record, &summary, Curves::PAGE);
    let drawn = &curves.measures[0].lines;
    for line in drawn {
        let seconds = |point: &Point| point.numbers.unwrap().mean;
        let of_one = line.points.iter().filter(|point| point.at >= 11.0).all(|point| {
            // What was hit was slow, and nothing else: readings of two are never in one line.
            (seconds(point) > 0.2) == (line.group == Some(Group::Hit))
        });
        assert!(of_one && line.points.len() == 16, "{line:?}");
    }
    (drawn.iter().map(|line| line.group).collect(), html(&summary, &curves).unwrap())
}

// U3: requests that a rule hit are one line, those that it spared are another.
#[test]
fn every_group_of_requests_is_a_line() {
    let mut plan = plan();
    plan.faults[0].fault = Fault::Traffic {
        protocol: Protocol::Http,
        toxics: Vec::new(),
        what: "delay 300ms".to_owned(),
        percent: Percent(50.0),
    };
    let probe = Probe::Traffic { service: "worker".to_owned(), read: TrafficFigure::P50, about: Vec::new() };
    let (sides, page) = lines(plan, measure("latency", probe, None), &["hit", "spared"], &["hit"]);
    assert_eq!(sides, [Some(Group::Control), Some(Group::Hit)]);
    assert_eq!(page.matches("class=\"curve untouched\"").count(), 1);
}

// E7, U3: an instance that only the last stage of a rollout hits is one that was hit.
#[test]
fn the_last_stage_says_whose_line_is_whose() {
    let mut plan = plan();
    let names = ["worker-1", "worker-2", "worker-3", "worker-4"];
    let instances = names.map(|name| Instance { name: name.to_owned(), process: None });
    plan.inventory.services.insert("worker".to_owned(), instances.to_vec());
    let stage = |share: f64, chosen: &[&str]| Stage {
        share: Share::Percent(Percent(share)),
        hold: span("1s"),
        gate: Vec::new(),
        rollback: Vec::new(),
        chosen: BTreeMap::from([(
            "workers".to_owned(),
            chosen.iter().map(|name| (*name).to_owned()).collect(),
        )]),
    };
    plan.stages = vec![stage(25.0, &["worker-2"]), stage(75.0, &["worker-2", "worker-4", "worker-1"])];
    let mut latency = measure("latency", Probe::Load(LoadFigure::P50), None);
    latency.each = Some("worker".to_owned());
    let (sides, _) = lines(plan, latency, &names, &["worker-1", "worker-2", "worker-4"]);
    let (hit, control) = (Some(Group::Hit), Some(Group::Control));
    assert_eq!(sides, [control, hit, hit, hit]);
}
