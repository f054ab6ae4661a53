//! Targets: services, where their processes come from, how they are controlled.

use std::collections::BTreeMap;

use squall_model::measure::{HttpFact, Probe};
use squall_model::target::{Control, Find, Queue, Service, Start, Target, TaskIntake};
use squall_model::template::{Argv, Reference, Template};

use crate::code::Code;
use crate::document::probe::ProbeDocument;
use crate::document::target::{
    ControlDocument, FindDocument, ServiceDocument, StartDocument, TargetDocument,
};
use crate::mistake::{At, Mistake};
use crate::notes::Notes;
use crate::plan::probe::{Surroundings, probe};
use crate::plan::{proxy, text};
use crate::word::Words;

const ENVIRONMENT: &str = "local";
const MOST_INSTANCES: u32 = 1_000;

/// A target, with the names of all its services as written: also of those that could not be read.
pub(crate) struct Known {
    pub(crate) target: Target,
    pub(crate) names: Vec<String>,
    /// Whether the document itself names its environment.
    pub(crate) environment: Environment,
    /// What the document speaks of, rightly or wrongly.
    pub(crate) parts: Parts,
}

/// Parts that a target may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) queue: Presence,
    pub(crate) tasks: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Written,
    Missing,
}

impl Presence {
    pub(crate) fn of<T>(part: Option<&T>) -> Self {
        if part.is_some() { Self::Written } else { Self::Missing }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    Named,
    Assumed,
}

/// The target, as far as it could be read.
pub(crate) fn target(written: &TargetDocument, fallback: &str, notes: &mut Notes<'_>) -> Known {
    if let Some(name) = &written.name {
        text::name(name, "a target", notes);
    }
    if let Some(environment) = &written.environment {
        text::name(environment, "an environment", notes);
    }
    let map = written.services.as_ref();
    let names = map.map(crate::shape::Map::names).unwrap_or_default();
    let mut services = BTreeMap::new();
    for (name, written) in map.map(|map| map.0.as_slice()).unwrap_or_default() {
        let named = text::name(name, "a service", notes);
        let service = written.as_ref().and_then(|written| service(name, written, &names, notes));
        let proxy = written.as_ref().and_then(|written| written.proxy.as_ref());
        let find = service.as_ref().map(|service| &service.find);
        let proxy = proxy.map(|written| proxy::proxy(&name.value, written, find, &names, notes));
        if let (true, Some(mut service)) = (named, service) {
            if let Some(Some(planned)) = proxy {
                service.proxy = Some(planned.via);
                services.extend(planned.service.map(|proxy| (proxy.name.clone(), proxy)));
            }
            services.insert(name.value.clone(), service);
        }
    }
    let parts =
        Parts { queue: Presence::of(written.queue.as_ref()), tasks: Presence::of(written.tasks.as_ref()) };
    let queue = written.queue.as_ref().and_then(|queue| queue.0.as_ref());
    let queue = queue.and_then(|queue| text::argv(&queue.stats, &[], notes)).map(|stats| Queue { stats });
    let tasks = written.tasks.as_ref().and_then(|tasks| tasks.0.as_ref()).and_then(|tasks| {
        let headers = text::headers(tasks.headers.as_ref(), &[], notes);
        let url = text::url(&tasks.url, &[], notes);
        let body = text::template(&tasks.body, &["n", "work"], notes);
        let method = tasks.method.as_ref().map_or("POST", |method| &method.0).to_owned();
        Some(TaskIntake { url: url?, method, headers, body: body?.0 })
    });
    let value =
        |at: Option<&At<String>>, fallback: &str| at.map_or(fallback.to_owned(), |at| at.value.clone());
    let target = Target {
        name: value(written.name.as_ref(), fallback),
        environment: value(written.environment.as_ref(), ENVIRONMENT),
        services,
        queue,
        tasks,
    };
    let environment = if written.environment.is_some() { Environment::Named } else { Environment::Assumed };
    Known { target, names, environment, parts }
}

fn service(
    name: &At<String>,
    written: &ServiceDocument,
    names: &[String],
    notes: &mut Notes<'_>,
) -> Option<Service> {
    let find = match (&written.start, &written.find) {
        (Some(written), _) => start(written, notes).map(Find::Start),
        (None, Some(written)) => find(&written.value, notes),
        (None, None) => None,
    };
    let control = written.control.as_ref().map_or_else(Control::default, |control| controls(control, notes));
    let health = written.health.as_ref().map(|written| health(written, names, notes));
    Some(Service {
        name: name.value.clone(),
        find: find?,
        control,
        health: health.map_or(Some(None), |health| health.map(Some))?,
        proxy: None,
    })
}

fn start(written: &StartDocument, notes: &mut Notes<'_>) -> Option<Start> {
    const ALSO: &[&str] = &["name", "own-port"];
    let count = count(written.count.as_ref(), 1, notes);
    let mut env = BTreeMap::new();
    for (name, value) in written.env.as_ref().map(|map| map.0.as_slice()).unwrap_or_default() {
        if name.value.is_empty() || name.value.contains(['=', '\0']) {
            let message = format!("`{}` cannot be the name of a variable", name.value);
            notes.mistake(Mistake::new(Code::BadName, message, name.place, "not a variable"));
        } else if let Some(value) = value.as_ref().and_then(|value| text::template(value, ALSO, notes)) {
            env.insert(name.value.clone(), value);
        }
    }
    let run = text::argv(&written.run, ALSO, notes);
    let dir = written.dir.as_ref().map(|dir| text::template(dir, ALSO, notes));
    Some(Start {
        run: run?,
        count: count?,
        env,
        dir: dir.map_or(Some(None), |dir| dir.map(Some))?,
        restart_after: written.restart_after.as_ref().map(|after| after.value),
    })
}

/// A number of instances to start, or `None` with a mistake noted.
pub(crate) fn count(written: Option<&At<u32>>, fallback: u32, notes: &mut Notes<'_>) -> Option<u32> {
    let Some(written) = written else { return Some(fallback) };
    if written.value == 0 {
        let mistake =
            Mistake::new(Code::Zero, "a service of no instances is none", written.place, "at least 1");
        notes.mistake(mistake);
        return None;
    }
    if written.value > MOST_INSTANCES {
        let mistake = Mistake::new(
            Code::OutOfRange,
            format!("{} instances are too many", written.value),
            written.place,
            "too many",
        );
        notes.mistake(mistake.help(format!("squall starts up to {MOST_INSTANCES} instances of a service")));
        return None;
    }
    Some(written.value)
}

fn find(written: &FindDocument, notes: &mut Notes<'_>) -> Option<Find> {
    Some(match written {
        FindDocument::Name(name) if name.value.chars().all(|c| c == '*' || c == '?') => {
            return everything(name, "is the name of every process", "nginx*", notes);
        }
        FindDocument::CommandLine(pattern)
            if regex::Regex::new(&pattern.value).is_ok_and(|regex| regex.is_match("")) =>
        {
            return everything(pattern, "is found in every command line", "nginx: worker", notes);
        }
        FindDocument::Name(name) => Find::Name(name.value.clone()),
        FindDocument::CommandLine(pattern) => Find::CommandLine(text::regex(pattern, notes)?),
        FindDocument::PidFile(path) => Find::PidFile(text::template(path, &[], notes)?),
        FindDocument::Port(port) if port.value == 0 => {
            notes.mistake(Mistake::new(Code::Zero, "port 0 is no port", port.place, "1 to 65535"));
            return None;
        }
        FindDocument::Port(port) => Find::Port(port.value),
        FindDocument::Cgroup(path) if path.value.trim_matches('/').is_empty() => {
            return everything(path, "is the cgroup of every process", "/system.slice/redis.service", notes);
        }
        FindDocument::Cgroup(path) => Find::Cgroup(text::absolute(path, notes)?),
        FindDocument::Unit(unit) => Find::Unit(unit.value.clone()),
        FindDocument::List(run) => Find::List(text::argv(run, &[], notes)?),
        FindDocument::Elsewhere(_) => Find::Elsewhere {},
    })
}

fn everything(written: &At<String>, what: &str, example: &str, notes: &mut Notes<'_>) -> Option<Find> {
    let message = format!("`{}` {what}", written.value);
    let mistake = Mistake::new(Code::FindsEverything, message, written.place, "everything");
    notes.mistake(mistake.help(format!("name the processes of one service, for example `{example}`")));
    None
}

fn controls(written: &ControlDocument, notes: &mut Notes<'_>) -> Control {
    let mut argv = |words: Option<&Words>, also: &[&str]| -> Option<Argv> { text::argv(words?, also, notes) };
    Control {
        stop: argv(written.stop.as_ref(), &[]),
        start: argv(written.start.as_ref(), &[]),
        restart: argv(written.restart.as_ref(), &[]),
        scale: argv(written.scale.as_ref(), &["count"]),
    }
}

fn health(written: &At<ProbeDocument>, names: &[String], notes: &mut Notes<'_>) -> Option<Probe> {
    let around = Surroundings {
        services: Some(names),
        has_queue: true,
        has_load: true,
        prometheus: None,
        // Any answer other than 2xx cannot be read as a latency: that is "not well".
        http_default: HttpFact::Latency,
        each: None,
    };
    let (probe, _) = probe(&written.value, &around, notes)?;
    if matches!(probe, Probe::Http(_) | Probe::Tcp { .. } | Probe::Command { .. }) {
        return Some(probe);
    }
    let mistake = Mistake::new(
        Code::NotAvailable,
        "health is asked by `http`, `tcp` or `command`",
        written.place,
        "not for health",
    );
    notes.mistake(mistake.help("for example `health: { http: \"http://127.0.0.1:8080/health\" }`"));
    None
}

/// Ports that are asked for, but that no service is started with.
pub(crate) fn ports(known: &Known, notes: &mut Notes<'_>) {
    if known.names.iter().any(|name| !known.target.services.contains_key(name)) {
        // A service that could not be read may be the one that has the port.
        return;
    }
    let mut named: Vec<String> = known.target.services.values().flat_map(started_with).collect();
    named.sort();
    named.dedup();
    for port in std::mem::take(&mut notes.ports) {
        if !named.contains(&port.value) {
            notes.unknown(Code::UnknownReference, "port", &port.value, port.place, &named);
        }
    }
}

/// The ports in the words that a service is started with.
fn started_with(service: &Service) -> Vec<String> {
    let Find::Start(start) = &service.find else { return Vec::new() };
    let templates = start.run.iter().chain(start.env.values()).chain(&start.dir);
    let references = templates.filter_map(|template| template.references().ok()).flatten();
    references
        .flat_map(|reference| match reference {
            Reference::Port(name) => vec![name],
            Reference::OwnPort => super::draw::started(&service.name, start.count),
            _ => Vec::new(),
        })
        .collect()
}

/// The program of the built-in lab, and of whatever else squall itself is the program of.
pub(crate) fn words(words: &[&str]) -> Argv {
    words.iter().map(|word| Template::from(*word)).collect()
}
