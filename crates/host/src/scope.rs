//! From one process to all that are meant with it: four different sets in a real job queue (F6).
//!
//! A worker that was started with `setsid` has left the group and the session of its parent, but
//! not its tree. A worker whose parent has ended (a double fork) has left the tree, but neither the
//! group nor the session.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::proc;
use crate::process::{Process, ProcessError};

/// Who is meant along with a process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// It alone.
    Itself,
    /// All processes of its process group, setpgid(2).
    Group,
    /// All processes of its session, setsid(2).
    Session,
    /// It, its children, their children and so on.
    Tree,
}

/// How often a tree is walked again because it has grown.
const ROUNDS: usize = 64;

impl Scope {
    /// All that are meant with `process`, alive, oldest first, `process` among them.
    pub fn members(self, process: Process) -> Result<Vec<Process>, ProcessError> {
        let own = process.stat()?;
        if !own.is_alive() {
            return Err(ProcessError::Gone { pid: process.pid });
        }
        let mut members = match self {
            Self::Itself => vec![process],
            Self::Group => select(|stat| stat.group == own.group)?,
            Self::Session => select(|stat| stat.session == own.session)?,
            Self::Tree => tree(process)?,
        };
        members.sort_by_key(|member| (member.started, member.pid));
        Ok(members)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Itself => "itself",
            Self::Group => "group",
            Self::Session => "session",
            Self::Tree => "tree",
        })
    }
}

fn select(belongs: impl Fn(&proc::Stat) -> bool) -> Result<Vec<Process>, ProcessError> {
    let stats = proc::stats().map_err(|source| ProcessError::List { source })?;
    Ok(stats
        .iter()
        .filter(|(_, stat)| stat.is_alive() && belongs(stat))
        .map(|(pid, stat)| Process::from_stat(*pid, stat))
        .collect())
}

/// Walks until nobody new appears: a process may fork while the list is being read.
fn tree(root: Process) -> Result<Vec<Process>, ProcessError> {
    let mut seen = HashSet::from([root]);
    for _ in 0..ROUNDS {
        let before = seen.len();
        let mut stats = proc::stats().map_err(|source| ProcessError::List { source })?;
        // A child's number may be smaller than its parent's, so one pass is not enough.
        let mut pids: HashSet<u32> = HashSet::new();
        for (pid, stat) in &stats {
            if seen.contains(&Process::from_stat(*pid, stat)) {
                pids.insert(*pid);
            }
        }
        loop {
            let found = pids.len();
            stats.retain(|(pid, stat)| {
                if pids.contains(&stat.parent) && stat.is_alive() {
                    pids.insert(*pid);
                    seen.insert(Process::from_stat(*pid, stat));
                    return false;
                }
                true
            });
            if pids.len() == found {
                break;
            }
        }
        if seen.len() == before {
            break;
        }
    }
    let mut alive = Vec::new();
    for member in seen {
        if member.is_alive()? {
            alive.push(member);
        }
    }
    Ok(alive)
}
