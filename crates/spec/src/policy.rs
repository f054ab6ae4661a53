//! What experiments may do where (S5, S7): environments, ceilings and confirmation.

use std::collections::BTreeMap;
use std::sync::Arc;

use squall_model::load::Load;
use squall_model::plan::{Plan, Window};
use squall_model::unit::{Percent, Rate, Span};

use crate::code::Code;
use crate::document::policy::{EnvironmentDocument, PolicyDocument};
use crate::mistake::{At, Mistake, Mistakes, Source};
use crate::notes::Notes;
use crate::plan::text;
use crate::shape::Shape;
use crate::word::Flag;
use crate::yaml;

/// The policy of a place; the default one has no ceilings and locks production.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// By the name of the environment.
    pub environments: BTreeMap<String, Ceilings>,
}

/// What experiments may do in one environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ceilings {
    /// Whether anything may be injected; `None` where the policy does not say.
    pub lock: Option<Lock>,
    /// The largest share of a service's instances that one fault may hit.
    pub max_percent: Option<Percent>,
    /// The largest number of faults at the same time.
    pub max_faults: Option<u32>,
    /// The longest time in which faults are injected.
    pub max_duration: Option<Span>,
    /// What the load may do.
    pub load: LoadCeilings,
    /// The services that faults may act on; `None` for all.
    pub services: Option<Vec<String>>,
    /// Whether faults may act on the whole host.
    pub host: HostFaults,
}

/// What the load of an experiment may do in one environment; `None`: no ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadCeilings {
    /// The most requests in a second.
    pub max_rate: Option<Rate>,
    /// The most requests under way.
    pub max_in_flight: Option<u32>,
    /// The most requests in a run.
    pub max_total: Option<u64>,
}

/// Whether anything may be injected in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Nothing.
    Locked,
    /// As the ceilings say; in production with the typed name of the experiment only.
    Unlocked,
}

/// Whether faults may act on the whole host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostFaults {
    /// They may.
    #[default]
    Allowed,
    /// They may not.
    Forbidden,
}

/// Why a plan may not be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Which rule, in a word: `locked`, `unconfirmed`, `max-percent`, `max-faults`, `max-duration`, `max-load-rate`,
    /// `max-load-in-flight`, `max-load-total`, `services`, `host-faults`, `missing-variable`,
    /// `unreadable-file`.
    pub rule: &'static str,
    /// What is against it.
    pub message: String,
    /// What a person can do.
    pub help: String,
}

/// Reads a policy file.
pub fn read(name: &str, text: &str) -> Result<Policy, Mistakes> {
    let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let mut notes = Notes::new(text);
    let document = yaml::parse(text, &mut notes).and_then(|node| PolicyDocument::read(&node, &mut notes));
    let policy = document.map(|document| compile(&document, &mut notes));
    let mut mistakes = Mistakes::default();
    mistakes.add(&source, notes.mistakes);
    match policy {
        Some(policy) if mistakes.is_empty() => Ok(policy),
        _ => Err(mistakes),
    }
}

fn compile(document: &PolicyDocument, notes: &mut Notes<'_>) -> Policy {
    let mut policy = Policy::default();
    for (name, written) in document.environments.as_ref().map(|map| map.0.as_slice()).unwrap_or_default() {
        text::name(name, "an environment", notes);
        if let Some(written) = written {
            policy.environments.insert(name.value.clone(), ceilings(written, notes));
        }
    }
    policy
}

fn ceilings(written: &EnvironmentDocument, notes: &mut Notes<'_>) -> Ceilings {
    let lock = written.locked.map(|flag| if flag == Flag::Yes { Lock::Locked } else { Lock::Unlocked });
    let zeros = [
        written.max_percent.as_ref().filter(|at| at.value.0 <= 0.0).map(|at| at.place),
        written.max_faults.as_ref().filter(|at| at.value == 0).map(|at| at.place),
        written.max_duration.as_ref().filter(|at| at.value.is_zero()).map(|at| at.place),
        written.max_load_rate.as_ref().filter(|at| at.value.0 <= 0.0).map(|at| at.place),
        written.max_load_in_flight.as_ref().filter(|at| at.value == 0).map(|at| at.place),
        written.max_load_total.as_ref().filter(|at| at.value == 0).map(|at| at.place),
    ];
    for place in zeros.into_iter().flatten() {
        let mistake = Mistake::new(Code::Zero, "a ceiling of zero allows nothing", place, "zero");
        notes.mistake(mistake.help("write `locked: true` for that"));
    }
    Ceilings {
        lock,
        max_percent: written.max_percent.as_ref().map(|at| at.value),
        max_faults: written.max_faults.as_ref().map(|at| at.value),
        max_duration: written.max_duration.as_ref().map(|at| at.value),
        load: LoadCeilings {
            max_rate: written.max_load_rate.as_ref().map(|at| at.value),
            max_in_flight: written.max_load_in_flight.as_ref().map(|at| at.value),
            max_total: written.max_load_total.as_ref().map(|at| at.value),
        },
        services: written
            .services
            .as_ref()
            .map(|list| list.iter().map(|At { value, .. }| value.clone()).collect()),
        host: match written.host_faults {
            Some(Flag::No) => HostFaults::Forbidden,
            _ => HostFaults::Allowed,
        },
    }
}

/// Whether the name is one of production's: `production`, `prod`, `prod-eu`.
pub fn is_production(environment: &str) -> bool {
    let lower = environment.to_lowercase();
    lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "production" || word == "prod")
}

/// Every rule that the plan breaks; none when it may be run. `confirmed` is the name of the experiment, typed by a person.
pub fn judge(plan: &Plan, policy: &Policy, confirmed: Option<&str>) -> Vec<Refusal> {
    let environment = &plan.target.environment;
    let ceilings = policy.environments.get(environment);
    let mut refusals = Vec::new();
    refusals.extend(lock(plan, ceilings.and_then(|ceilings| ceilings.lock), confirmed));
    let Some(ceilings) = ceilings else { return refusals };
    let mut refuse = |rule, message: String, help: String| refusals.push(Refusal { rule, message, help });
    if let Some(max) = ceilings.max_duration.filter(|max| plan.watched() > *max) {
        let message = format!("the experiment lasts {}, and `{environment}` allows {max}", plan.duration);
        refuse("max-duration", message, format!("write `duration: {max}` at most"));
    }
    if let Some(max) = ceilings.max_faults {
        let most = concurrent(plan);
        if most > max as usize {
            let message =
                format!("{most} faults would be on at the same time, and `{environment}` allows {max}");
            refuse("max-faults", message, "move their windows apart with `at` and `for`".to_owned());
        }
    }
    if let Some(load) = &plan.load {
        overload(load, ceilings.load, environment, &mut refuse);
    }
    for fault in &plan.faults {
        let Some(on) = &fault.on else {
            if ceilings.host == HostFaults::Forbidden {
                let message =
                    format!("`{}` acts on the whole host, and `{environment}` forbids that", fault.name);
                refuse("host-faults", message, "use a fault that acts on a service".to_owned());
            }
            continue;
        };
        if let Some(allowed) = ceilings.services.as_ref().filter(|allowed| !allowed.contains(&on.service)) {
            let message = format!(
                "`{}` acts on the service `{}`, and `{environment}` does not allow that",
                fault.name, on.service
            );
            refuse("services", message, crate::notes::listed(allowed));
        }
        let share = on.chosen.len() as f64 * 100.0 / on.eligible.len().max(1) as f64;
        if let Some(max) = ceilings.max_percent.filter(|max| share > max.0 + 1e-9) {
            let message = format!(
                "`{}` hits {} of {} instances of `{}`, and `{environment}` allows {max}",
                fault.name,
                on.chosen.len(),
                on.eligible.len(),
                on.service
            );
            refuse("max-percent", message, "choose fewer with `pick`".to_owned());
        }
    }
    refusals
}

/// What the load may do at most, and what it is allowed.
fn overload(
    load: &Load,
    ceilings: LoadCeilings,
    environment: &str,
    refuse: &mut impl FnMut(&'static str, String, String),
) {
    // A ceiling of its own below the peak of its pattern is a mistake in the file; without a peak it is the peak.
    let peak = load.pattern.peak().or(load.max_rate.map(|max| max.0));
    if let Some(max) = ceilings.max_rate.filter(|max| peak.is_none_or(|peak| peak > max.0 * (1.0 + 1e-9))) {
        let (rises, help) = match peak {
            Some(peak) => (
                format!("rises to {}", Rate(peak)),
                format!("write a `pattern` that stays at or below {max}"),
            ),
            None => ("grows without a limit".to_owned(), format!("write `max-rate: {max}` in the load")),
        };
        refuse("max-load-rate", format!("the load {rises}, and `{environment}` allows {max}"), help);
    }
    if let Some(max) = ceilings.max_in_flight.filter(|max| load.max_in_flight > *max) {
        let message = format!(
            "the load may have {} requests under way, and `{environment}` allows {max}",
            load.max_in_flight
        );
        refuse("max-load-in-flight", message, format!("write `max-in-flight: {max}` in the load"));
    }
    if let Some(max) = ceilings.max_total.filter(|max| load.max_total.is_none_or(|total| total > *max)) {
        let total =
            load.max_total.map_or("has no limit".to_owned(), |total| format!("may send {total} requests"));
        let message = format!("the load {total}, and `{environment}` allows {max} in a run");
        refuse("max-load-total", message, format!("write `max-total: {max}` in the load"));
    }
}

fn lock(plan: &Plan, lock: Option<Lock>, confirmed: Option<&str>) -> Option<Refusal> {
    let environment = &plan.target.environment;
    let production = is_production(environment);
    let locked = lock.unwrap_or(if production { Lock::Locked } else { Lock::Unlocked });
    if locked == Lock::Locked {
        let help = if production {
            format!(
                "a policy must say `environments: {{ {environment}: {{ locked: false }} }}`, and the name of the experiment must be typed in"
            )
        } else {
            format!("the policy says `locked: true` for `{environment}`")
        };
        return Some(Refusal {
            rule: "locked",
            message: format!("the environment `{environment}` is locked"),
            help,
        });
    }
    if production && confirmed != Some(plan.name.as_str()) {
        let message = match confirmed {
            None => format!("`{environment}` needs a typed confirmation"),
            Some(typed) => format!("`{typed}` is not the name of the experiment"),
        };
        return Some(Refusal {
            rule: "unconfirmed",
            message,
            help: format!("confirm with the name of the experiment: {}", plan.name),
        });
    }
    None
}

/// The largest number of faults that are on at one time.
fn concurrent(plan: &Plan) -> usize {
    let windows = || plan.faults.iter().flat_map(|fault| fault.windows.iter());
    let on = |window: &Window| {
        windows().filter(|other| other.from <= window.from && window.from < other.until).count()
    };
    windows().map(on).max().unwrap_or_default()
}
