//! Measures: the probe, what is expected, when it is judged and how often it is read.

use std::time::Duration;

use squall_model::measure::{Abort, Flow, Judged, Measure, Probe};
use squall_model::unit::{Percent, Span, Unit};

use crate::code::Code;
use crate::document::experiment::{MeasureDocument, SteadyDocument};
use crate::mistake::{At, Mistake};
use crate::notes::Notes;
use crate::plan::expect::{Reads, expect};
use crate::plan::probe::{OWN, Surroundings, probe};
use crate::plan::{abort, text};
use crate::shape::OrText;

/// Time between two readings where nothing is said.
pub(crate) const EVERY: Span = Span::seconds(1);
const LONGEST_TIMEOUT: Span = Span::seconds(5);
const CONSECUTIVE: u32 = 2;

/// Quicker than this, reading is a load of its own.
const QUICKEST: Duration = Duration::from_millis(10);

/// A measure, and what it reads: conditions are compared with that.
pub(crate) struct Planned {
    pub(crate) measure: Measure,
    pub(crate) reads: Reads,
}

/// Every measure that could be read.
pub(crate) fn measures(
    steady: &SteadyDocument,
    around: &Surroundings<'_>,
    notes: &mut Notes<'_>,
) -> Vec<Planned> {
    let every = steady.every.as_ref().map_or(EVERY, |every| every.value);
    if let Some(written) = &steady.every {
        quick_enough(written, notes);
    }
    let Some(map) = &steady.measures else { return Vec::new() };
    let mut planned = Vec::new();
    for (name, written) in &map.value.0 {
        let named = text::name(name, "a measure", notes);
        if let Some(measure) =
            written.as_ref().and_then(|written| measure(name, written, every, around, notes))
            && named
        {
            planned.push(measure);
        }
    }
    planned
}

fn quick_enough(every: &At<Span>, notes: &mut Notes<'_>) -> bool {
    if every.value.0 >= QUICKEST {
        return true;
    }
    let mistake = Mistake::new(
        Code::OutOfRange,
        format!("{} between two readings is too little", every.value),
        every.place,
        "too often",
    );
    notes.mistake(mistake.help("at least 10ms: quicker reading is a load of its own"));
    false
}

fn measure(
    name: &At<String>,
    written: &MeasureDocument,
    every: Span,
    around: &Surroundings<'_>,
    notes: &mut Notes<'_>,
) -> Option<Planned> {
    if let Some(own) = &written.every {
        quick_enough(own, notes);
    }
    let every = written.every.as_ref().map_or(every, |every| every.value);
    let timeout = timeout(written, every, notes);
    let each = written.each.as_ref();
    let is_known = each.is_none_or(|each| is_service(each, around, notes));
    let read = probe(
        &written.probe,
        &Surroundings { each, http_default: around.http_default.clone(), ..*around },
        notes,
    );
    let read = read.filter(|(probe, _)| is_known && each.is_none_or(|each| differs(each, probe, notes)));
    unjudged(name, written, notes);
    let (probe, reads) = read?;
    if matches!(probe, Probe::Prometheus { .. }) && written.lag.is_none() {
        let lint = Mistake::new(
            Code::NoLag,
            "nothing says how old the answers of Prometheus are",
            name.place,
            "no `lag`",
        );
        notes.lint(lint.help("set it to the scrape interval: `lag: 15s`"));
    }
    let expected = written.expect.as_ref().map(|text| expect(text, reads, notes));
    let aborts = written.abort.as_ref().map(|abort| threshold(abort, reads, notes));
    if let (Some(Some(expected)), Some(Some((threshold, place)))) = (&expected, &aborts)
        && abort::overlap(expected, &threshold.when)
    {
        let message = format!("`{}` would abort while `{expected}` still holds", threshold.when);
        let mut mistake = Mistake::new(Code::AbortTooLoose, message, *place, "reached while all is well");
        if let Some(expect) = &written.expect {
            mistake = mistake.related(expect.place, "what is expected");
        }
        notes.mistake(
            mistake.help("choose a threshold that can only be reached when the expectation is missed"),
        );
    }
    let judged = judged(
        written,
        expected.as_ref().is_some_and(|e| e.as_ref().is_some_and(squall_model::measure::Expect::is_relative)),
        notes,
    );
    let measure = Measure {
        name: name.value.clone(),
        each: written.each.as_ref().map(|each| each.value.clone()),
        probe,
        expect: expected.map_or(Some(None), |expect| expect.map(Some))?,
        abort: aborts.map_or(Some(None), |abort| abort.map(|(abort, _)| Some(abort)))?,
        allow: written.allow.as_ref().map_or(Percent(0.0), |allow| allow.value),
        judged,
        every,
        timeout,
        lag: written.lag.as_ref().map_or(Span::ZERO, |lag| lag.value),
        throughput: written
            .throughput
            .as_ref()
            .filter(|flow| flows(flow, reads, notes))
            .map(|flow| flow.value),
    };
    Some(Planned { measure, reads })
}

/// Whether numbers of that unit can say what a system gets done.
fn flows(flow: &At<Flow>, reads: Reads, notes: &mut Notes<'_>) -> bool {
    let what = match (reads, flow.value) {
        (Reads::Text, _) => "a text".to_owned(),
        (Reads::Number(unit) | Reads::Either(unit), flow) => match (unit, flow) {
            (Unit::PerSecond, Flow::Rate) | (Unit::Number | Unit::Bytes, _) => return true,
            (Unit::PerSecond, Flow::Count | Flow::Total) => "a rate already".to_owned(),
            (Unit::Seconds, _) => "a time".to_owned(),
            (Unit::Percent, _) => "a share".to_owned(),
        },
    };
    let message = format!("what is read is {what}, and does not count what is done");
    let mistake = Mistake::new(Code::WrongUnit, message, flow.place, what);
    notes.mistake(mistake.help("`rate` is for rates, `count` and `total` for numbers and bytes"));
    false
}

/// Whether there is such a service.
fn is_service(each: &At<String>, around: &Surroundings<'_>, notes: &mut Notes<'_>) -> bool {
    match around.services.filter(|services| !services.contains(&each.value)) {
        None => true,
        Some(services) => {
            notes.unknown(Code::UnknownService, "service", &each.value, each.place, services);
            false
        }
    }
}

/// Whether the instances can be told apart by what is read.
fn differs(each: &At<String>, probe: &Probe, notes: &mut Notes<'_>) -> bool {
    let names_instance = || {
        // The one form in which every text of every probe can be looked at.
        let written = serde_json::to_string(probe).unwrap_or_default();
        OWN.iter().any(|word| written.contains(&format!("{{{word}}}")))
    };
    let help = match probe {
        Probe::Process { .. } => return true,
        Probe::Load(_) | Probe::Queue { .. } => {
            "leave `each` out: there is one of it for all instances".to_owned()
        }
        Probe::Traffic { .. } => {
            "leave `each` out: it is read of the requests that are hit and of those that are spared"
                .to_owned()
        }
        _ if names_instance() => return true,
        _ => {
            format!("say where the instance comes in: {}", OWN.map(|word| format!("`{{{word}}}`")).join(", "))
        }
    };
    let mistake = Mistake::new(
        Code::EachElsewhere,
        format!("every instance of `{}` would have the same reading", each.value),
        each.place,
        "nothing names the instance",
    );
    notes.mistake(mistake.help(help));
    false
}

fn timeout(written: &MeasureDocument, every: Span, notes: &mut Notes<'_>) -> Span {
    let Some(timeout) = &written.timeout else { return every.min(LONGEST_TIMEOUT) };
    if timeout.value.is_zero() {
        notes.mistake(Mistake::new(
            Code::Zero,
            "a timeout of zero lets nothing be read",
            timeout.place,
            "zero",
        ));
    } else if timeout.value > every {
        let message =
            format!("the timeout of {} is longer than the {every} between two readings", timeout.value);
        let mistake = Mistake::new(Code::TimeoutTooLong, message, timeout.place, "too long");
        notes.mistake(mistake.help(format!("write `timeout: {every}` at most, or a longer `every`")));
    }
    timeout.value
}

pub(crate) fn threshold(
    written: &OrText<crate::document::experiment::AbortDocument>,
    reads: Reads,
    notes: &mut Notes<'_>,
) -> Option<(Abort, crate::mistake::Place)> {
    let (when, consecutive) = match written {
        OrText::Text(when) => (when, None),
        OrText::Full(At { value, .. }) => (&value.when, value.consecutive.as_ref()),
    };
    if let Some(zero) = consecutive.filter(|at| at.value == 0) {
        notes.mistake(Mistake::new(
            Code::Zero,
            "no breach at all cannot end a run",
            zero.place,
            "at least 1",
        ));
    }
    let consecutive = consecutive.map_or(CONSECUTIVE, |at| at.value);
    Some((Abort { when: expect(when, reads, notes)?, consecutive }, when.place))
}

fn unjudged(name: &At<String>, written: &MeasureDocument, notes: &mut Notes<'_>) {
    if written.expect.is_some() {
        judges_nothing(written, notes);
        return;
    }
    let judging = [
        written.allow.as_ref().map(|at| ("allow", at.place)),
        written.judge.as_ref().and_then(|list| list.value.first()).map(|at| ("judge", at.place)),
    ];
    for (key, place) in judging.into_iter().flatten() {
        let mistake = Mistake::new(
            Code::JudgesNothing,
            format!("`{key}` without `expect` judges nothing"),
            place,
            "there is no expectation",
        );
        notes.mistake(mistake.help("add `expect:` to the measure, or leave this out"));
    }
    if written.abort.is_none() && written.throughput.is_none() {
        notes.lint(
            Mistake::new(
                Code::Unjudged,
                format!("`{}` is only recorded", name.value),
                name.place,
                "no `expect`",
            )
            .help("add `expect:` when it should count"),
        );
    }
}

fn judges_nothing(written: &MeasureDocument, notes: &mut Notes<'_>) {
    if let Some(all) = written.allow.as_ref().filter(|allow| allow.value.0 >= 100.0) {
        let mistake = Mistake::new(
            Code::JudgesNothing,
            "with 100 % allowed no reading can miss",
            all.place,
            "all of them",
        );
        notes.mistake(mistake.help("write less, or leave `expect` out to only record the measure"));
    }
    if let Some(empty) = written.judge.as_ref().filter(|judge| judge.value.is_empty()) {
        let mistake = Mistake::new(
            Code::JudgesNothing,
            "the expectation counts in no phase",
            empty.place,
            "an empty list",
        );
        notes.mistake(
            mistake.help("leave `judge` out for all phases, or `expect` to only record the measure"),
        );
    }
}

fn judged(written: &MeasureDocument, relative: bool, notes: &mut Notes<'_>) -> Vec<Judged> {
    let all = [Judged::Before, Judged::During, Judged::After];
    let mut chosen: Vec<Judged> = match &written.judge {
        None => all.to_vec(),
        Some(At { value: list, .. }) => {
            all.into_iter().filter(|phase| list.iter().any(|at| at.value == *phase)).collect()
        }
    };
    if relative {
        chosen.retain(|phase| *phase != Judged::Before);
        if let (true, Some(first)) =
            (chosen.is_empty(), written.judge.as_ref().and_then(|list| list.value.first()))
        {
            let message = "a limit relative to the baseline cannot be judged in the baseline";
            let mistake =
                Mistake::new(Code::RelativeBefore, message, first.place, "compares the baseline with itself");
            notes.mistake(mistake.help("judge it `during` or `after`, or write an absolute limit"));
        }
    }
    chosen
}
