//! What the faults cost: stages, groups, backlog, conservation, throughput, the moment of settling. E4, E5, E7.

use std::collections::BTreeMap;

use squall_model::conservation::{Account, Conservation, Figure};
use squall_model::event::{Blame, EventKind, GroupsCompared, LoadSample, Misses, Mode, Phase, Reading};
use squall_model::measure::{Flow, LoadFigure, Outcome, Probe};
use squall_model::plan::Group;
use squall_model::record::Record;
use squall_model::stage::{Share, Stage, StageOutcome};
use squall_model::target::Instance;
use squall_model::unit::{Percent, Quantity, Unit};
use squall_report::{Curves, Summary, html, markdown};

use crate::draft::Draft;
use crate::planned::{at, at_most, measure, plan, span};

fn noise(at: u64) -> f64 {
    let mixed =
        (at + 1).wrapping_mul(6_364_136_223_846_793_005).rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

fn pages(record: &Record) -> (Summary, String, String) {
    let summary = Summary::of(record);
    let page = html(&summary, &Curves::of(record, &summary, Curves::PAGE)).unwrap();
    let words = markdown(&summary);
    (summary, page, words)
}

#[test]
fn stages_have_a_row_each_also_those_that_were_not_reached() {
    let mut plan = plan();
    plan.stages = [Share::Shadow, Share::Percent(Percent(50.0)), Share::Percent(Percent(100.0))]
        .map(|share| Stage {
            share,
            hold: span("1s"),
            gate: Vec::new(),
            rollback: Vec::new(),
            chosen: BTreeMap::new(),
        })
        .to_vec();
    let mut draft = Draft::of(plan, Mode::Real);
    draft.baseline();
    draft.steady();
    draft.event(10.0, EventKind::StageEntered { stage: 0, share: Share::Shadow });
    draft.event(20.0, EventKind::StageEnded { stage: 0, outcome: StageOutcome::Passed, reasons: Vec::new() });
    draft.event(21.0, EventKind::StageEntered { stage: 1, share: Share::Percent(Percent(50.0)) });
    let reasons = vec!["p99 was not <= 250 ms".to_owned()];
    draft.event(40.0, EventKind::StageEnded { stage: 1, outcome: StageOutcome::Failed, reasons });
    let (summary, page, words) = pages(&draft.record());
    let told: Vec<Option<StageOutcome>> = summary.stages.iter().map(|stage| stage.outcome).collect();
    assert_eq!(told, [Some(StageOutcome::Passed), Some(StageOutcome::Failed), None]);
    assert!(words.contains("| 2 | 50 % | 21.0s | 40.0s | failed: p99 was not &lt;= 250 ms |"), "{words}");
    assert!(words.contains("| 3 | 100 % | – | – | not reached |"), "{words}");
    assert!(page.contains("id=\"stages\"") && page.contains("not reached"));
    assert!(summary.findings.iter().any(|finding| finding.rule == "stage-failed"));
}

#[test]
fn what_is_lost_left_and_late_is_told_with_its_numbers() {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    let detected =
        EventKind::DeviationDetected { measure: "p99".to_owned(), instance: None, after: span("800ms") };
    draft.event(11.0, detected);
    for second in 11..30_u32 {
        // Half of what is sent is done, for ten seconds.
        let ok = if second < 21 { 10 } else { 20 };
        let sample = LoadSample { sent: 20, ok, in_flight: 2, ..LoadSample::default() };
        draft.event(f64::from(second) + 0.9, EventKind::LoadSampled(Box::new(sample)));
    }
    draft.undo(30.0);
    // 12 s at 300 ms, then at 40 ms.
    for second in 31..60_u32 {
        let level = if second < 43 { 0.3 } else { 0.04 };
        draft.number(f64::from(second), "p99", level + noise(second.into()) / 100.0, Unit::Seconds);
    }
    let number = |value: f64| Outcome::Value(Quantity::new(value, Unit::Number));
    draft.event(
        61.0,
        EventKind::BacklogLeft {
            measure: "backlog".to_owned(),
            within: span("20s"),
            now: number(31.0),
            level: number(3.0),
        },
    );
    draft.event(
        62.0,
        EventKind::ConservationJudged {
            balance: BTreeMap::from([(Figure::Sent, 480), (Figure::Done, 478), (Figure::Lost, 2)]),
            violations: vec!["2 lost".to_owned()],
            after: span("5s"),
        },
    );
    let (summary, page, words) = pages(&draft.record());
    let throughput = summary.cost.throughput.unwrap();
    assert!((throughput.lost - 100.0).abs() < 1.0, "{throughput:?}");
    let settled = summary.measure("p99").unwrap().settled.unwrap();
    assert!((settled.after - 12.8).abs() < 0.5 && settled.from > 0.29 && settled.to < 0.06, "{settled:?}");
    for told in [
        "p99 left what is expected after 800ms",
        "backlog is 31 after 20s, and was 3 before",
        "it does not add up: 2 lost (sent 480, done 478, lost 2; 5s after the load)",
        "100 of",
        "after the last undo, from 30",
    ] {
        assert!(page.contains(told), "no `{told}` in the page");
        assert!(words.contains(told), "no `{told}` in {words}");
    }
    let rules: Vec<&str> = summary.findings.iter().map(|finding| finding.rule).collect();
    assert!(rules.contains(&"not-conserved") && rules.contains(&"backlog-left"), "{rules:?}");
}

/// Four workers, two of them hit; during the faults each group is slower by so much.
fn groups(hit: f64, control: f64, blame: Blame) -> Record {
    let mut plan = plan();
    let mut each = measure("latency", Probe::Load(LoadFigure::P50), Some(at_most(0.25, Unit::Seconds)));
    each.each = Some("worker".to_owned());
    plan.measures = vec![each];
    let instances = (1..=4).map(|number| Instance { name: format!("worker-{number}"), process: None });
    plan.inventory.services.insert("worker".to_owned(), instances.collect());
    let mut draft = Draft::of(plan, Mode::Real);
    draft.enter(0.5, Phase::BaselineCheck);
    let mut round = 0;
    let mut read = |from: f64, during: bool, draft: &mut Draft| {
        for tick in 0..30_u32 {
            for worker in 1..=4_u64 {
                round += 1;
                let slower = match (during, worker % 2 == 0) {
                    (false, _) => 0.0,
                    (true, true) => hit,
                    (true, false) => control,
                };
                let asked = at(from + f64::from(tick) / 10.0);
                let value = Quantity::new(0.1 + slower + noise(round) / 50.0, Unit::Seconds);
                let reading = Reading {
                    measure: "latency".into(),
                    instance: Some(format!("worker-{worker}").into()),
                    outcome: Outcome::Value(value),
                    asked,
                };
                draft.event(asked.seconds() + 0.01, EventKind::Read(reading));
            }
        }
    };
    read(1.0, false, &mut draft);
    draft.inject();
    read(11.0, true, &mut draft);
    draft.undo(30.0);
    let misses = |missed| Misses { missed, readings: 60 };
    draft.event(
        30.5,
        EventKind::GroupsCompared(GroupsCompared {
            measure: "latency".to_owned(),
            stage: None,
            hit: misses(60),
            control: misses(if blame == Blame::Unclear { 60 } else { 0 }),
            blame,
        }),
    );
    draft.record()
}

#[test]
fn the_untouched_instances_show_what_the_fault_is_to_blame_for() {
    let (summary, page, words) = pages(&groups(0.2, 0.0, Blame::Faults));
    let found = summary.measures[0].groups.as_ref().unwrap();
    assert_eq!(found.hit, ["worker-2", "worker-4"]);
    assert_eq!(found.control, ["worker-1", "worker-3"]);
    let net = found.net.effect().unwrap();
    assert!(found.corrected.unwrap() < 0.001 && net.low > 0.18 && net.high < 0.22, "{found:?}");
    let mean = found.mean.unwrap();
    assert!(mean.low > 0.18 && mean.high < 0.22, "{mean:?}");
    let told = "the instances that were hit changed by +200 ms more than the untouched ones";
    assert!(page.contains(told) && words.contains(told), "{words}");

    // A bad day elsewhere: both groups are slower.
    let (summary, _, words) = pages(&groups(0.2, 0.2, Blame::Unclear));
    let found = summary.measures[0].groups.as_ref().unwrap();
    assert!(found.corrected.unwrap() > 0.05, "{found:?}");
    assert!(words.contains("which could be chance"), "{words}");
    let finding = summary.findings.iter().find(|finding| finding.rule == "not-to-blame").unwrap();
    assert_eq!(finding.title, "latency was as bad where no fault hit");
}

// U3: each instance has a line of its own, and untouched ones look otherwise. In one line they would be a saw.
#[test]
fn every_instance_is_a_line_and_the_untouched_ones_are_told_apart() {
    let record = groups(0.2, 0.0, Blame::Faults);
    let summary = Summary::of(&record);
    let curves = Curves::of(&record, &summary, Curves::PAGE);
    let lines = &curves.measures[0].lines;
    let sides: Vec<Option<Group>> = lines.iter().map(|line| line.group).collect();
    let (hit, control) = (Some(Group::Hit), Some(Group::Control));
    assert_eq!(sides, [control, control, hit, hit], "what was hit is drawn last, above the others");
    for line in lines {
        let during =
            line.points.iter().filter(|point| point.at >= 11.0).map(|point| point.numbers.unwrap().mean);
        let slowed = during.map(|mean| mean > 0.25).collect::<Vec<_>>();
        assert_eq!(slowed, [line.group == hit; 30]);
    }
    let page = html(&summary, &curves).unwrap();
    assert_eq!(page.matches("class=\"curve untouched\"").count(), 2);
    assert!(page.contains("where no fault hit</span>"), "the key says what the dashes are");
}

/// A measure that is read once a second, from 1 s to 40 s, and what it reads.
fn counted(flow: Flow, each: Option<&str>, read: impl Fn(u32, Option<&str>) -> Outcome) -> Record {
    let mut plan = plan();
    let mut done = measure("done", Probe::Load(LoadFigure::Rate), None);
    done.throughput = Some(flow);
    done.each = each.map(str::to_owned);
    plan.measures = vec![done];
    let mut draft = Draft::of(plan, Mode::Real);
    draft.enter(0.5, Phase::BaselineCheck);
    let second = |from: u32, until: u32, draft: &mut Draft| {
        for second in from..until {
            let instances = if each.is_some() { vec![Some("w-1"), Some("w-2")] } else { vec![None] };
            for instance in instances {
                let reading = Reading {
                    measure: "done".into(),
                    instance: instance.map(Into::into),
                    outcome: read(second, instance),
                    asked: at(f64::from(second)),
                };
                draft.event(f64::from(second), EventKind::Read(reading));
            }
        }
    };
    second(1, 11, &mut draft);
    draft.inject();
    second(11, 31, &mut draft);
    draft.undo(31.0);
    second(31, 36, &mut draft);
    draft.event(36.0, EventKind::Recovered { first: span("1s"), steady: span("2s") });
    // Then the load has ended, and nothing is done any more: that is no loss.
    second(37, 60, &mut draft);
    draft.record()
}

fn number(value: f64) -> Outcome {
    Outcome::Value(Quantity::new(value, Unit::Number))
}

// E5: without any load of squall's, what a measure counts is as good. 20/s before; half of it for ten seconds of the
// faults, and half more for four.
#[test]
fn what_a_measure_says_that_was_not_done_is_told() {
    let rate = |second: u32| match second {
        11..=20 => 10.0,
        21..=24 => 30.0,
        37.. => 0.0,
        _ => 20.0,
    };
    let total = |second: u32| (0..=second).map(rate).sum::<f64>();
    // A counter begins again at 0 with a restart, in the same second in which it counts on.
    let restarted = |second: u32| if second > 27 { total(second) - total(27) } else { total(second) };
    for (flow, record) in [
        (Flow::Rate, counted(Flow::Rate, None, |second, _| number(rate(second)))),
        (Flow::Count, counted(Flow::Count, None, |second, _| number(rate(second)))),
        (Flow::Total, counted(Flow::Total, None, |second, _| number(restarted(second)))),
    ] {
        let (summary, page, words) = pages(&record);
        let [measured] = &summary.cost.measured[..] else { panic!("{:?}", summary.cost) };
        assert!((measured.level - 20.0).abs() < 1e-9, "{flow:?}: {measured:?}");
        assert!(
            (measured.lost - 100.0).abs() < 1e-6 && (measured.gained - 40.0).abs() < 1e-6,
            "{flow:?}: {measured:?}"
        );
        assert!(
            (measured.wanted - 500.0).abs() < 1e-6 && measured.unknown.abs() < 1e-9,
            "{flow:?}: {measured:?}"
        );
        let told = "done: 100 of 500 (20 %), at 20/s before; 40 caught up with";
        assert!(words.contains(told) && page.contains("done: 100 of 500 (20 %)"), "{words}");
    }
}

// A count is of the time since the reading before, however long that was.
#[test]
fn counts_are_divided_by_their_time() {
    let record = counted(Flow::Count, None, |second, _| number(if second < 11 { 20.0 } else { 10.0 }));
    let mut slow = record.clone();
    slow.events.retain(|event| match &event.kind {
        EventKind::Read(reading) => (reading.asked.seconds() as u32).is_multiple_of(2),
        _ => true,
    });
    let measured = &pages(&slow).0.cost.measured[0];
    assert!((measured.level - 10.0).abs() < 1e-9, "20 in two seconds: {measured:?}");
    assert!((measured.lost - 120.0).abs() < 1e-6 && (measured.wanted - 240.0).abs() < 1e-6, "{measured:?}");
}

// What could not be read is not counted as lost, and not as done.
#[test]
fn seconds_of_which_nothing_is_known_are_said() {
    let blind = |second: u32| (14..18).contains(&second);
    let of = |flow, value: fn(u32) -> f64| {
        let record = counted(flow, None, |second, _| {
            if blind(second) { Outcome::Unreadable("timed out".to_owned()) } else { number(value(second)) }
        });
        let (summary, _, words) = pages(&record);
        (summary.cost.measured[0].clone(), words)
    };
    let (measured, words) = of(Flow::Count, |_| 5.0);
    assert!(measured.lost.abs() < 1e-9 && (measured.unknown - 4.0).abs() < 1e-9, "{measured:?}");
    assert!(words.contains("nothing is known of 4 s"), "{words}");
    // A counter makes up for it.
    let (measured, _) = of(Flow::Total, |second| f64::from(second) * 5.0);
    assert!(measured.lost.abs() < 1e-9 && measured.unknown.abs() < 1e-9, "{measured:?}");
    assert!((measured.wanted - 125.0).abs() < 1e-6, "{measured:?}");
}

#[test]
fn instances_are_summed_up_each_against_its_own_level() {
    let record = counted(Flow::Rate, Some("worker"), |second, instance| {
        let usual = if instance == Some("w-1") { 30.0 } else { 10.0 };
        number(if instance == Some("w-1") && (11..21).contains(&second) { 0.0 } else { usual })
    });
    let (summary, ..) = pages(&record);
    let measured = &summary.cost.measured[0];
    assert!((measured.level - 40.0).abs() < 1e-9 && (measured.lost - 300.0).abs() < 1e-6, "{measured:?}");
    // Nothing is said where nothing was counted, or before any fault.
    let silent = counted(Flow::Rate, None, |_, _| Outcome::Absent);
    assert!(pages(&silent).0.cost.measured.is_empty());
}

// E5: a run that ended before its work was accounted for says so, with what is known.
#[test]
fn work_that_nobody_accounted_for_is_said() {
    let mut plan = plan();
    let figures = BTreeMap::from([(Figure::Sent, "sent".to_owned()), (Figure::Done, "done".to_owned())]);
    plan.conservation = Some(Conservation {
        account: Account::Measures(figures),
        within: span("5s"),
        allow: BTreeMap::new(),
    });
    let mut draft = Draft::of(plan, Mode::Real);
    draft.baseline();
    draft.steady();
    let before = pages(&draft.record()).2;
    assert!(!before.contains("not judged"), "nothing was broken: {before}");
    draft.inject();
    let counts = BTreeMap::from([(Figure::Sent, 480), (Figure::Done, 470)]);
    draft.event(20.0, EventKind::LedgerRead { asked: at(20.0), counts });
    draft.event(21.0, EventKind::HaltRequested { by: "SIGINT".to_owned() });
    draft.undo(22.0);
    let (_, page, words) = pages(&draft.record());
    let told = "not judged: the run ended before that; at the last look sent 480, done 470";
    assert!(words.contains(told) && page.contains(told), "{words}");
}
