//! The system under experiment: its services, and how each is found, stopped, started and scaled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::ProcessRef;
use crate::measure::{Header, Probe};
use crate::template::{Argv, Template};
use crate::traffic::Via;
use crate::unit::Span;

/// A system under experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Target {
    /// Its name, `lab` for the built-in job queue.
    pub name: String,
    /// The environment that it stands in; policies speak of it. `local` where nothing is said.
    pub environment: String,
    /// Its services by name.
    pub services: BTreeMap<String, Service>,
    /// A view of its job queue that needs no API, where it has one.
    pub queue: Option<Queue>,
    /// How a task is handed to it, where it takes tasks.
    pub tasks: Option<TaskIntake>,
}

impl Target {
    /// The proxies that clients are led through without knowing: the service of each, and its table of nftables.
    pub fn redirects(&self) -> impl Iterator<Item = (String, &Template)> {
        let services = self.services.values();
        services.filter_map(|service| {
            let table = service.proxy.as_ref()?.redirect.as_ref()?;
            Some((format!("{}-proxy", service.name), table))
        })
    }
}

/// One service of a target: a set of like processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Service {
    /// Its name in the target.
    pub name: String,
    /// Where its processes come from.
    pub find: Find,
    /// Programs that stop, start, restart and scale it; squall's own ways where it has them.
    pub control: Control,
    /// Whether it is well. A start waits for it.
    pub health: Option<Probe>,
    /// The proxy in front of it, where faults on its traffic are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Via>,
}

/// Where the processes of a service come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Find {
    /// squall starts and supervises them, and ends them with the run.
    Start(Start),
    /// By program name: a glob over `comm` and the name of the executable.
    Name(String),
    /// By a pattern (regular expression) over the whole command line.
    CommandLine(String),
    /// By a PID file.
    PidFile(Template),
    /// By the TCP port that they listen on.
    Port(u16),
    /// All processes of a cgroup: its path below the hierarchy's root, `/system.slice/redis.service`.
    Cgroup(String),
    /// A systemd unit, through `systemctl`.
    Unit(String),
    /// By a program that prints PIDs, one a line.
    List(Argv),
    /// It has no processes on this machine: only its traffic can be hit.
    Elsewhere {},
}

/// A service that squall starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Start {
    /// Program and arguments.
    pub run: Argv,
    /// How many instances, named `SERVICE-1` and on.
    pub count: u32,
    /// Variables added to squall's own environment.
    pub env: BTreeMap<String, Template>,
    /// Working folder; the run's own folder where nothing is said.
    pub dir: Option<Template>,
    /// Start an instance that exits again, after so long. `None`: it stays down.
    pub restart_after: Option<Span>,
}

/// Programs that control a service which squall did not start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Control {
    /// Stops all of it.
    pub stop: Option<Argv>,
    /// Starts all of it.
    pub start: Option<Argv>,
    /// Restarts it.
    pub restart: Option<Argv>,
    /// Brings it to `{count}` instances.
    pub scale: Option<Argv>,
}

/// The admin view of a job queue: a program that prints one JSON object of figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Queue {
    /// Program and arguments.
    pub stats: Argv,
}

/// How a task is handed to the target: one HTTP request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskIntake {
    /// Address.
    pub url: Template,
    /// Method, `POST` where nothing is said.
    pub method: String,
    /// Headers.
    pub headers: Vec<Header>,
    /// Body; `{work}` stands for the work of a task in milliseconds, `{n}` for its number.
    pub body: String,
}

/// What a survey found: the instances of every service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inventory {
    /// By the name of the service.
    pub services: BTreeMap<String, Vec<Instance>>,
}

/// One member of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Instance {
    /// `worker-2`: the service and a number, by start time.
    pub name: String,
    /// Its main process; `None` while it is to be started by the run.
    pub process: Option<ProcessRef>,
}
