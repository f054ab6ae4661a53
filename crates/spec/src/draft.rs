//! An experiment that was read, and waits for the instances of its target.

mod compile;

use std::sync::Arc;

use squall_model::plan::{Plan, Selection};
use squall_model::stage::{Share, Stage};
use squall_model::target::{Find, Instance, Inventory, Target};

use crate::code::Code;
use crate::document::experiment::ExperimentDocument;
use crate::document::target::TargetDocument;
use crate::mistake::{At, Lints, Mistake, Mistakes, Place, Source};
use crate::notes::Notes;
use crate::plan::draw;
use crate::plan::fault::{Drafted, On};
use crate::plan::target::{Known, ports, target};
use crate::shape::Shape;
use crate::yaml;

/// An experiment without mistakes of its own. [`Draft::target`] says what to survey; [`Draft::plan`] does the rest.
#[derive(Clone, Debug)]
pub struct Draft {
    source: Arc<Source>,
    /// Without inventory, and faults without their instances.
    plan: Plan,
    faults: Vec<Drafted>,
    seed: Option<u64>,
    lints: Mistakes,
}

/// Name and text of a target file, or why there is none.
pub type Loaded = Result<(String, String), String>;

/// Reads an experiment.
///
/// `name` is the file, for people. `load_target` is given the target as it is written and answers with the name and the
/// text of its file, or with the reason why there is none, as a fragment: `no such file beside the experiment`.
pub fn read(name: &str, text: &str, load_target: &dyn Fn(&str) -> Loaded) -> Result<Draft, Mistakes> {
    let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let mut notes = Notes::new(text);
    let mut elsewhere = Mistakes::default();
    let document = yaml::parse(text, &mut notes).and_then(|node| ExperimentDocument::read(&node, &mut notes));
    let draft = document
        .and_then(|document| compile::compile(&document, &source, load_target, &mut elsewhere, &mut notes));
    let mut mistakes = Mistakes::default();
    mistakes.add(&source, notes.mistakes);
    mistakes.files.extend(elsewhere.files);
    match draft {
        Some(mut draft) if mistakes.is_empty() => {
            draft.lints.add(&source, notes.lints);
            Ok(draft)
        }
        _ => Err(mistakes),
    }
}

/// Bytes of a file as the text that [`read`] takes.
pub fn decode(name: &str, bytes: Vec<u8>) -> Result<String, Mistakes> {
    yaml::decode(bytes).map_err(|not_text| {
        let (text, mistake) = *not_text;
        let mut mistakes = Mistakes::default();
        mistakes.add(&Arc::new(Source { name: name.to_owned(), text }), vec![mistake]);
        mistakes
    })
}

/// Reads a target file by itself.
pub fn read_target(name: &str, text: &str) -> Result<Target, Mistakes> {
    let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let mut notes = Notes::new(text);
    let known = known(name, text, &mut notes);
    let mut mistakes = Mistakes::default();
    mistakes.add(&source, notes.mistakes);
    match known {
        Some(known) if mistakes.is_empty() => Ok(known.target),
        _ => Err(mistakes),
    }
}

fn known(name: &str, text: &str, notes: &mut Notes<'_>) -> Option<Known> {
    let stem = name.rsplit('/').next().unwrap_or(name).split('.').next().unwrap_or(name);
    let document = yaml::parse(text, notes).and_then(|node| TargetDocument::read(&node, notes))?;
    let known = target(&document, stem, notes);
    ports(&known, notes);
    Some(known)
}

impl Draft {
    /// The target, to survey its services that run already.
    pub fn target(&self) -> &Target {
        &self.plan.target
    }

    /// The name of the experiment.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// The seed that the plan will have: the given one, that of the file, or one that follows from the file's text.
    pub fn seed(&self, given: Option<u64>) -> u64 {
        given.or(self.seed).unwrap_or_else(|| u64::from(crc32fast::hash(self.source.text.as_bytes())))
    }

    /// The plan for the instances that a survey found. The same draft, inventory and seed give the same plan.
    ///
    /// Services that the run starts have their instances, without a process, whatever the inventory says of them.
    /// A fault on a service without any instance is [`Code::NothingFound`]: a refusal, see [`Mistakes::exit`].
    pub fn plan(&self, inventory: Inventory, seed: Option<u64>) -> Result<(Plan, Lints), Mistakes> {
        let mut notes = Notes::new(&self.source.text);
        let mut plan =
            Plan { seed: self.seed(seed), inventory: self.complete(inventory), ..self.plan.clone() };
        for drafted in &self.faults {
            let mut fault = drafted.fault.clone();
            let mut generator = draw::generator(plan.seed, &fault.name);
            if let Some(on) = &drafted.on {
                let instances =
                    plan.inventory.services.get(&on.service.value).map(Vec::as_slice).unwrap_or_default();
                let eligible: Vec<String> = instances.iter().map(|instance| instance.name.clone()).collect();
                if eligible.is_empty() && !fault.fault.is_on_traffic() {
                    notes.mistake(self.nothing_found(&on.service));
                    continue;
                }
                if on.choice.check(&on.service.value, &eligible, &mut notes).is_none() {
                    continue;
                }
                let chosen = on.choice.draw(&eligible, &mut generator);
                fault.on = Some(Selection { service: on.service.value.clone(), eligible, chosen });
            }
            fault.windows =
                draw::windows(&fault.windows, drafted.chance.as_ref().map(|at| at.value), &mut generator);
            if fault.windows.is_empty() {
                let message = format!("chance leaves out every window of `{}`", fault.name);
                let place = drafted.chance.as_ref().map_or(drafted.place, |at| at.place);
                notes.lint(Mistake::new(
                    Code::NoWindow,
                    message,
                    place,
                    format!("with the seed {}", plan.seed),
                ));
            }
            if let (Some(on), true) = (&fault.on, drafted.on.as_ref().is_some_and(On::is_divisible)) {
                let order = draw::order(&on.chosen, &mut generator);
                for stage in &mut plan.stages {
                    let chosen = draw::nested(stage.share, &order, &on.chosen);
                    stage.chosen.insert(fault.name.clone(), chosen);
                }
                lint_same(&plan.stages, &fault.name, drafted.place, &mut notes);
            }
            plan.faults.push(fault);
        }
        if !notes.mistakes.is_empty() {
            let mut mistakes = Mistakes::default();
            mistakes.add(&self.source, notes.mistakes);
            return Err(mistakes);
        }
        let mut lints = self.lints.clone();
        lints.add(&self.source, notes.lints);
        Ok((plan, Lints(lints)))
    }

    fn complete(&self, mut inventory: Inventory) -> Inventory {
        for (name, service) in &self.plan.target.services {
            if let Find::Start(start) = &service.find {
                let instances = draw::started(name, start.count).into_iter();
                let instances = instances.map(|name| Instance { name, process: None }).collect();
                inventory.services.insert(name.clone(), instances);
            }
        }
        inventory
    }

    fn nothing_found(&self, service: &At<String>) -> Mistake {
        let how = self.plan.target.services.get(&service.value).map(|service| match &service.find {
            Find::Start(_) => "started by the run".to_owned(),
            Find::Name(name) => format!("by the name `{name}`"),
            Find::CommandLine(pattern) => format!("by the command line /{pattern}/"),
            Find::PidFile(path) => format!("by the PID file {path}"),
            Find::Port(port) => format!("on port {port}"),
            Find::Cgroup(path) => format!("in the cgroup {path}"),
            Find::Unit(unit) => format!("in the unit {unit}"),
            Find::List(_) => "by its `list` program".to_owned(),
            Find::Elsewhere {} => "elsewhere".to_owned(),
        });
        let message = format!("no process of `{}` was found {}", service.value, how.unwrap_or_default());
        Mistake::new(Code::NothingFound, message, service.place, "nothing to hit")
            .help("start the service, or correct how the target finds it")
    }
}

/// Two stages that come to the same instances.
fn lint_same(stages: &[Stage], fault: &str, place: Place, notes: &mut Notes<'_>) {
    for pair in stages.windows(2) {
        let [one, next] = pair else { continue };
        if one.share == Share::Shadow || one.chosen.get(fault) != next.chosen.get(fault) {
            continue;
        }
        let count = one.chosen.get(fault).map_or(0, Vec::len);
        let message =
            format!("stages {} and {} of `{fault}` both hit {count} of its instances", one.share, next.share);
        let lint = Mistake::new(Code::StageSame, message, place, "picks too few to tell them apart");
        notes.lint(lint.help("leave one of the stages out, or pick more instances"));
    }
}
