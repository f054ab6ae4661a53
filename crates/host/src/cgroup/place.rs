//! One group in one hierarchy.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{CgroupError, Controller, Version, read_value};
use crate::process::Process;

/// One group in one hierarchy: a directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Which interface it speaks.
    pub version: Version,
    /// What it is used for.
    pub controllers: Vec<Controller>,
    /// The directory.
    pub directory: PathBuf,
    /// The directory above it that was there before and stays: the root, or what we were given.
    pub base: PathBuf,
}

impl Place {
    /// Whether it is used for `controller`.
    pub fn has(&self, controller: Controller) -> bool {
        self.controllers.contains(&controller)
    }

    /// A file of the group.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The processes in it, without those in groups below, without zombies.
    pub fn members(&self) -> Result<Vec<Process>, CgroupError> {
        let mut members = Vec::new();
        for pid in pids_in(&self.directory)? {
            if let Some(process) = Process::of(pid)?
                && process.is_alive()?
            {
                members.push(process);
            }
        }
        Ok(members)
    }
}

/// The numbers in cgroup.procs; zero stands for a process outside of our PID namespace.
pub(super) fn pids_in(directory: &Path) -> Result<Vec<u32>, CgroupError> {
    let path = directory.join("cgroup.procs");
    let text = read_value(&path)?;
    let mut pids = Vec::new();
    for line in text.lines() {
        let pid = line.trim().parse();
        let pid = pid.map_err(|_| CgroupError::Malformed { path: path.clone(), text: line.into() })?;
        if pid != 0 && !pids.contains(&pid) {
            pids.push(pid);
        }
    }
    Ok(pids)
}
