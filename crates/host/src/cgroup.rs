//! Control groups, cgroups(7): version 1, version 2, and both at once (hybrid).
//!
//! ```text
//! Hierarchies --plan--> Group  --create, add, limit, freeze--> kill_all, remove     a group of our own
//!             --in_place--> [Setting]  --apply--> restore                           the target's own group
//!             --home-->  Home    where a process was before it was added: what remove() needs
//! ```
//!
//! A [`Group`], a [`Setting`] and a [`Home`] are plain data: write them down first, then act.

mod freeze;
mod group;
mod hierarchy;
mod home;
mod limit;
mod place;
mod usage;
mod value;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use group::Group;
pub use hierarchy::{Hierarchies, Hierarchy};
pub use home::Home;
pub use limit::{Limit, Setting};
pub use place::Place;
pub use usage::Usage;
pub use value::{read_value, restore, write_value};

use crate::process::ProcessError;

/// What a group can account for or limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Controller {
    /// Processor quota. With version 2 also its accounting.
    Cpu,
    /// Processor accounting.
    Cpuacct,
    /// Memory.
    Memory,
    /// The number of tasks (processes and threads).
    Pids,
    /// Holding all processes still. Part of version 2 itself.
    Freezer,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Cpu, Self::Cpuacct, Self::Memory, Self::Pids, Self::Freezer];

    /// Its name in /proc/PID/cgroup.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Freezer => "freezer",
        }
    }
}

/// Which interface a hierarchy speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Version {
    /// One hierarchy a controller, or a few.
    V1,
    /// One hierarchy for all.
    V2,
}

/// Why something could not be done with a control group.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// A file of the kernel could not be read.
    #[error("read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A value was refused.
    #[error("write `{text}` to {path}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What was written.
        text: String,
        /// Why; EBUSY: less memory than is in use and cannot be given back.
        source: io::Error,
    },
    /// A value was taken, but another one is in place.
    #[error("see `{wrote}` in {path}: it says `{found}`")]
    NotTaken {
        /// Which file.
        path: PathBuf,
        /// What was written.
        wrote: String,
        /// What it says.
        found: String,
    },
    /// A value is no number.
    #[error("understand `{text}` in {path}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What it says.
        text: String,
    },
    /// The kernel or the mounts have no such controller.
    #[error("find the {} controller in any hierarchy", controller.name())]
    NoController {
        /// Which one.
        controller: Controller,
    },
    /// A name that would leave our directory.
    #[error("name a group `{name}`: letters, digits, `.`, `-` and `_` only, and not starting with `.`")]
    Name {
        /// The name.
        name: String,
    },
    /// A group could not be made. EEXIST: there is one with this name.
    #[error("make the group {path}")]
    Make {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A group could not be removed.
    #[error("remove the group {path} within {timeout:?}")]
    Remove {
        /// Its directory.
        path: PathBuf,
        /// How long it was tried.
        timeout: Duration,
        /// Why.
        source: io::Error,
    },
    /// A process is in no group of a hierarchy, or that is not mounted where we can see it.
    #[error("find the {} group of process {pid}", controller.name())]
    NoGroup {
        /// Its number.
        pid: u32,
        /// Of which controller.
        controller: Controller,
    },
    /// The process is in the group that all are in: it has no limits.
    #[error(
        "limit {path} in place: it is the root of the hierarchy, which has no limits; use a group of its own"
    )]
    Root {
        /// The directory.
        path: PathBuf,
    },
    /// There is no such group.
    #[error("find the group `{path}` in any hierarchy")]
    Missing {
        /// The path asked for.
        path: String,
    },
    /// The group would freeze ourselves.
    #[error("freeze {path}: we are in it")]
    ContainsUs {
        /// Its directory.
        path: PathBuf,
    },
    /// Not all came to a halt, or got going again.
    #[error("see {path} {wanted} within {timeout:?}: it says `{found}`")]
    FreezerStuck {
        /// The file that says so.
        path: PathBuf,
        /// `frozen` or `thawed`.
        wanted: &'static str,
        /// What it says.
        found: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// Some processes of the group are left.
    #[error("see all processes in {path} gone within {timeout:?}: {left} left")]
    Left {
        /// Its directory.
        path: PathBuf,
        /// How many.
        left: usize,
        /// How long it was tried.
        timeout: Duration,
    },
    /// A fact or a signal.
    #[error("look at a process of a group")]
    Process(#[from] ProcessError),
}
