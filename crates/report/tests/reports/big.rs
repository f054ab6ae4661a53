//! A record of ten hours at twenty readings a second.

use squall_model::event::{Event, EventKind, Mode, Phase, Reading};
use squall_model::measure::{Expect, LoadFigure, Outcome, Probe};
use squall_model::name::Name;
use squall_model::record::Record;
use squall_model::unit::{Quantity, Unit};
use squall_model::verdict::Verdict;
use squall_report::{Curves, Summary, html, json, junit, markdown};

use crate::draft::Draft;
use crate::planned::{at, at_most, measure, plan};

const MEASURES: u32 = 20;
const SECONDS: u32 = 36_000;

fn ten_hours() -> Record {
    let mut plan = plan();
    plan.measures = (0..MEASURES)
        .map(|number| {
            let name = format!("measure {number}");
            if number == 0 {
                return measure(
                    &name,
                    Probe::Load(LoadFigure::P50),
                    Some(Expect::Matches("^(ok|fine)+$".to_owned())),
                );
            }
            measure(&name, Probe::Load(LoadFigure::P99), Some(at_most(0.25, Unit::Seconds)))
        })
        .collect();
    let mut draft = Draft::of(plan, Mode::Real);
    draft.enter(0.5, Phase::BaselineCheck);
    draft.inject();
    let mut record = draft.record();
    let names: Vec<Name> =
        record.start.plan.measures.iter().map(|measure| measure.name.as_str().into()).collect();
    let mut noise = 1_u32;
    for second in 11..SECONDS {
        for (number, name) in names.iter().enumerate() {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = f64::from(noise >> 8) / f64::from(1 << 24) * 0.3;
            let outcome = match noise % 1_009 {
                0 => Outcome::Unreadable("timed out after 500ms".to_owned()),
                _ if number == 0 => Outcome::Text("ok".to_owned()),
                _ => Outcome::Value(Quantity::new(value, Unit::Seconds)),
            };
            let asked = at(f64::from(second) + number as f64 / f64::from(MEASURES));
            let reading = Reading { measure: name.clone(), instance: None, outcome, asked };
            record.events.push(Event { at: asked, kind: EventKind::Read(reading) });
        }
    }
    record.events.push(Event {
        at: at(f64::from(SECONDS)),
        kind: EventKind::RunEnded {
            verdict: Verdict::Deviated,
            sentence: "it was a long day".to_owned(),
            reasons: Vec::new(),
            left: Vec::new(),
        },
    });
    record
}

// U3: a day's work still opens in a browser.
#[test]
fn ten_hours_at_twenty_readings_a_second_stay_small() {
    let record = ten_hours();
    let summary = Summary::of(&record);
    let read: u64 =
        summary.measures.iter().map(|measure| measure.before.n + measure.during.n + measure.after.n).sum();
    assert_eq!(read, u64::from(MEASURES * (SECONDS - 11)));
    let curves = Curves::of(&record, &summary, Curves::PAGE);
    assert!(
        curves
            .measures
            .iter()
            .flat_map(|curve| &curve.lines)
            .all(|line| line.points.len() <= Curves::PAGE + 1)
    );
    // Thinning loses no reading and no extreme.
    let (first, known) = (&curves.measures[1], summary.measure("measure 1").unwrap());
    assert_eq!(first.points().map(|point| u64::from(point.readings)).sum::<u64>(), known.during.n);
    let high = first.points().filter_map(|point| point.numbers).map(|range| range.high).fold(0.0, f64::max);
    assert!((high - known.during.numbers.unwrap().max).abs() < 1e-12);

    let page = html(&summary, &curves).unwrap();
    assert!(page.len() < 3 << 20, "{} bytes", page.len());
    for output in [json(&summary), junit(&summary), markdown(&summary)] {
        assert!(output.len() < 1 << 20, "{} bytes", output.len());
    }
}

// U3: a record of a million readings must fit into memory.
#[test]
fn readings_of_a_measure_share_its_name() {
    let mut draft = Draft::of(plan(), Mode::Real);
    let name = |instance: &str| Reading {
        measure: "p99".into(),
        instance: Some(instance.into()),
        outcome: Outcome::Absent,
        asked: at(1.0),
    };
    for instance in ["w-1", "w-2", "w-1"] {
        draft.event(1.0, EventKind::Read(name(instance)));
    }
    let record = draft.record();
    let readings: Vec<&Reading> = record
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Read(reading) => Some(reading),
            _ => None,
        })
        .collect();
    let [one, other, third] = readings[..] else { panic!("{readings:?}") };
    let place = |reading: &Reading| reading.instance.as_ref().unwrap().as_ptr();
    assert_eq!((one.measure.as_ptr(), place(one)), (third.measure.as_ptr(), place(third)));
    assert_eq!(one.measure.as_ptr(), other.measure.as_ptr());
    assert_eq!(
        (other.instance.as_ref().unwrap().as_str(), third.instance.as_ref().unwrap().as_str()),
        ("w-2", "w-1")
    );
}
