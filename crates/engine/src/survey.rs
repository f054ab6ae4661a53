//! Finding the processes of a service that squall did not start.

use std::path::PathBuf;
use std::time::Duration;

use squall_host::cgroup::Hierarchies;
use squall_host::find::{self, Socket};
use squall_host::glob::Glob;
use squall_host::process::Process;
use squall_host::tool::Tool;
use squall_model::id::ProcessRef;
use squall_model::target::{Find, Instance, Inventory, Service, Target};

use crate::filling::Filling;
use crate::reason::reason;

/// The processes of a service could not be looked for. "None" is an answer, not an error.
#[derive(Debug, thiserror::Error)]
#[error("look for the processes of {service}: {why}")]
pub struct SurveyError {
    /// The service.
    pub service: String,
    /// Why.
    pub why: String,
}

/// A program that lists processes must answer within this.
const PATIENCE: Duration = Duration::from_secs(10);

/// The instances of every service. Those that the run is going to start have no process yet.
pub fn survey(target: &Target, filling: &Filling) -> Result<Inventory, SurveyError> {
    let mut inventory = Inventory::default();
    for service in target.services.values() {
        inventory.services.insert(service.name.clone(), instances(service, filling)?);
    }
    Ok(inventory)
}

/// The instances of one service, the oldest first.
pub fn instances(service: &Service, filling: &Filling) -> Result<Vec<Instance>, SurveyError> {
    let name = |number: usize| format!("{}-{}", service.name, number + 1);
    if let Find::Start(start) = &service.find {
        return Ok((0..start.count as usize).map(|n| Instance { name: name(n), process: None }).collect());
    }
    let found = processes(&service.name, &service.find, filling)?;
    let named = found.into_iter().enumerate();
    Ok(named.map(|(n, process)| Instance { name: name(n), process: Some(process) }).collect())
}

/// The living main processes that a finder finds, the oldest first.
pub fn processes(service: &str, find: &Find, filling: &Filling) -> Result<Vec<ProcessRef>, SurveyError> {
    let wrong = |why: String| SurveyError { service: service.to_owned(), why };
    let found = match find {
        Find::Start(_) | Find::Elsewhere {} => return Ok(Vec::new()),
        Find::Name(pattern) => find::named(&Glob::new(pattern)).map_err(|error| wrong(reason(&error)))?,
        Find::CommandLine(pattern) => {
            let regex = regex::Regex::new(pattern).map_err(|error| wrong(error.to_string()))?;
            find::with_command_line(|line| regex.is_match(line)).map_err(|error| wrong(reason(&error)))?
        }
        Find::PidFile(path) => {
            let path = PathBuf::from(filling.fill(path).map_err(|error| wrong(reason(&error)))?);
            let found = find::in_pid_file(&path).map_err(|error| wrong(reason(&error)))?;
            found.into_iter().collect()
        }
        Find::Port(port) => find::listening(&Socket::Tcp(*port)).map_err(|error| wrong(reason(&error)))?,
        Find::Cgroup(path) => Hierarchies::read()
            .map_err(|error| wrong(reason(&error)))
            .and_then(|groups| find::in_group(&groups, path).map_err(|error| wrong(reason(&error))))?,
        Find::Unit(unit) => unit_process(unit).map_err(wrong)?,
        Find::List(argv) => {
            listed(&filling.fill_all(argv).map_err(|error| wrong(reason(&error)))?).map_err(wrong)?
        }
    };
    let own = std::process::id();
    let found = found.into_iter().filter(|process| process.pid != own);
    Ok(found.map(|process| ProcessRef { pid: process.pid, started: process.started }).collect())
}

/// `systemctl show` prints `MainPID=0` for a unit that does not run, and fails for none.
fn unit_process(unit: &str) -> Result<Vec<Process>, String> {
    let said = Tool::new("systemctl", PATIENCE)
        .args(["show", "--property=MainPID", "--property=LoadState", "--value", unit])
        .run()
        .map_err(|error| reason(&error))?;
    if !said.exit.is_success() {
        return Err(format!("systemctl {}: {}", said.exit, said.stderr.text().trim()));
    }
    let text = said.stdout.text();
    if text.lines().any(|line| line == "not-found") {
        return Err(format!("there is no unit {unit}"));
    }
    let pid = text.lines().find_map(|line| line.parse::<u32>().ok());
    match pid {
        Some(0) => Ok(Vec::new()),
        Some(pid) => {
            Process::of(pid).map(|found| found.into_iter().collect()).map_err(|error| reason(&error))
        }
        None => Err(format!("systemctl names no main process of {unit}")),
    }
}

fn listed(argv: &[String]) -> Result<Vec<Process>, String> {
    let (program, arguments) = argv.split_first().ok_or("the list command is empty")?;
    let said = Tool::new(program, PATIENCE).args(arguments).run().map_err(|error| reason(&error))?;
    if !said.exit.is_success() {
        return Err(format!("{program} {}: {}", said.exit, said.stderr.text().trim()));
    }
    let mut found = Vec::new();
    for line in said.stdout.text().lines().map(str::trim).filter(|line| !line.is_empty()) {
        let pid: u32 = line.parse().map_err(|_| format!("{program} printed `{line}`, which is not a PID"))?;
        found.extend(Process::of(pid).map_err(|error| reason(&error))?);
    }
    found.sort_by_key(|process| process.started);
    Ok(found)
}
