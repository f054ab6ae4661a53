//! When a fault is on.

use std::time::Duration;

use squall_model::plan::Window;
use squall_model::unit::Span;

use crate::code::Code;
use crate::document::fault::FaultDocument;
use crate::mistake::{At, Mistake};
use crate::notes::Notes;

const MOST_WINDOWS: u128 = 10_000;

/// The windows in order, without overlap, each inside of the duration; or `None` with a mistake noted.
pub(crate) fn windows(
    written: &FaultDocument,
    duration: Option<&At<Span>>,
    notes: &mut Notes<'_>,
) -> Option<Vec<Window>> {
    let mut fine = true;
    let at = written.at.as_ref().map_or(Duration::ZERO, |at| at.value.0);
    for zero in written.r#for.iter().filter(|span| span.value.is_zero()) {
        notes.mistake(Mistake::new(Code::Zero, "a fault of no length is none", zero.place, "zero"));
        fine = false;
    }
    if let Some(burst) = &written.burst {
        fine &= burst_fits(burst, written.r#for.as_ref(), notes);
    }
    let duration = duration?;
    if let Some(late) = written.at.as_ref().filter(|at| at.value >= duration.value) {
        let message =
            format!("the fault would begin at {}, but the experiment lasts {}", late.value, duration.value);
        notes.mistake(
            Mistake::new(Code::WindowOutside, message, late.place, "after the end")
                .related(duration.place, "the end"),
        );
        return None;
    }
    let until = match &written.r#for {
        None => duration.value.0,
        Some(length) if at + length.value.0 <= duration.value.0 => at + length.value.0,
        Some(length) => {
            let message = format!(
                "the fault would end at {}, but the experiment lasts {}",
                Span(at + length.value.0),
                duration.value
            );
            let rest = Span(duration.value.0.saturating_sub(at));
            let mistake = Mistake::new(Code::WindowOutside, message, length.place, "too long")
                .related(duration.place, "the end");
            notes.mistake(mistake.help(format!("`for: {rest}` at most, or a longer `duration`")));
            return None;
        }
    };
    if !fine {
        return None;
    }
    let Some(burst) = &written.burst else {
        return Some(vec![Window { from: Span(at), until: Span(until) }]);
    };
    let (on, off) = (burst.on.value.0, burst.off.value.0);
    let length = until.saturating_sub(at);
    if length.as_nanos() / (on + off).as_nanos().max(1) > MOST_WINDOWS {
        let mistake = Mistake::new(Code::BadBurst, "more than 10,000 windows", burst.on.place, "too short");
        notes.mistake(mistake.help("use longer times, or a shorter `for`"));
        return None;
    }
    if on > length {
        let message =
            format!("on for {} does not fit into the {} of the fault", burst.on.value, Span(length));
        notes.mistake(Mistake::new(Code::BadBurst, message, burst.on.place, "longer than the fault"));
        return None;
    }
    let mut windows = Vec::new();
    let mut from = at;
    while from < until {
        windows.push(Window { from: Span(from), until: Span((from + on).min(until)) });
        from += on + off;
    }
    Some(windows)
}

fn burst_fits(
    burst: &crate::document::fault::BurstDocument,
    length: Option<&At<Span>>,
    notes: &mut Notes<'_>,
) -> bool {
    let mut fine = true;
    for (key, span) in [("on", &burst.on), ("off", &burst.off)] {
        if span.value.is_zero() {
            let mistake = Mistake::new(
                Code::BadBurst,
                format!("`{key}` of a burst cannot be zero"),
                span.place,
                "zero",
            );
            notes.mistake(mistake.help("without `burst` the fault is on all the time"));
            fine = false;
        }
    }
    if let Some(length) = length.filter(|length| burst.on.value > length.value && !length.value.is_zero()) {
        let message =
            format!("on for {} does not fit into the {} of the fault", burst.on.value, length.value);
        let mistake = Mistake::new(Code::BadBurst, message, burst.on.place, "longer than the fault");
        notes.mistake(mistake.related(length.place, "the fault"));
        fine = false;
    }
    fine
}
