//! Faults: parameters, place, times and conditions.

mod place;

use squall_model::fault::Fault;
use squall_model::plan::{Condition, PlannedFault};
use squall_model::target::Find;
use squall_model::traffic::Via;
use squall_model::unit::{Percent, Span};

pub(crate) use self::place::On;
use self::place::{Acts, Where, kind, place};
use crate::code::Code;
use crate::document::fault::{FaultDocument, InjectDocument};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::expect::{Reads, expect};
use crate::plan::target::Known;
use crate::plan::{parameter, text, window};

/// A fault whose instances and windows are not drawn yet.
#[derive(Clone, Debug)]
pub(crate) struct Drafted {
    /// With all of its windows, and without a selection.
    pub(crate) fault: PlannedFault,
    pub(crate) on: Option<On>,
    pub(crate) chance: Option<At<Percent>>,
    pub(crate) place: Place,
}

/// What faults may refer to.
pub(crate) struct Around<'a> {
    pub(crate) duration: Option<&'a At<Span>>,
    /// `None` where the target could not be read.
    pub(crate) target: Option<&'a Known>,
    /// All measures as written, where they could be read, and what those read that could be planned.
    pub(crate) measures: Option<&'a [String]>,
    pub(crate) reads: &'a [(String, Reads)],
}

/// The fault, or `None` with a mistake noted.
pub(crate) fn fault(
    name: &At<String>,
    written: &FaultDocument,
    around: &Around<'_>,
    notes: &mut Notes<'_>,
) -> Option<Drafted> {
    let named = text::name(name, "a fault", notes);
    let windows = window::windows(written, around.duration, notes);
    let chance = written.chance.clone();
    if let Some(zero) = chance.as_ref().filter(|chance| chance.value.0 <= 0.0) {
        notes.mistake(Mistake::new(
            Code::Zero,
            "with a chance of zero the fault never takes place",
            zero.place,
            "zero",
        ));
    }
    let when = written.when.as_ref().map(|when| condition(when, around, notes));
    let inject = written.inject.as_ref()?;
    let percent = share(written, inject, notes);
    let via = via(written, around);
    let fault = parameter::fault(&inject.value, windows.as_deref(), percent.unwrap_or(ALL), via, notes);
    let on = place(name, written, inject, around, notes);
    percent?;
    let fault = fault?;
    let on = match on? {
        Where::Host => None,
        Where::Service(on) => Some(on),
    };
    if let Fault::ProcessKill { expect_restart: None, .. } = &fault {
        lint_restart(name, on.as_ref(), around, notes);
    }
    let when = when.map_or(Some(None), |when| when.map(Some))?;
    if !named {
        return None;
    }
    let fault = PlannedFault { name: name.value.clone(), fault, on: None, windows: windows?, when };
    Some(Drafted { fault, on, chance, place: name.place })
}

const ALL: Percent = Percent(100.0);

/// The proxy in front of the service that the fault names, where there is one.
fn via<'a>(written: &FaultDocument, around: &Around<'a>) -> Option<&'a Via> {
    let service = &written.on.as_ref()?.value.0.as_ref()?.service;
    around.target?.target.services.get(&service.value)?.proxy.as_ref()
}

/// The share of the traffic that is hit, or `None` with a mistake noted.
fn share(written: &FaultDocument, inject: &At<InjectDocument>, notes: &mut Notes<'_>) -> Option<Percent> {
    let (kind, acts) = kind(&inject.value);
    match &written.percent {
        None => Some(ALL),
        Some(percent) if acts != Acts::Traffic => {
            let message = format!("`{kind}` does not act on traffic");
            let mistake = Mistake::new(Code::NeedlessPick, message, percent.place, "a share of what?");
            notes.mistake(mistake.help("`pick: 50 %` chooses a share of the instances"));
            None
        }
        Some(zero) if zero.value.0 <= 0.0 => {
            let message = "a share of zero hits nothing";
            notes.mistake(Mistake::new(Code::Zero, message, zero.place, "more than 0 %"));
            None
        }
        Some(percent) => Some(percent.value),
    }
}

fn condition(
    when: &At<crate::shape::Map<At<String>>>,
    around: &Around<'_>,
    notes: &mut Notes<'_>,
) -> Option<Condition> {
    let (measure, is) = match when.value.0.as_slice() {
        [entry] => entry,
        [] => {
            let mistake =
                Mistake::new(Code::MissingChoice, "`when` waits for nothing", when.place, "needs a measure");
            notes.mistake(mistake.help("write `when: { MEASURE: \"> 0\" }`"));
            return None;
        }
        [(first, _), (second, _), ..] => {
            let mistake = Mistake::new(
                Code::SeveralChoices,
                "a fault waits for one measure only",
                second.place,
                "a second measure",
            );
            notes.mistake(mistake.related(first.place, "the first"));
            return None;
        }
    };
    if let Some(known) = around.measures.filter(|known| !known.contains(&measure.value)) {
        notes.unknown(Code::UnknownMeasure, "measure", &measure.value, measure.place, known);
        return None;
    }
    let (_, reads) = around.reads.iter().find(|(name, _)| *name == measure.value)?;
    Some(Condition { measure: measure.value.clone(), is: expect(is.as_ref()?, *reads, notes)? })
}

fn lint_restart(name: &At<String>, on: Option<&On>, around: &Around<'_>, notes: &mut Notes<'_>) {
    let service = on.and_then(|on| around.target?.target.services.get(&on.service.value));
    let Some(service) = service else { return };
    let restarted = match &service.find {
        Find::Start(start) => start.restart_after.is_some(),
        Find::Unit(_) => true,
        _ => false,
    };
    if !restarted {
        let message = format!("nobody is known to start the killed processes of `{}` again", service.name);
        let lint = Mistake::new(Code::NoRestart, message, name.place, "who restarts?");
        notes.lint(
            lint.help(
                "say so with `expect-restart: 10s`, or let squall start the service with `restart-after`",
            ),
        );
    }
}
