//! Faults: how each looks at the machine, which steps it takes, and how its effect is measured.
//!
//! A fault is prepared without changing anything: it reads what the undo needs and says its steps, each an undo and a
//! change. The driver writes the undo, makes the change, and then asks the fault to measure. A fault without an effect
//! is an error.

mod aside;
mod cgroup_limit;
mod command;
mod cpu_stress;
mod disk_fill;
mod fd_exhaustion;
mod inode_exhaustion;
mod memory_pressure;
mod pid_exhaustion;
mod port_exhaustion;
mod process_kill;
mod process_pause;
mod service;
pub(crate) mod stressor;
mod traffic;

pub(crate) use traffic::with_files;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use squall_host::clock;
use squall_host::process::Process;
use squall_host::protected;
use squall_host::scope;
use squall_model::event::FaultRef;
use squall_model::fault::{Fault, Scope};
use squall_model::id::RunId;
use squall_model::target::{Find, Service};
use squall_model::template::{Argv, Template};
use squall_model::traffic::Protocol;
use squall_model::undo::Undo;
use squall_model::unit::{Percent, Span};

use crate::change::Step;
use crate::filling::Filling;
use crate::plural;
use crate::reason::reason;
use crate::recast::process;

/// Where and for how long a fault acts: everything that preparing it may look at.
#[derive(Clone, Debug)]
pub struct Site {
    /// The fault and its window.
    pub fault: FaultRef,
    /// The run.
    pub run: RunId,
    /// The service, for faults that need one.
    pub service: Option<Service>,
    /// The chosen instances, and their processes.
    pub targets: Vec<Target>,
    /// The number of instances that the service has now.
    pub count: u32,
    /// The share of the traffic that is hit, of what the fault says: that of the stage.
    pub share: Percent,
    /// Time from now to the deadline.
    pub remaining: Duration,
    /// Values for references.
    pub filling: Arc<Filling>,
    /// The binary with the `__stress` command.
    pub squall: PathBuf,
    /// A folder for reports of stressors.
    pub dir: PathBuf,
}

/// One chosen instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub instance: String,
    /// Its main process.
    pub process: Process,
}

/// A fault that is ready to be injected.
pub struct Prepared {
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// Measures the effect; run after the last step.
    pub effect: Measuring,
    /// Watches the service after the injection, where the fault expects something of it.
    pub expects: Option<Expects>,
}

/// Measures once, taking as long as it must; what was measured, or why there is no effect.
pub type Measuring = Box<dyn FnOnce() -> Result<String, String> + Send>;

/// The service must be whole again.
#[derive(Clone, Debug)]
pub struct Expects {
    /// Time for it, from the injection.
    pub within: Span,
    /// The number of instances that it must have.
    pub count: u32,
    /// The processes that were killed: they do not count.
    pub except: Vec<Process>,
}

/// Why a fault cannot be injected. Nothing was changed.
pub type Refusal = String;

/// Prepares a fault. Looks, and changes nothing.
pub fn prepare(fault: &Fault, site: &Site) -> Result<Prepared, Refusal> {
    match fault {
        Fault::ProcessKill { signal, scope, expect_restart } => {
            process_kill::prepare(site, *signal, *scope, *expect_restart)
        }
        Fault::ProcessPause { scope, by } => process_pause::prepare(site, *scope, *by),
        Fault::CpuStress { percent, workers } => cpu_stress::prepare(site, *percent, *workers),
        Fault::MemoryPressure { amount, ramp } => memory_pressure::prepare(site, *amount, *ramp),
        Fault::DiskFill { path, amount } => disk_fill::prepare(site, path, *amount),
        Fault::InodeExhaustion { path, percent } => inode_exhaustion::prepare(site, path, *percent),
        Fault::PortExhaustion { first, last } => port_exhaustion::prepare(site, *first, *last),
        Fault::FdExhaustion { percent } => fd_exhaustion::prepare(site, *percent),
        Fault::PidExhaustion { spare } => pid_exhaustion::prepare(site, *spare),
        Fault::CgroupLimit { cpu, memory, pids } => cgroup_limit::prepare(site, *cpu, *memory, *pids),
        Fault::ServiceStop {} => service::stop(site),
        Fault::ServiceKill {} => service::kill(site),
        Fault::ServiceRestart {} => service::restart(site),
        Fault::ServiceScale { to, every } => service::scale(site, *to, *every),
        Fault::Traffic { protocol, toxics, percent, .. } => {
            // A protocol that has requests draws for each of them, which its rule says.
            let has_requests = !matches!(protocol, Protocol::Tcp | Protocol::Udp);
            let per_connection = if has_requests { Percent(100.0) } else { *percent };
            // Of what the fault says its stage has a share: that is what the toxicity of a rule is, too.
            traffic::prepare(site, toxics, Percent(per_connection.0 * site.share.0 / 100.0))
        }
        Fault::Command { inject, undo, check, timeout } => {
            command::prepare(site, inject, undo, check, *timeout)
        }
    }
}

/// Time that a service has to have its instances again.
pub(crate) const START_WITHIN: Span = Span::seconds(10);
/// Between two looks at an effect that takes a moment.
const PAUSE: Duration = Duration::from_millis(5);

impl Site {
    /// A part of names that is different for each stage and window of a fault.
    fn number(&self) -> String {
        let FaultRef { stage, window, .. } = &self.fault;
        stage.map_or_else(|| window.to_string(), |stage| format!("{stage}-{window}"))
    }

    /// The mark of everything that this fault starts.
    fn mark(&self) -> String {
        format!("{}/{}-{}", self.run, self.fault.name, self.number())
    }

    /// A name for a cgroup, unique among runs: the end of the id is random, its beginning a time.
    fn group_name(&self) -> String {
        let id = self.run.as_str();
        let tail = &id[id.len().saturating_sub(12)..];
        let name: String = self
            .fault
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .take(40)
            .collect();
        format!("{tail}-{name}-{}", self.number())
    }

    /// A name that no toxic of anybody else has.
    fn toxic_name(&self, number: usize) -> String {
        format!("squall-{}-{number}", self.group_name())
    }

    fn service(&self) -> Result<&Service, Refusal> {
        self.service.as_ref().ok_or_else(|| "it needs a service to act on".to_owned())
    }

    fn is_supervised(&self) -> bool {
        self.service.as_ref().is_some_and(|service| matches!(service.find, Find::Start(_)))
    }

    fn instances(&self) -> Vec<String> {
        self.targets.iter().map(|target| target.instance.clone()).collect()
    }

    /// The chosen processes as far as the scope reaches, without any that must not be touched.
    fn reach(&self, scope: Scope) -> Result<Vec<Process>, Refusal> {
        if self.targets.is_empty() {
            return Err("none of the chosen instances is running".to_owned());
        }
        let scope = match scope {
            Scope::Process => scope::Scope::Itself,
            Scope::Group => scope::Scope::Group,
            Scope::Session => scope::Scope::Session,
            Scope::Tree => scope::Scope::Tree,
        };
        let mut reached = Vec::new();
        let mut seen = BTreeSet::new();
        for target in &self.targets {
            for member in scope.members(target.process).map_err(|error| reason(&error))? {
                protected::check(member, protected::NAMES.iter().copied()).map_err(|error| reason(&error))?;
                if seen.insert((member.pid, member.started)) {
                    reached.push(member);
                }
            }
        }
        if reached.is_empty() {
            Err("none of the chosen processes is there any more".to_owned())
        } else {
            Ok(reached)
        }
    }

    /// What brings the service back to the instances that it has now.
    fn bring_back(&self, within: Span) -> Result<Undo, Refusal> {
        let service = self.service()?;
        if self.is_supervised() {
            return Ok(Undo::Resume { service: service.name.clone(), count: self.count, within });
        }
        Ok(Undo::StartService {
            service: service.name.clone(),
            find: service.find.clone(),
            count: self.count,
            start: self.start_command()?,
            within,
        })
    }

    /// A program that starts the service, where there is one.
    fn start_command(&self) -> Result<Option<Argv>, Refusal> {
        let service = self.service()?;
        match (&service.control.start, &service.find) {
            (Some(start), _) => self.filling.fill_plain(start).map(Some).map_err(|error| reason(&error)),
            (None, Find::Unit(unit)) => {
                Ok(Some(vec!["systemctl".into(), "start".into(), Template(unit.clone())]))
            }
            (None, _) => Ok(None),
        }
    }
}

/// Waits until `is` gives an answer, for at most `within`; then says what it was waiting for.
fn wait_for<T>(
    within: Duration,
    what: &str,
    mut is: impl FnMut() -> Result<Option<T>, String>,
) -> Result<T, String> {
    let until = clock::since_boot() + within;
    loop {
        if let Some(answer) = is()? {
            return Ok(answer);
        }
        if clock::since_boot() >= until {
            return Err(format!("{what} after {within:?}"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// How many of these are still alive.
fn living(processes: &[Process]) -> Result<usize, String> {
    let mut alive = 0;
    for process in processes {
        if process.is_alive().map_err(|error| reason(&error))? {
            alive += 1;
        }
    }
    Ok(alive)
}

/// Measures that all of these are gone.
fn gone(processes: Vec<Process>, within: Duration) -> Measuring {
    Box::new(move || {
        wait_for(within, "processes are still alive", || Ok((living(&processes)? == 0).then_some(())))?;
        Ok(format!("gone: {}", plural::processes(processes.len())))
    })
}

/// The process as the model names it.
fn references(processes: &[Process]) -> Vec<squall_model::id::ProcessRef> {
    processes.iter().copied().map(crate::recast::reference).collect()
}

impl Target {
    /// An instance of an inventory; `None` without a process.
    pub fn of(instance: &squall_model::target::Instance) -> Option<Self> {
        instance
            .process
            .map(|reference| Self { instance: instance.name.clone(), process: process(reference) })
    }
}
