//! Finding again what we have started, whoever of us started it, by a variable in its environment.
//!
//! A process gives its environment to everything that it starts, so a mark reaches the children that
//! have left its group, session and tree.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use crate::proc::{self, ProcDir, Stat, is_forbidden, is_gone};
use crate::process::{Delivery, Process, ProcessError};
use crate::signal::Signal;
use crate::wait;

/// The name of the variable.
pub const VARIABLE: &str = "SQUALL_MARK";

/// What could not be done with marked processes.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The list of processes, or the environment of one.
    #[error("look for processes marked `{mark}`")]
    Look {
        /// The mark.
        mark: String,
        /// Why.
        source: ProcessError,
    },
    /// One could not be killed.
    #[error("kill the processes marked `{mark}`")]
    Kill {
        /// The mark.
        mark: String,
        /// Why.
        source: ProcessError,
    },
    /// Some are left.
    #[error("see all processes marked `{mark}` gone within {timeout:?}: {} left, first {}", left.len(), left[0])]
    Left {
        /// The mark.
        mark: String,
        /// How long it was tried.
        timeout: Duration,
        /// Those that are left, at least one.
        left: Vec<Process>,
    },
}

/// All living processes with this mark, oldest first, without ourselves.
///
/// A process that hides its environment (another user's, or one that has made itself undumpable) is
/// passed over, unless its parent, group or session shows that it is one of these: that is an error.
pub fn marked(mark: &str) -> Result<Vec<Process>, MarkError> {
    let found = scan().map_err(|source| MarkError::Look { mark: mark.into(), source })?;
    Ok(found.into_iter().filter(|(_, own)| own == mark).map(|(process, _)| process).collect())
}

/// All living processes with any mark, and the mark; oldest first, without ourselves.
pub fn all() -> Result<Vec<(Process, String)>, MarkError> {
    scan().map_err(|source| MarkError::Look { mark: "*".into(), source })
}

/// Kills all processes with this mark until none is found, also those that are started meanwhile.
/// Stopped ones die too; those in a frozen v1 cgroup only after a thaw. Returns the proof.
pub fn kill_marked(mark: &str, timeout: Duration) -> Result<String, MarkError> {
    let mut killed = HashSet::new();
    let mut clean = 0;
    let mut left = Vec::new();
    let done = wait::until(timeout, || {
        left = marked(mark)?;
        if left.is_empty() {
            clean += 1;
            // A fork may slip past one scan, behind the place that was read already.
            return Ok((clean == 2).then_some(()));
        }
        clean = 0;
        for process in &left {
            match process.signal(Signal::Kill) {
                Ok(Delivery::Sent) => {
                    killed.insert(*process);
                }
                Ok(Delivery::AlreadyGone) => {}
                Err(source) => return Err(MarkError::Kill { mark: mark.into(), source }),
            }
        }
        Ok(None)
    })?;
    match done {
        Some(()) => Ok(format!("no process marked `{mark}` is left ({} killed)", killed.len())),
        None if left.is_empty() => Ok(format!("no process marked `{mark}` is left")),
        None => Err(MarkError::Left { mark: mark.into(), timeout, left }),
    }
}

/// What the environment of a process says.
enum Sight {
    Marked(Process, String),
    Unmarked,
    /// We are not allowed to look.
    Hidden(Stat, io::Error),
    /// A program in the middle of its exec has no environment for a moment.
    Unsettled,
}

fn scan() -> Result<Vec<(Process, String)>, ProcessError> {
    let own = std::process::id();
    let mut found = Vec::new();
    let mut hidden = Vec::new();
    let mut again = Vec::new();
    for pid in proc::pids().map_err(|source| ProcessError::List { source })? {
        if pid == own {
            continue;
        }
        match look(pid)? {
            Sight::Marked(process, mark) => found.push((process, mark)),
            Sight::Unmarked => {}
            Sight::Hidden(stat, source) => hidden.push((pid, stat, source)),
            Sight::Unsettled => again.push(pid),
        }
    }
    // Some programs really have neither arguments nor environment: a few milliseconds tell them apart.
    wait::until(Duration::from_millis(6), || {
        let mut still = Vec::new();
        for pid in again.drain(..) {
            match look(pid)? {
                Sight::Marked(process, mark) => found.push((process, mark)),
                Sight::Unmarked => {}
                Sight::Hidden(stat, source) => hidden.push((pid, stat, source)),
                Sight::Unsettled => still.push(pid),
            }
        }
        again = still;
        Ok::<_, ProcessError>(again.is_empty().then_some(()))
    })?;
    let kin: HashSet<u32> = found.iter().map(|(process, _)| process.pid).collect();
    let suspect = hidden
        .into_iter()
        .find(|(_, stat, _)| [stat.parent, stat.group, stat.session].iter().any(|other| kin.contains(other)));
    if let Some((pid, _, source)) = suspect {
        return Err(ProcessError::Read { pid, what: "environ", source });
    }
    found.sort_by_key(|(process, _)| (process.started, process.pid));
    Ok(found)
}

fn look(pid: u32) -> Result<Sight, ProcessError> {
    let open = ProcDir::open(pid).map_err(|source| ProcessError::Open { pid, source })?;
    let Some(dir) = open else {
        return Ok(Sight::Unmarked);
    };
    let read = |what, error: io::Error| {
        if is_gone(&error) {
            Ok(Sight::Unmarked)
        } else {
            Err(ProcessError::Read { pid, what, source: error })
        }
    };
    let environment = match dir.read("environ") {
        Ok(environment) => environment,
        Err(error) if is_forbidden(&error) => {
            return match dir.stat() {
                Ok(stat) if stat.is_alive() => Ok(Sight::Hidden(stat, error)),
                Ok(_) => Ok(Sight::Unmarked),
                Err(other) => read("stat", other),
            };
        }
        Err(error) => return read("environ", error),
    };
    let mark = find(&environment);
    if mark.is_none() && !environment.is_empty() {
        return Ok(Sight::Unmarked);
    }
    let stat: Stat = match dir.stat() {
        Ok(stat) => stat,
        Err(error) => return read("stat", error),
    };
    Ok(match mark {
        Some(mark) if stat.is_alive() => Sight::Marked(Process::from_stat(pid, &stat), mark),
        None if !stat.is_alive() || stat.is_kernel_thread() => Sight::Unmarked,
        // The kernel lays down the arguments together with the environment.
        None if dir.read("cmdline").is_ok_and(|arguments| arguments.is_empty()) => Sight::Unsettled,
        _ => Sight::Unmarked,
    })
}

fn find(environment: &[u8]) -> Option<String> {
    environment
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(VARIABLE.as_bytes())?.strip_prefix(b"="))
        .map(|mark| String::from_utf8_lossy(mark).into_owned())
}
