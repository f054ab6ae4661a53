//! The picture that matters: faults as bands and readings as curves on one time axis.

use squall_model::event::Phase;
use squall_model::plan::Plan;

use super::marks::{Anchor, Mark, Picture, Sign};
use super::scale::Scale;
use super::strip::{self, Frame, strip};
use super::ticks;
use crate::curve::Curves;
use crate::summary::{Change, FaultSummary, RecoverySummary, State, Summary, WindowSummary, Word};
use crate::wording::{duration, line};

/// Measures that are drawn; the tables have all.
pub(crate) const MOST_STRIPS: usize = 40;

const WIDTH: f64 = 1_120.0;
const LEFT: f64 = 176.0;
const RIGHT: f64 = 1_000.0;
const LANE: f64 = 26.0;

/// Fault lanes and windows that are drawn; the tables have all.
const MOST_LANES: usize = 40;
const MOST_WINDOWS: usize = 400;

/// Width of a letter of the small text, roughly.
const LETTER: f64 = 6.4;

/// The picture of a run.
pub(crate) fn timeline(summary: &Summary, plan: &Plan, curves: &Curves) -> Picture {
    let length = summary.length.seconds().max(0.001);
    let time = Scale::new((0.0, length), (LEFT, RIGHT));
    let frame = Frame { left: LEFT, right: RIGHT, time, pixel: length / (RIGHT - LEFT) };
    let strips = curves.measures.len().min(MOST_STRIPS);
    let lanes = summary.faults.len().min(MOST_LANES);

    let phases_at = 4.0;
    let lanes_at = phases_at + 34.0;
    let marks = moments(summary);
    let instances_at = lanes_at + lanes as f64 * LANE;
    let marks_at = instances_at + if summary.instances.is_empty() { 0.0 } else { LANE };
    let strips_at = marks_at + if marks.is_empty() { 4.0 } else { LANE };
    let floor = strips_at + strips as f64 * strip::HEIGHT;

    let mut picture = Picture { width: WIDTH, height: floor + 30.0, marks: Vec::new() };
    shades(&mut picture, summary, &frame, (lanes_at, floor));
    grid(&mut picture, &frame, length, (lanes_at, floor));
    phases(&mut picture, summary, &frame, phases_at);
    for (number, fault) in summary.faults.iter().take(lanes).enumerate() {
        lane(&mut picture, summary, fault, &frame, lanes_at + number as f64 * LANE);
    }
    instances(&mut picture, summary, &frame, instances_at);
    for (at, class, words) in marks {
        let x = time.place(at);
        picture.rule((x, marks_at + 6.0), (x, floor), class);
        let (place, anchor) =
            if x > RIGHT - 120.0 { (x - 5.0, Anchor::End) } else { (x + 5.0, Anchor::Start) };
        picture.text((place, marks_at + 16.0), anchor, "moment-label", words);
    }
    for (number, ((measure, known), curve)) in
        plan.measures.iter().zip(&summary.measures).zip(&curves.measures).take(strips).enumerate()
    {
        strip(&mut picture, &frame, strips_at + number as f64 * strip::HEIGHT, measure, known, curve);
    }
    picture
}

/// When a window was possibly in effect; one that is still owed lasts to the end of the picture.
fn extent(window: &WindowSummary, end: f64) -> Option<(f64, f64)> {
    let from = window.from()?.seconds();
    let until = match (window.undone, window.state) {
        (Some(undone), _) => undone.seconds(),
        (None, State::Failed) => from,
        (None, _) => end,
    };
    Some((from, until.max(from)))
}

fn shades(picture: &mut Picture, summary: &Summary, frame: &Frame, (top, floor): (f64, f64)) {
    let end = summary.length.seconds();
    let mut extents: Vec<(f64, f64)> =
        summary.windows().filter_map(|(_, window)| extent(window, end)).collect();
    extents.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (from, until) in extents {
        match merged.last_mut() {
            Some(last) if from - last.1 <= frame.pixel => last.1 = last.1.max(until),
            _ => merged.push((from, until)),
        }
    }
    for (from, until) in merged {
        let (x, end) = (frame.time.place(from), frame.time.place(until));
        picture.rect((x, top), ((end - x).max(1.0), floor - top), "shade");
    }
}

fn grid(picture: &mut Picture, frame: &Frame, length: f64, (top, floor): (f64, f64)) {
    for (at, words) in ticks::times(length, 9) {
        let x = frame.time.place(at);
        picture.rule((x, top), (x, floor + 5.0), "grid");
        picture.text((x, floor + 20.0), Anchor::Middle, "tick", words);
    }
}

fn phases(picture: &mut Picture, summary: &Summary, frame: &Frame, y: f64) {
    for (number, phase) in summary.phases.iter().take(100).enumerate() {
        let from = frame.time.place(phase.from.seconds());
        let until = frame.time.place(phase.until.unwrap_or(summary.length).seconds()).max(from);
        let class = if number.is_multiple_of(2) { "phase even" } else { "phase odd" };
        let outcome = phase.outcome.as_deref().unwrap_or("did not end");
        let length = phase.until.map_or(summary.length.seconds(), squall_model::event::Offset::seconds)
            - phase.from.seconds();
        picture.marks.push(Mark::Rect {
            x: from,
            y,
            width: (until - from).max(1.0),
            height: 22.0,
            class,
            hint: Some(format!("{}: {}, {}", phase.phase, duration(length), line(outcome, 200))),
        });
        let name = word(phase.phase);
        if until - from > name.len() as f64 * LETTER + 8.0 {
            picture.text((from.midpoint(until), y + 15.0), Anchor::Middle, "phase-label", name);
        }
    }
}

fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Init => "init",
        Phase::BaselineCheck => "baseline",
        Phase::FaultInjection => "injection",
        Phase::Monitoring => "monitoring",
        Phase::Rollback => "rollback",
        Phase::PostValidation => "validation",
        Phase::Report => "report",
    }
}

fn lane(picture: &mut Picture, summary: &Summary, fault: &FaultSummary, frame: &Frame, y: f64) {
    picture.text((0.0, y + 15.0), Anchor::Start, "name", line(&fault.name, 22));
    let end = summary.length.seconds();
    let drawn = fault.windows.iter().filter_map(|window| Some((window, extent(window, end)?)));
    let mut bars: Option<(f64, f64, &'static str)> = None;
    for (window, (from, until)) in drawn.take(MOST_WINDOWS) {
        let x = frame.time.place(from);
        let width = (frame.time.place(until) - x).max(4.0);
        let (class, label) = match window.state {
            State::Undone => ("bar", "bar-label"),
            State::Failed => ("bar failed", "muted"),
            _ => ("bar owed", "owed-label"),
        };
        let hint = Some(hint(fault, window, (from, until)));
        picture.marks.push(Mark::Rect { x, y: y + 2.0, width, height: 18.0, class, hint });
        bars = Some((bars.map_or(x, |(first, ..)| first), x + width, label));
    }
    // What it does stands in its bar, behind its last bar, or before its first, wherever there is room.
    let what = line(&fault.what, 60);
    let needs = what.chars().count() as f64 * LETTER + 12.0;
    let (place, anchor, class) = match bars {
        Some((from, until, label)) if fault.windows.len() == 1 && from + needs < until => {
            (from + 7.0, Anchor::Start, label)
        }
        Some((_, until, _)) if until + needs < RIGHT => (until + 7.0, Anchor::Start, "muted"),
        Some((from, ..)) if from - needs > LEFT => (from - 7.0, Anchor::End, "muted"),
        Some(_) => return,
        None => (LEFT + 7.0, Anchor::Start, "muted"),
    };
    let what = if bars.is_none() { format!("{what}: not injected") } else { what };
    picture.text((place, y + 15.0), anchor, class, what);
}

fn hint(fault: &FaultSummary, window: &WindowSummary, (from, until): (f64, f64)) -> String {
    let on = if window.on.is_empty() {
        String::new()
    } else {
        format!(" on {}", line(&window.on.join(", "), 120))
    };
    let mut lines = vec![
        format!("{}: {}{on}", line(&window.name, 80), line(&fault.what, 120)),
        format!("{from:.1} s to {until:.1} s ({})", duration(until - from)),
    ];
    let texts = [
        ("effect", &window.effect),
        ("undone", &window.proof),
        ("failed", &window.failed),
        ("early", &window.ended_early),
    ];
    let known = texts.iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
    lines.extend(known.map(|(name, text)| format!("{name}: {}", line(text, 200))));
    if window.is_owed() {
        lines.push("not undone".to_owned());
    }
    lines.join("\n")
}

fn instances(picture: &mut Picture, summary: &Summary, frame: &Frame, y: f64) {
    if summary.instances.is_empty() {
        return;
    }
    picture.text((0.0, y + 15.0), Anchor::Start, "muted", "instances");
    let mut up: Vec<(f64, f64)> = Vec::new();
    let mut down: Vec<(f64, f64)> = Vec::new();
    for change in &summary.instances {
        let x = frame.time.place(change.at.seconds());
        let (signs, y) = match change.change {
            Change::Started { .. } => (&mut up, y + 15.0),
            Change::Ended { .. } => (&mut down, y + 6.0),
        };
        // More than one in a pixel look like one.
        if signs.last().is_none_or(|(last, _)| (x - last).abs() >= 1.0) {
            signs.push((x, y));
        }
    }
    picture.signs(up, Sign::Up, "started");
    picture.signs(down, Sign::Down, "ended");
}

/// Moments that turned the run: at most a few.
fn moments(summary: &Summary) -> Vec<(f64, &'static str, &'static str)> {
    let mut moments = Vec::new();
    for line in &summary.log {
        match line.word {
            Word::Abort => moments.push((line.at.seconds(), "moment bad", "abort")),
            Word::Halt => moments.push((line.at.seconds(), "moment bad", "halt")),
            _ => {}
        }
    }
    moments.truncate(4);
    if let (RecoverySummary::Recovered { steady, .. }, Some(until)) =
        (&summary.recovery, summary.periods.faults_until)
    {
        moments.push((until.seconds() + steady.as_secs_f64(), "moment good", "steady again"));
    }
    moments
}
