//! What can be done here: found out by doing it, harmlessly, to things of our own.

mod group;

use std::error::Error;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::limit::{self, Resource};
use crate::machine::Machine;
use crate::proc::{self, is_gone};
use crate::process::facts::status_field;
use crate::process::{Process, State};
use crate::redirect;
use crate::signal::Signal;
use crate::spawn::{Child, Spawn};
use crate::wait;

/// One thing that was tried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// What.
    pub mechanism: Mechanism,
    /// How it went.
    pub outcome: Outcome,
}

/// A means that faults need.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// Stopping, continuing and killing our own processes through a pidfd.
    Signal,
    /// The same with processes of other users.
    SignalOthers,
    /// Children that die with us, and first when memory runs out.
    Leash,
    /// Lowering a limit of another process, and putting it back.
    Prlimit,
    /// Reading who holds which socket, environment and program, also of other users.
    SeeOthers,
    /// A control group with a processor quota.
    CgroupCpu,
    /// A control group with a memory limit.
    CgroupMemory,
    /// A control group with a limit of tasks.
    CgroupTasks,
    /// A control group that can be frozen.
    CgroupFreezer,
    /// Leading connections of this machine through a proxy by a table of nftables.
    Redirect,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Signal,
        Self::SignalOthers,
        Self::Leash,
        Self::Prlimit,
        Self::SeeOthers,
        Self::CgroupCpu,
        Self::CgroupMemory,
        Self::CgroupTasks,
        Self::CgroupFreezer,
        Self::Redirect,
    ];
}

impl fmt::Display for Mechanism {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Signal => "stop, continue and kill own processes",
            Self::SignalOthers => "stop, continue and kill processes of other users",
            Self::Leash => "start children that die with squall",
            Self::Prlimit => "lower the limits of a process",
            Self::SeeOthers => "see what processes of other users hold open",
            Self::CgroupCpu => "limit processor time in a control group",
            Self::CgroupMemory => "limit memory in a control group",
            Self::CgroupTasks => "limit tasks in a control group",
            Self::CgroupFreezer => "freeze a control group",
            Self::Redirect => "lead connections through a proxy by nftables",
        })
    }
}

/// How a trial went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It works.
    Can,
    /// It does not.
    Cannot {
        /// Why, with all causes.
        why: String,
        /// What a person can do about it.
        remedy: String,
    },
}

/// Tries everything. Takes a few hundred milliseconds and leaves nothing.
pub fn try_all() -> Vec<Trial> {
    Mechanism::ALL.into_iter().map(attempt).collect()
}

/// Tries one thing.
pub fn attempt(mechanism: Mechanism) -> Trial {
    let (done, remedy) = match mechanism {
        Mechanism::Signal => (signal(), "run on Linux 5.3 or later, with pidfd allowed by seccomp"),
        Mechanism::SignalOthers => (capability(5, "CAP_KILL"), "run as root or with CAP_KILL"),
        Mechanism::Leash => (leash(), "mount /proc, and run programs from it without restrictions"),
        Mechanism::Prlimit => (prlimit(), "allow prlimit(2) in the seccomp profile"),
        Mechanism::SeeOthers => (see_others(), "run as root, or with CAP_SYS_PTRACE"),
        Mechanism::Redirect => (
            redirect::attempt().map_err(Failed::from),
            "install nftables (the program nft), and run as root or with CAP_NET_ADMIN on Linux 5.12 or later",
        ),
        Mechanism::CgroupCpu
        | Mechanism::CgroupMemory
        | Mechanism::CgroupTasks
        | Mechanism::CgroupFreezer => (
            group::attempt(&mechanism),
            "run as root, or in a delegated group: systemd-run --user --scope -p Delegate=yes squall",
        ),
    };
    let outcome = match done {
        Ok(()) => Outcome::Can,
        Err(error) => Outcome::Cannot { why: story(&*error), remedy: remedy.into() },
    };
    Trial { mechanism, outcome }
}

/// Tries whether `dir` can be filled by a file that vanishes with us.
pub fn fill(dir: &Path) -> Outcome {
    let done = disk::is_root_filesystem(dir).map_err(Failed::from).and_then(|root| {
        if root {
            return Err(format!("fill {}: it is on the root file system", dir.display()).into());
        }
        disk::nameless(dir)?;
        Ok(())
    });
    match done {
        Ok(()) => Outcome::Can,
        Err(error) => Outcome::Cannot {
            why: story(&*error),
            remedy: "name a directory that you may write to, on a file system of its own".into(),
        },
    }
}

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

const PATIENCE: Duration = Duration::from_secs(2);

/// A child that only sleeps. It is killed when it goes out of sight.
pub(crate) struct Subject(Child);

impl Subject {
    pub(crate) fn start() -> Result<Self, Failed> {
        Ok(Self(Spawn::program("sleep").arg("60").oom_score_adj(1000).start()?))
    }

    pub(crate) fn process(&self) -> Process {
        self.0.process()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // If this fails, the child still dies with us.
        let _ = self.process().signal(Signal::Kill);
        let _ = self.0.wait(PATIENCE);
    }
}

fn signal() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    let process = subject.process();
    for (signal, held) in [(Signal::Stop, true), (Signal::Cont, false)] {
        process.signal(signal)?;
        let seen = wait::until(PATIENCE, || {
            let stopped = process.state()? == Some(State::Stopped);
            Ok::<_, Failed>((stopped == held).then_some(()))
        })?;
        seen.ok_or_else(|| format!("see the effect of {signal} on a child"))?;
    }
    process.signal(Signal::Kill)?;
    subject.0.wait(PATIENCE)?.ok_or("see a child die of SIGKILL")?;
    Ok(())
}

fn leash() -> Result<(), Failed> {
    // Starting it sets both; a kernel that refuses makes the start fail.
    let subject = Subject::start()?;
    let text = fs::read_to_string(format!("/proc/{}/oom_score_adj", subject.process().pid))?;
    if text.trim() == "1000" {
        return Ok(());
    }
    Err(format!("see oom_score_adj raised: it is {}", text.trim()).into())
}

fn prlimit() -> Result<(), Failed> {
    let subject = Subject::start()?;
    let process = subject.process();
    let previous = limit::read(process, Resource::Descriptors)?;
    limit::set(process, Resource::Descriptors, Some(16))?;
    limit::restore(process, Resource::Descriptors, Some(16), previous)?;
    Ok(())
}

/// Some processes hide from everybody, so one that can be seen is enough.
fn see_others() -> Result<(), Failed> {
    let own = rustix::process::getuid().as_raw().to_string();
    let mut refused = None;
    for pid in proc::pids()? {
        let Some(process) = Process::of(pid)? else { continue };
        let Some((dir, stat)) = process.dir()? else { continue };
        let Ok(status) = dir.text("status") else { continue };
        let user = status_field(&status, "Uid").and_then(|users| users.split_whitespace().next());
        if stat.is_kernel_thread() || !stat.is_alive() || user == Some(own.as_str()) {
            continue;
        }
        match dir.list("fd") {
            Ok(_) => return Ok(()),
            Err(error) if is_gone(&error) => {}
            Err(error) => refused = Some(format!("look at process {pid}: {error}")),
        }
    }
    match refused {
        Some(refused) => Err(refused.into()),
        // Nobody else is here to be looked at.
        None => capability(19, "CAP_SYS_PTRACE"),
    }
}

fn capability(number: u32, name: &str) -> Result<(), Failed> {
    if Machine::read()?.has_capability(number) {
        return Ok(());
    }
    Err(format!("act on processes of other users: {name} is missing").into())
}

fn story(error: &dyn Error) -> String {
    let mut text = format!("could not {error}");
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}
