//! From the document of an experiment to its draft.

use std::sync::Arc;

use squall_model::conservation::Conservation;
use squall_model::measure::{HttpFact, Judged};
use squall_model::plan::{PLAN_VERSION, Plan, Recovery};
use squall_model::target::Inventory;
use squall_model::unit::Span;

use super::{Draft, Loaded, known};
use crate::code::Code;
use crate::document::conservation::ConservationDocument;
use crate::document::experiment::{ExperimentDocument, RecoveryDocument, TargetChoice};
use crate::lab;
use crate::mistake::{At, Mistake, Mistakes, Source};
use crate::notes::Notes;
use crate::plan::conservation::{Around, conservation};
use crate::plan::expect::Reads;
use crate::plan::fault::{self, fault};
use crate::plan::load::{self, load};
use crate::plan::measure::{EVERY, Planned, measures};
use crate::plan::probe::Surroundings;
use crate::plan::stage::stages;
use crate::plan::target::{Environment, Known, Parts, Presence, count, ports, target};
use crate::plan::{text, traffic_measure};
use crate::shape::Tried;

const BASELINE: Span = Span::seconds(10);
const READINGS: u32 = 3;
const WITHIN: Span = Span::seconds(30);
const STEADY_FOR: Span = Span::seconds(5);

/// The draft, as far as there are no mistakes; those of a target file are noted `elsewhere`.
pub(super) fn compile(
    document: &ExperimentDocument,
    source: &Arc<Source>,
    load_target: &dyn Fn(&str) -> Loaded,
    elsewhere: &mut Mistakes,
    notes: &mut Notes<'_>,
) -> Option<Draft> {
    if let Some(name) = &document.name {
        text::name(name, "an experiment", notes);
    }
    let mut known =
        document.target.as_ref().and_then(|choice| chosen_target(choice, load_target, elsewhere, notes));
    environment(document, known.as_mut(), notes);
    let duration =
        document.duration.as_ref().filter(|duration| positive(duration, "an experiment of no length", notes));
    let load = document.load.as_ref().map(|written| {
        let load_document = written.value.0.as_ref()?;
        let around = load::Around { known: known.as_ref(), find: load_target };
        load(load_document, written.place, &around, elsewhere, notes)
    });
    let mut planned = steady(document, known.as_ref(), notes);
    let baseline = baseline(document, &planned, notes);
    let measures = document.steady.as_ref().and_then(|steady| steady.measures.as_ref());
    let names = measures.map(|measures| measures.value.names());
    let recovery = recovery(document.recovery.as_ref(), &planned, names.as_deref(), notes);
    let reads: Vec<_> = planned.iter().map(|planned| (planned.measure.name.clone(), planned.reads)).collect();
    let around =
        fault::Around { duration, target: known.as_ref(), measures: names.as_deref(), reads: &reads };
    let mut faults = Vec::new();
    for (name, written) in document.faults.as_ref().map(|map| map.0.as_slice()).unwrap_or_default() {
        faults.extend(written.as_ref().and_then(|written| fault(name, written, &around, notes)));
    }
    traffic_measure::complete(document, &mut planned, &faults, known.as_ref(), notes);
    let stages =
        document.stages.as_ref().map(|written| stages(written, &planned, names.as_deref(), &faults, notes));
    let book =
        document.steady.as_ref().and_then(|steady| Some((steady.conservation.as_ref()?, &steady.every)));
    let account = book.map(|(written, every)| {
        let every = every.as_ref().map_or(EVERY, |every| every.value);
        let (planned, names) = (planned.as_slice(), names.as_deref());
        conserved(written, &Around { planned, names, has_load: document.load.is_some(), every }, notes)
    });
    if let Some(known) = &known {
        ports(known, notes);
    }
    let written = document.faults.as_ref().map_or(0, |map| map.0.len());
    let measured = names.as_ref().map_or(0, Vec::len);
    assert!(
        (faults.len(), planned.len()) == (written, measured)
            || !notes.mistakes.is_empty()
            || !elsewhere.is_empty(),
        "a fault or a measure was left out of the plan without a mistake"
    );
    lint(document, notes);
    lint_readings(document, duration, &planned, notes);
    let value = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
    let plan = Plan {
        version: PLAN_VERSION,
        name: document.name.as_ref()?.value.clone(),
        description: value(&document.description).unwrap_or_default(),
        owner: value(&document.owner),
        tags: document.tags.iter().flatten().map(|tag| tag.value.clone()).collect(),
        file: Some(source.name.clone()),
        digest: format!("{:08x}", crc32fast::hash(source.text.as_bytes())),
        seed: 0,
        target: known?.target,
        inventory: Inventory::default(),
        load: load.map_or(Some(None), |load| load.map(Some))?,
        measures: planned.into_iter().map(|planned| planned.measure).collect(),
        conservation: account.map_or(Some(None), |account| account.map(Some))?,
        stages: stages.map_or(Some(Vec::new()), |stages| stages)?,
        baseline,
        duration: duration?.value,
        faults: Vec::new(),
        recovery,
    };
    let seed = document.seed.as_ref().map(|seed| seed.value);
    Some(Draft { source: Arc::clone(source), plan, faults, seed, lints: Mistakes::default() })
}

fn chosen_target(
    choice: &TargetChoice,
    load_target: &dyn Fn(&str) -> Loaded,
    elsewhere: &mut Mistakes,
    notes: &mut Notes<'_>,
) -> Option<Known> {
    let of_lab = |workers, store| {
        let target = lab::target(workers, store);
        let names = target.services.keys().cloned().collect();
        let parts = Parts { queue: Presence::Written, tasks: Presence::Written };
        Known { target, names, environment: Environment::Named, parts }
    };
    match choice {
        TargetChoice::Written(written) => Some(target(&written.value, "inline", notes)),
        TargetChoice::Lab(options) => {
            let workers = count(options.workers.as_ref(), lab::WORKERS, notes).unwrap_or(lab::WORKERS);
            Some(of_lab(workers, options.queue.unwrap_or_default()))
        }
        TargetChoice::Named(name) if name.value == lab::NAME => {
            Some(of_lab(lab::WORKERS, lab::Store::default()))
        }
        TargetChoice::Named(name) => match load_target(&name.value) {
            Ok((file, text)) => {
                let source = Arc::new(Source { name: file, text });
                let mut inner = Notes::new(&source.text);
                let known = known(&source.name, &source.text, &mut inner);
                let fine = inner.mistakes.is_empty();
                elsewhere.add(&source, inner.mistakes);
                // What a wrong target lacks is not the experiment's mistake.
                known.filter(|_| fine)
            }
            Err(why) => {
                let message = format!("could not read the target `{}`: {why}", name.value);
                let mistake = Mistake::new(Code::TargetUnreadable, message, name.place, "no such target");
                notes.mistake(mistake.help("`lab` is built in; other targets are files, here or under `targets/`, or written in place"));
                None
            }
        },
    }
}

fn environment(document: &ExperimentDocument, known: Option<&mut Known>, notes: &mut Notes<'_>) {
    let (Some(written), Some(known)) = (&document.environment, known) else { return };
    if !text::name(written, "an environment", notes) {
        return;
    }
    if known.environment == Environment::Assumed {
        known.target.environment.clone_from(&written.value);
    } else if known.target.environment != written.value {
        let message =
            format!("the target stands in `{}`, not in `{}`", known.target.environment, written.value);
        let mistake =
            Mistake::new(Code::EnvironmentDiffers, message, written.place, "differs from the target");
        notes.mistake(mistake.help("leave `environment` out: the target says it"));
    }
}

fn steady(document: &ExperimentDocument, known: Option<&Known>, notes: &mut Notes<'_>) -> Vec<Planned> {
    let Some(steady) = &document.steady else { return Vec::new() };
    let around = Surroundings {
        services: known.map(|known| known.names.as_slice()),
        has_queue: known.is_none_or(|known| known.parts.queue == Presence::Written),
        has_load: document.load.is_some(),
        prometheus: steady.prometheus.as_ref(),
        http_default: HttpFact::Status,
        each: None,
    };
    if let Some(measures) = steady.measures.as_ref().filter(|measures| measures.value.0.is_empty()) {
        let place = measures.place;
        notes.mistake(
            Mistake::new(Code::NoMeasures, "there is no measure", place, "nothing to find out")
                .help("add one: `health: { http: \"http://127.0.0.1:8080/health\", expect: \"== 200\" }`"),
        );
    }
    measures(steady, &around, notes)
}

fn positive(span: &At<Span>, what: &str, notes: &mut Notes<'_>) -> bool {
    if !span.value.is_zero() {
        return true;
    }
    notes.mistake(Mistake::new(Code::Zero, format!("{what} finds nothing out"), span.place, "zero"));
    false
}

fn baseline(document: &ExperimentDocument, planned: &[Planned], notes: &mut Notes<'_>) -> Span {
    let every = planned.iter().map(|planned| planned.measure.every).max().unwrap_or_default();
    let least = Span(every.0 * READINGS);
    let Some(baseline) = &document.baseline else { return BASELINE.max(least) };
    if positive(baseline, "a baseline of no length", notes) && baseline.value < least {
        let message = format!("{} are too short for three readings, one every {every}", baseline.value);
        let mistake = Mistake::new(Code::BaselineTooShort, message, baseline.place, "too short");
        notes.mistake(mistake.help(format!("write `baseline: {least}` at least, or a shorter `every`")));
    }
    baseline.value
}

/// The account of work, or `None` with a mistake noted.
fn conserved(
    At { value: Tried(written), place }: &At<Tried<ConservationDocument>>,
    around: &Around<'_>,
    notes: &mut Notes<'_>,
) -> Option<Conservation> {
    let written = At { value: written.clone()?, place: *place };
    conservation(&written, around, notes)
}

/// Whether the measure can be the backlog.
fn is_backlog(name: &At<String>, planned: &[Planned], names: Option<&[String]>, notes: &mut Notes<'_>) {
    if let Some(names) = names.filter(|names| !names.contains(&name.value)) {
        return notes.unknown(Code::UnknownMeasure, "measure", &name.value, name.place, names);
    }
    let Some(planned) = planned.iter().find(|one| one.measure.name == name.value) else { return };
    if planned.measure.is_divided() {
        let message = format!("`{}` is read of several, and there is one backlog", name.value);
        notes.mistake(Mistake::new(Code::EachElsewhere, message, name.place, "several readings"));
    } else if matches!(planned.reads, Reads::Text) {
        let message = format!("`{}` reads a text, and a backlog is a number", name.value);
        notes.mistake(Mistake::new(Code::WrongUnit, message, name.place, "not a number"));
    }
}

fn recovery(
    written: Option<&RecoveryDocument>,
    planned: &[Planned],
    names: Option<&[String]>,
    notes: &mut Notes<'_>,
) -> Recovery {
    let backlog = written.and_then(|recovery| recovery.backlog.as_ref());
    if let Some(backlog) = backlog {
        is_backlog(backlog, planned, names, notes);
    }
    let within = written.and_then(|recovery| recovery.within.as_ref());
    let steady = written.and_then(|recovery| recovery.steady_for.as_ref());
    if let Some(within) = within {
        positive(within, "a recovery in no time", notes);
    }
    let allowed = within.map_or(WITHIN, |at| at.value);
    let steady_for = steady.map_or(STEADY_FOR.min(allowed), |at| at.value);
    if let Some(steady) = steady.filter(|steady| steady.value > allowed) {
        let message = format!("steady for {} cannot be reached within {allowed}", steady.value);
        let mut mistake = Mistake::new(Code::RecoveryTooShort, message, steady.place, "longer than `within`");
        if let Some(within) = within {
            mistake = mistake.related(within.place, "the whole time");
        }
        notes.mistake(mistake.help(format!("write `within: {}` or more", steady.value)));
    }
    Recovery { within: allowed, steady_for, backlog: backlog.map(|at| at.value.clone()) }
}

fn lint_readings(
    document: &ExperimentDocument,
    duration: Option<&At<Span>>,
    planned: &[Planned],
    notes: &mut Notes<'_>,
) {
    let written =
        document.steady.iter().filter_map(|steady| steady.measures.as_ref()).flat_map(|map| &map.value.0);
    for (name, _) in written {
        let measure =
            planned.iter().map(|planned| &planned.measure).find(|measure| measure.name == name.value);
        if let (Some(measure), Some(duration)) = (measure, duration)
            && measure.is_judged(Judged::During)
            && measure.every > duration.value
        {
            let message = format!(
                "`{}` is read every {}, and the faults last {}",
                name.value, measure.every, duration.value
            );
            let lint = Mistake::new(Code::NoReadings, message, name.place, "may be read too late")
                .related(duration.place, "the end");
            notes.lint(lint.help("read it more often with `every`, or leave `during` out of `judge`"));
        }
    }
}

fn lint(document: &ExperimentDocument, notes: &mut Notes<'_>) {
    let Some(name) = &document.name else { return };
    if document.owner.is_none() {
        notes.lint(
            Mistake::new(Code::NoOwner, "nobody is named who answers for it", name.place, "no `owner`")
                .help("add `owner: TEAM`"),
        );
    }
    let has_faults = document.faults.as_ref().is_some_and(|faults| !faults.0.is_empty());
    if !has_faults {
        notes.lint(Mistake::new(
            Code::NoFaults,
            "nothing is broken: this is a control run",
            name.place,
            "no `faults`",
        ));
    }
    let measures =
        document.steady.iter().filter_map(|steady| steady.measures.as_ref()).flat_map(|map| &map.value.0);
    let aborts = measures.filter_map(|(_, measure)| measure.as_ref()).any(|measure| measure.abort.is_some());
    if has_faults && !aborts {
        let lint = Mistake::new(
            Code::NoAbort,
            "nothing ends the faults early when it gets bad",
            name.place,
            "no `abort`",
        );
        notes.lint(lint.help("add `abort: \"> 20 %\"` to the measure that matters most"));
    }
}
