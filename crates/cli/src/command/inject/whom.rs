//! Whom a fault by hand hits.

use std::path::PathBuf;

use clap::Args;
use squall_host::process::Process;
use squall_model::target::{Find, Instance};
use squall_model::template::Template;

use crate::failure::Failure;

/// One way of finding processes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Whom")]
pub(crate) struct Whom {
    #[command(flatten)]
    way: Way,
    /// Hit all processes that are found, not just a single one
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Whom")]
#[group(required = true, multiple = false)]
struct Way {
    /// The process with this id
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(2..))]
    pid: Option<u32>,
    /// Processes by program name; `*` stands for anything
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Processes whose whole command line matches a regular expression
    #[arg(long, value_name = "REGEX")]
    command_line: Option<String>,
    /// The process whose id stands in a file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Processes that listen on a TCP port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Processes of a control group: its path below the hierarchy's root
    #[arg(long, value_name = "PATH")]
    cgroup: Option<String>,
    /// The main process of a systemd unit
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
}

impl Whom {
    /// How the processes are found.
    pub(crate) fn find(&self) -> Find {
        let Way { pid, name, command_line, pid_file, port, cgroup, unit } = &self.way;
        let file = pid_file.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
        let found = pid
            .map(|pid| Find::List(vec!["echo".into(), Template(pid.to_string())]))
            .or_else(|| name.clone().map(Find::Name))
            .or_else(|| command_line.clone().map(Find::CommandLine))
            .or_else(|| file.map(|path| Find::PidFile(Template(path.display().to_string()))))
            .or_else(|| port.map(Find::Port))
            .or_else(|| cgroup.clone().map(Find::Cgroup))
            .or_else(|| unit.clone().map(Find::Unit));
        found.expect("the command line demands one of them")
    }

    /// The same, in words that also fit the process that takes its place after a kill: its id will be another.
    pub(crate) fn find_again(&self) -> Result<Find, Failure> {
        let Some(pid) = self.way.pid else { return Ok(self.find()) };
        let gone = || Failure::refused(format!("there is no process {pid}: there is nothing to hit"));
        let process = Process::of(pid).ok().flatten().ok_or_else(gone)?;
        let words = process.command_line().map_err(|_| gone())?;
        Ok(Find::CommandLine(format!("^{}$", regex::escape(&words.join(" ")))))
    }

    /// Those that are hit. Fails when nothing was found, or more than was asked for.
    pub(crate) fn chosen<'a>(&self, found: &'a [Instance]) -> Result<Vec<&'a Instance>, Failure> {
        let is_meant = |one: &&Instance| {
            self.way.pid.is_none_or(|pid| one.process.is_some_and(|process| process.pid == pid))
        };
        let chosen: Vec<&Instance> = found.iter().filter(is_meant).collect();
        let pids: Vec<String> =
            chosen.iter().filter_map(|one| one.process).map(|process| process.pid.to_string()).collect();
        match pids.len() {
            0 => Err(Failure::refused("no such process was found: there is nothing to hit")),
            1 => Ok(chosen),
            _ if self.all => Ok(chosen),
            several => Err(Failure::refused(format!("{several} processes were found: {}", pids.join(", ")))
                .hint("name one with --pid, or hit all of them with --all")),
        }
    }
}
