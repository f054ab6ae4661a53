//! The pattern of a load: its rates and times, each checked where it stands.

use squall_model::load::{Pattern, PatternPart};
use squall_model::unit::{Rate, Span};

use crate::code::Code;
use crate::document::load::{
    LinearDocument, PartDocument, PatternDocument, RampDocument, RandomDocument, RateBurstDocument,
    SineDocument, SoakDocument, SpikeDocument, StepDocument,
};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::shape::Tried;

/// More a second one process does not send.
const MOST: f64 = 1_000_000.0;
/// One in less than three hours.
const LEAST: f64 = 0.000_1;
const SHORTEST: Span = Span::millis(1);
const RISE: Span = Span::seconds(60);
const NONE: Rate = Rate(0.0);

/// The pattern, or `None` with a mistake noted.
pub(crate) fn pattern(written: &At<Tried<PatternDocument>>, notes: &mut Notes<'_>) -> Option<Pattern> {
    let pattern = match written.value.0.as_ref()? {
        PatternDocument::Constant(rate) => constant(rate, notes),
        PatternDocument::Linear(linear) => self::linear(linear, notes),
        PatternDocument::Ramp(ramp) => self::ramp(ramp, notes),
        PatternDocument::Step(step) => self::step(step, notes),
        PatternDocument::Spike(spike) => self::spike(spike, notes),
        PatternDocument::Sine(sine) => self::sine(sine, notes),
        PatternDocument::Burst(burst) => self::burst(burst, notes),
        PatternDocument::Random(random) => self::random(random, notes),
        PatternDocument::Soak(soak) => self::soak(soak, notes),
        PatternDocument::Sequence(parts) => sequence(parts, notes),
    }?;
    is_load(&pattern, written.place, notes).then_some(pattern)
}

/// Whether it ever starts a request.
fn is_load(pattern: &Pattern, place: Place, notes: &mut Notes<'_>) -> bool {
    if pattern.peak() != Some(0.0) {
        return true;
    }
    notes.mistake(
        Mistake::new(Code::Zero, "a rate of zero is no load", place, "zero")
            .help("leave `load` out for none"),
    );
    false
}

/// A rate, which may be 0.
fn rate(written: &At<Rate>, notes: &mut Notes<'_>) -> Option<Rate> {
    let Rate(number) = written.value;
    if number == 0.0 || (LEAST..=MOST).contains(&number) {
        return Some(written.value);
    }
    let message = format!("{} cannot be kept", written.value);
    let mistake = Mistake::new(Code::OutOfRange, message, written.place, "not possible");
    notes.mistake(mistake.help("a rate is 0, or from 1/h to 1000000/s"));
    None
}

/// A rate above 0.
fn some(written: &At<Rate>, what: &str, notes: &mut Notes<'_>) -> Option<Rate> {
    if written.value.0 == 0.0 {
        notes.mistake(Mistake::new(Code::Zero, what, written.place, "zero"));
        return None;
    }
    rate(written, notes)
}

fn or_none(written: Option<&At<Rate>>, notes: &mut Notes<'_>) -> Option<Rate> {
    written.map_or(Some(NONE), |written| rate(written, notes))
}

fn time(written: &At<Span>, notes: &mut Notes<'_>) -> Option<Span> {
    if written.value >= SHORTEST {
        return Some(written.value);
    }
    let message = format!("{} is no time for a load", written.value);
    let mistake = Mistake::new(Code::OutOfRange, message, written.place, "too short");
    notes.mistake(mistake.help(format!("at least {SHORTEST}")));
    None
}

fn constant(written: &At<Rate>, notes: &mut Notes<'_>) -> Option<Pattern> {
    rate(written, notes).map(Pattern::Constant)
}

fn linear(written: &LinearDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    let from = or_none(written.from.as_ref(), notes);
    let by = some(&written.by, "a line that does not rise is `constant`", notes);
    let every = time(&written.every, notes);
    let to = written.to.as_ref().map(|to| rate(to, notes));
    Some(Pattern::Linear {
        from: from?,
        by: by?,
        every: every?,
        to: to.map_or(Some(None), |to| to.map(Some))?,
    })
}

fn ramp(written: &RampDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    let from = or_none(written.from.as_ref(), notes);
    let (to, over) = (rate(&written.to, notes), time(&written.over, notes));
    Some(Pattern::Ramp { from: from?, to: to?, over: over? })
}

fn step(written: &StepDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    let from = rate(&written.from, notes);
    let by = some(&written.by, "steps of zero lead nowhere", notes);
    let (every, to) = (time(&written.every, notes), rate(&written.to, notes));
    Some(Pattern::Step { from: from?, by: by?, every: every?, to: to? })
}

fn spike(written: &SpikeDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    let base = or_none(written.base.as_ref(), notes);
    let (to, length) = (rate(&written.to, notes), time(&written.r#for, notes));
    Some(Pattern::Spike { base: base?, to: to?, at: written.at.value, length: length? })
}

fn sine(written: &SineDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    let mean = rate(&written.mean, notes);
    let (swing, period) = (rate(&written.swing, notes), time(&written.period, notes));
    let (mean, swing) = (mean?, swing?);
    if swing > mean {
        let message = format!("the rate would go below zero: {mean} less {swing}");
        let mistake = Mistake::new(Code::OutOfRange, message, written.swing.place, "more than the mean")
            .related(written.mean.place, "the mean");
        notes.mistake(mistake.help(format!("write `swing: {mean}` at most")));
        return None;
    }
    Some(Pattern::Sine { mean, swing, period: period? })
}

fn burst(written: &RateBurstDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    let (rate, base) = (rate(&written.rate, notes), or_none(written.base.as_ref(), notes));
    let (on, off) = (time(&written.on, notes), time(&written.off, notes));
    Some(Pattern::Burst { rate: rate?, base: base?, on: on?, off: off? })
}

fn random(written: &RandomDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    if written.rates.value.is_empty() {
        let mistake =
            Mistake::new(Code::EmptyValue, "there are no rates to draw from", written.rates.place, "empty");
        notes.mistake(mistake.help("write for example `rates: [5/s, 20/s, 50/s]`"));
    }
    let rates: Vec<_> = written.rates.value.iter().map(|written| rate(written, notes)).collect();
    let hold = time(&written.hold, notes);
    let rates = rates.into_iter().collect::<Option<Vec<_>>>().filter(|rates| !rates.is_empty());
    Some(Pattern::Random { rates: rates?, hold: hold? })
}

fn soak(written: &SoakDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    let rate = rate(&written.rate, notes);
    let over = written.over.as_ref().map_or(Some(RISE), |over| time(over, notes));
    Some(Pattern::Soak { rate: rate?, over: over? })
}

fn sequence(written: &At<Vec<At<PartDocument>>>, notes: &mut Notes<'_>) -> Option<Pattern> {
    if written.value.is_empty() {
        let mistake = Mistake::new(Code::EmptyValue, "the sequence has no part", written.place, "empty");
        notes.mistake(mistake.help("write for example `- { for: 30s, constant: 10/s }`"));
        return None;
    }
    let last = written.value.len() - 1;
    let mut parts = Vec::new();
    for (number, part) in written.value.iter().enumerate() {
        let length = match &part.value.r#for {
            Some(length) => time(length, notes).map(Some),
            None if number == last => Some(None),
            None => {
                let mistake = Mistake::new(
                    Code::MissingKey,
                    "`for` is missing: what comes after this part would never begin",
                    part.place,
                    "needs `for`",
                );
                notes.mistake(mistake.help("only the last part may go on until the end"));
                None
            }
        };
        parts.push(
            self::part(&part.value, notes).and_then(|pattern| Some(PatternPart { length: length?, pattern })),
        );
    }
    parts.into_iter().collect::<Option<Vec<_>>>().map(Pattern::Sequence)
}

fn part(written: &PartDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    let PartDocument { r#for: _, constant, linear, ramp, step, spike, sine, burst, random, soak } = written;
    None.or_else(|| constant.as_ref().map(|written| self::constant(written, notes)))
        .or_else(|| linear.as_ref().map(|written| self::linear(written, notes)))
        .or_else(|| ramp.as_ref().map(|written| self::ramp(written, notes)))
        .or_else(|| step.as_ref().map(|written| self::step(written, notes)))
        .or_else(|| spike.as_ref().map(|written| self::spike(written, notes)))
        .or_else(|| sine.as_ref().map(|written| self::sine(written, notes)))
        .or_else(|| burst.as_ref().map(|written| self::burst(written, notes)))
        .or_else(|| random.as_ref().map(|written| self::random(written, notes)))
        .or_else(|| soak.as_ref().map(|written| self::soak(written, notes)))
        .flatten()
}
