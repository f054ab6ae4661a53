//! Two runs beside each other. E6.

use squall_model::event::{EventKind, Mode};
use squall_model::measure::{Compare, Expect, Limit, LoadFigure, Outcome, Probe};
use squall_model::record::{Record, Torn};
use squall_model::unit::{Percent, Quantity, Unit};
use squall_model::verdict::Verdict;
use squall_report::{RunsCompared, Worse};

use crate::draft::Draft;
use crate::planned::{at_most, measure, plan};
use crate::record::held;

/// Readings without memory around 1, the same for the same seed.
fn noise(n: usize, mut state: u64) -> Vec<f64> {
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        0.9 + (state >> 11) as f64 / (1_u64 << 53) as f64 / 5.0
    };
    (0..n).map(next).collect()
}

/// A run whose latency and rate during the faults are these; everything else is the same in all runs.
fn run(id: &str, seed: u64, latency: f64, rate: f64) -> Record {
    let mut plan = plan();
    plan.measures = vec![
        measure("latency", Probe::Load(LoadFigure::P50), Some(at_most(9.0, Unit::Seconds))),
        measure(
            "rate",
            Probe::Load(LoadFigure::Rate),
            Some(Expect::Is {
                compare: Compare::AtLeast,
                limit: Limit::Absolute(Quantity::new(1.0, Unit::PerSecond)),
            }),
        ),
        measure("size", Probe::Load(LoadFigure::InFlight), None),
    ];
    let mut draft = Draft::of(plan, Mode::Real);
    draft.enter(0.5, squall_model::event::Phase::BaselineCheck);
    let read = |from: f64, seed: u64, latency: f64, rate: f64, draft: &mut Draft| {
        for (at, noise) in noise(40, seed).into_iter().enumerate() {
            let at = from + at as f64 / 10.0;
            draft.number(at, "latency", latency * noise, Unit::Seconds);
            draft.number(at + 0.01, "rate", rate * noise, Unit::PerSecond);
            draft.number(at + 0.02, "size", latency * 100.0 * noise, Unit::Number);
        }
    };
    read(1.0, seed, 0.1, 50.0, &mut draft);
    draft.inject();
    read(11.0, seed + 1, latency, rate, &mut draft);
    draft.undo(30.0);
    read(31.0, seed + 2, 0.1, 50.0, &mut draft);
    draft.event(
        40.0,
        EventKind::RunEnded {
            verdict: Verdict::Held,
            sentence: "it held".to_owned(),
            reasons: Vec::new(),
            left: Vec::new(),
        },
    );
    let mut record = draft.record();
    record.start.run = id.parse().unwrap();
    record
}

fn compare(reference: &Record, run: &Record) -> RunsCompared {
    RunsCompared::of(reference, run, RunsCompared::MARGIN)
}

fn found(compared: &RunsCompared) -> Vec<(String, Worse)> {
    let moved = compared.differences.iter().filter(|difference| difference.worse != Worse::Same);
    moved
        .map(|difference| (format!("{} {}", difference.measure, difference.period), difference.worse))
        .collect()
}

#[test]
fn a_run_like_the_one_before_is_not_worse() {
    let compared = compare(&run("0190a1", 1, 0.2, 40.0), &run("0190a2", 10, 0.2, 40.0));
    assert_eq!((compared.worse, found(&compared)), (Worse::Same, Vec::new()), "{}", compared.text());
    assert_eq!(compared.sentence, "nothing got worse by more than 5 % so that it could be told from chance");
    assert!(compared.unlike.is_empty(), "{:?}", compared.unlike);
}

// Which side is worse, the expectation says: less latency and more rate are wished for, of the size nothing is said.
#[test]
fn what_got_worse_is_said_with_its_interval() {
    let compared = compare(&run("0190a1", 1, 0.2, 40.0), &run("0190a2", 10, 0.3, 30.0));
    assert_eq!(
        found(&compared),
        [
            ("latency during".to_owned(), Worse::Worse),
            ("rate during".to_owned(), Worse::Worse),
            ("size during".to_owned(), Worse::Changed),
        ]
    );
    assert_eq!(compared.worse, Worse::Worse);
    assert!(
        compared
            .sentence
            .starts_with("it got worse: latency during the faults rose from 198 ms to 299 ms (+98.6 ms")
            && compared.sentence.contains("95 % interval"),
        "{}",
        compared.sentence
    );
    assert!(compared.markdown().contains("## ❌ Worse"), "{}", compared.markdown());
    let back = compare(&run("0190a2", 10, 0.3, 30.0), &run("0190a1", 1, 0.2, 40.0));
    assert_eq!(back.worse, Worse::Better, "{}", back.text());
}

// Many readings make a small difference sure, not bad.
#[test]
fn what_moved_by_less_than_the_margin_is_not_worse() {
    let (reference, slower) = (run("0190a1", 1, 0.2, 40.0), run("0190a2", 1, 0.206, 40.0));
    assert_eq!(compare(&reference, &slower).worse, Worse::Same);
    // The shift is beyond the margin, but not all of its interval.
    let perhaps = compare(&reference, &run("0190a2", 10, 0.213, 40.0));
    let during = perhaps
        .differences
        .iter()
        .find(|one| one.measure == "latency" && one.period == squall_report::Period::During)
        .unwrap();
    let effect = during.effect().unwrap();
    assert!(effect.shift > 0.01 && effect.low > 0.0 && effect.low < 0.009, "{during:?}");
    assert_eq!(during.worse, Worse::Same, "{}", during.sentence);
    let much = RunsCompared::of(&reference, &run("0190a2", 1, 0.26, 40.0), Percent(50.0));
    assert_eq!(much.worse, Worse::Same, "{}", much.text());
    assert!(much.text().contains("moved by less than 50 %"), "{}", much.text());
}

#[test]
fn a_verdict_that_is_no_longer_held_is_worse_whatever_the_numbers_say() {
    let reference = run("0190a1", 1, 0.2, 40.0);
    let mut deviated = run("0190a2", 10, 0.2, 40.0);
    if let Some(EventKind::RunEnded { verdict, .. }) = deviated.events.last_mut().map(|event| &mut event.kind)
    {
        *verdict = Verdict::Deviated;
    }
    let compared = compare(&reference, &deviated);
    assert_eq!(compared.worse, Worse::Worse);
    assert_eq!(compared.sentence, "it got worse: verdict was HELD, now DEVIATED");
}

// S9: readings that could not be taken are misses; a probe that is blind half of the time is no better run.
#[test]
fn more_readings_that_missed_are_worse() {
    let reference = run("0190a1", 1, 0.2, 40.0);
    let mut blind = run("0190a2", 10, 0.2, 40.0);
    let mut number = 0;
    for event in &mut blind.events {
        if let EventKind::Read(reading) = &mut event.kind
            && reading.measure == "latency"
            && (11.0..20.0).contains(&reading.asked.seconds())
        {
            number += 1;
            if [0, 1, 3].contains(&(number % 5)) {
                reading.outcome = Outcome::Unreadable("timed out".to_owned());
            }
        }
    }
    let compared = compare(&reference, &blind);
    assert_eq!(compared.worse, Worse::Worse, "{}", compared.text());
    assert!(
        compared.sentence.contains("the share of misses of latency during the faults rose from 0 % to 60 %"),
        "{}",
        compared.sentence
    );
}

/// A run of so many measures, of which the first one has this level during the faults, and all others 0.1 s.
fn many(id: &str, seed: u64, measures: u64, level: f64) -> Record {
    let mut plan = plan();
    let name = |number: u64| format!("m{number}");
    plan.measures = (0..measures)
        .map(|number| measure(&name(number), Probe::Load(LoadFigure::P50), Some(at_most(9.0, Unit::Seconds))))
        .collect();
    let mut draft = Draft::of(plan, Mode::Real);
    draft.enter(0.5, squall_model::event::Phase::BaselineCheck);
    let read = |from: f64, draft: &mut Draft| {
        for number in 0..measures {
            let level = if number == 0 && from > 10.0 { level } else { 0.1 };
            for (at, noise) in noise(40, seed + number * 1_000 + from as u64).into_iter().enumerate() {
                draft.number(from + at as f64 / 10.0, &name(number), level * noise, Unit::Seconds);
            }
        }
    };
    read(1.0, &mut draft);
    draft.inject();
    read(11.0, &mut draft);
    draft.undo(30.0);
    let mut record = draft.record();
    record.start.run = id.parse().unwrap();
    record
}

// Among many measures one seems to move by chance: it counts only where it is sure among all of them (Holm).
#[test]
fn what_is_sure_alone_is_not_sure_among_many() {
    let worse = |measures: u64| {
        let (one, other) = (many("0190a1", 1, measures, 0.1), many("0190a2", 500, measures, 0.105));
        let compared = RunsCompared::of(&one, &other, Percent(0.0));
        let first = compared.differences.iter().find(|difference| {
            difference.measure == "m0" && difference.period == squall_report::Period::During
        });
        let first = first.unwrap().clone();
        (first.effect().unwrap().p, first.worse)
    };
    let (alone, among) = (worse(1), worse(20));
    assert!(alone.0 < 0.02 && (alone.0 - among.0).abs() < 1e-12, "the same readings: {alone:?} {among:?}");
    assert_eq!((alone.1, among.1), (Worse::Worse, Worse::Same), "{alone:?} {among:?}");
}

#[test]
fn what_makes_runs_unlike_is_named() {
    let reference = run("0190a1", 1, 0.2, 40.0);
    let mut other = run("0190a2", 10, 0.2, 40.0);
    other.start.plan.digest = "ffffffff".to_owned();
    other.start.plan.target.environment = "staging".to_owned();
    other.start.mode = Mode::Dry;
    other.start.host.insert("cores".to_owned(), "16".to_owned());
    other.events.pop();
    other.torn = Torn::Yes;
    let compared = compare(&reference, &other);
    assert_eq!(
        compared.unlike,
        [
            "another environment: local, now staging",
            "another version of the file: 1a2b3c4d, now ffffffff",
            "another kind of run: with faults, now a dry run",
            "another host, cores: 2, now 16",
            "run 0190a2 did not end: what is in its record up to 34.9s is compared",
        ]
    );
    // Nothing in common: the caller says so.
    assert!(compare(&held(), &reference).differences.is_empty());
}

#[test]
fn few_readings_are_not_judged() {
    let short = |id: &str, seed| {
        let mut record = run(id, seed, 0.2, 40.0);
        record.events.retain(|event| match &event.kind {
            EventKind::Read(reading) => {
                reading.asked.seconds().fract() < 0.05 && reading.asked.seconds() < 14.0
            }
            _ => true,
        });
        record
    };
    let compared = compare(&short("0190a1", 1), &short("0190a2", 9));
    assert_eq!(compared.worse, Worse::Unknown, "{}", compared.text());
    assert_eq!(compared.sentence, "nothing could be told: there are too few readings");
}
