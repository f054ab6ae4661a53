//! From a file, or from a run that was recorded, to a plan.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use squall_engine::home::HomeError;
use squall_engine::preflight::{self, Examined};
use squall_engine::reason::reason;
use squall_engine::survey;
use squall_model::fault::Fault;
use squall_model::plan::Plan;
use squall_model::target::{Inventory, Target};
use squall_model::traffic::Protocol;
use squall_proxy::toxic::Toxic;
use squall_spec::Lints;
use squall_spec::draft;
use squall_spec::policy::Refusal;

use crate::failure::Failure;
use crate::settings::Settings;
use crate::text::counted;

/// An experiment that can be run, and what is remarkable about it.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) lints: Lints,
}

/// Reads a file and plans it for what is there now.
pub(crate) fn of_file(path: &Path, seed: Option<u64>, settings: &Settings) -> Result<Planned, Failure> {
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| {
        Failure::file(format!("could not read {name}: {error}"))
            .hint("`squall init` writes an experiment to start from")
    })?;
    let text = draft::decode(&name, bytes)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    of_text(&name, &text, folder, seed, settings)
}

/// Plans a text. Targets are looked for in `folder`.
pub(crate) fn of_text(
    name: &str,
    text: &str,
    folder: &Path,
    seed: Option<u64>,
    settings: &Settings,
) -> Result<Planned, Failure> {
    let draft = squall_spec::read(name, text, &|target| read_target(folder, target))?;
    let (plan, lints) = draft.plan(survey(draft.target(), settings)?, seed)?;
    for fault in &plan.faults {
        takes(&fault.fault).map_err(|why| {
            Failure::file(format!("{name}: the proxy would not take the fault `{}`: {why}", fault.name))
        })?;
    }
    Ok(Planned { plan, lints })
}

/// Whether squall's proxy takes a fault on traffic: patterns, regular expressions, words of protocols. Certificates are in
/// files, which are read only when they are needed.
fn takes(fault: &Fault) -> Result<(), String> {
    let Fault::Traffic { toxics, protocol, .. } = fault else { return Ok(()) };
    if *protocol == Protocol::Tls {
        return Ok(());
    }
    for toxic in toxics {
        let document = serde_json::json!({
            "type": toxic.kind, "stream": toxic.stream, "attributes": toxic.attributes,
        });
        Toxic::read(&document).map_err(|refusal| refusal.of_file())?;
    }
    Ok(())
}

/// The plan of a recorded run, when what it saw then is what is there now.
pub(crate) fn of_run(id: &str, seed: Option<u64>, settings: &Settings) -> Result<Planned, Failure> {
    let run = settings.home()?.find(id).map_err(|error| {
        Failure::file(format!("there is no file `{id}`, and {}", nothing_found(&error)))
            .hint("`squall runs` lists what was run; `squall init` writes an experiment")
    })?;
    let plan = run.read_plan().map_err(|error| {
        let failure = Failure::file(format!("could not {}", reason(&error)));
        match error {
            HomeError::Foreign { .. } => failure.hint("give the file of the experiment instead of the run"),
            _ => failure,
        }
    })?;
    if seed.is_some_and(|seed| seed != plan.seed) {
        return Err(Failure::usage("a recorded plan is run as it is: its seed is drawn already")
            .hint("give the file instead of the run to draw anew"));
    }
    let changed = preflight::changed(&plan, &survey(&plan.target, settings)?);
    if !changed.is_empty() {
        let changed: Vec<String> = changed
            .iter()
            .map(|(service, then, now)| {
                format!("{service} had {} and has {now}, not the same ones", counted(*then, "process"))
            })
            .collect();
        return Err(Failure::refused(format!(
            "the inventory changed since planning: {}",
            changed.join("; ")
        ))
        .hint("give the file instead of the run to plan anew for what is there"));
    }
    Ok(Planned { plan, lints: Lints::default() })
}

fn nothing_found(error: &HomeError) -> String {
    match error {
        HomeError::NoSuchRun { found: 0, .. } => "no run has an id that begins so".to_owned(),
        HomeError::NoSuchRun { found, .. } => format!("{found} runs have an id that begins so"),
        other => format!("the runs could not be looked through: {}", reason(other)),
    }
}

/// What is there of a target now.
pub(crate) fn survey(target: &Target, settings: &Settings) -> Result<Inventory, Failure> {
    survey::survey(target, &settings.filling_before()?)
        .map_err(|error| Failure::refused(format!("could not {error}")))
}

/// A target is a path beside the experiment, or a name under `targets/` beside it or here.
fn read_target(folder: &Path, target: &str) -> Result<(String, String), String> {
    let mut places: Vec<PathBuf> = vec![folder.join(target)];
    for base in [folder.join("targets"), PathBuf::from("targets")] {
        places.extend([".yaml", ".yml", ".json"].map(|suffix| base.join(format!("{target}{suffix}"))));
    }
    let Some(path) = places.iter().find(|path| path.is_file()) else {
        return Err("there is no such file beside the experiment or under `targets/`".to_owned());
    };
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    draft::decode(&name, bytes).map(|text| (name, text)).map_err(|mistakes| mistakes.to_string())
}

/// Looks at every fault of a plan, without touching anything.
pub(crate) fn examine(plan: &Plan, settings: &Settings) -> Result<Vec<Examined>, Failure> {
    Ok(preflight::examine(plan, &Arc::new(settings.filling_before()?)))
}

/// One refusal for each variable that is referred to and not set, and for each file of a proxy that cannot be read.
pub(crate) fn missing(plan: &Plan, settings: &Settings) -> Result<Vec<Refusal>, Failure> {
    let filling = settings.filling_before()?;
    let missing = preflight::missing_variables(plan, &filling);
    let refusal = |name: String| Refusal {
        rule: "missing-variable",
        message: format!("the environment has no variable `{name}`, which the experiment refers to"),
        help: format!("set it for squall, for example `{name}=... squall run ...`"),
    };
    let unreadable = preflight::unreadable_files(plan, &filling).into_iter().map(|(path, why)| Refusal {
        rule: "unreadable-file",
        message: format!("{path} cannot be read, with which a proxy opens TLS: {why}"),
        help: "make the file, or correct `tls` at the `proxy` of the service".to_owned(),
    });
    Ok(missing.into_iter().map(refusal).chain(unreadable).collect())
}

/// Fails when something stands in the way of the run or of a fault.
pub(crate) fn obstacles(plan: &Plan, settings: &Settings) -> Result<(), Failure> {
    let missing = missing(plan, settings)?;
    if let Some(first) = missing.first() {
        let all: Vec<String> = missing.iter().map(ToString::to_string).collect();
        return Err(Failure::refused(all.join("; ")).hint(&first.help));
    }
    let examined = examine(plan, settings)?;
    let all: Vec<_> =
        examined.iter().flat_map(|one| one.obstacles.iter().map(move |why| (one, why))).collect();
    let Some((_, first)) = all.first() else { return Ok(()) };
    let whys: Vec<String> =
        all.iter().map(|(one, obstacle)| format!("{}: {}", one.fault, obstacle.why)).collect();
    Err(Failure::refused(format!("this cannot be injected here: {}", whys.join("; "))).hint(&first.remedy))
}
