//! Holding all processes of a group still: the version 1 freezer, or version 2 itself.
//!
//! Version 1: freezer.state says FREEZING until all have stopped, then FROZEN; a frozen process does
//! not die by SIGKILL before it is thawed. Version 2: cgroup.events says so, and SIGKILL works.
//! Sources: Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst and cgroup-v2.rst.

use std::path::PathBuf;
use std::time::Duration;

use super::value::{is_missing, put};
use super::{CgroupError, Controller, Group, Place, Version, read_value};
use crate::wait;

impl Group {
    /// Holds all its processes still and waits until they are.
    pub fn freeze(&self, timeout: Duration) -> Result<(), CgroupError> {
        self.freezer()?.freeze(timeout)
    }

    /// Lets its processes go on and waits until they do. Harmless if they do already, or are gone.
    pub fn thaw(&self, timeout: Duration) -> Result<(), CgroupError> {
        self.freezer()?.thaw(timeout)
    }

    /// Whether all its processes are held still.
    pub fn is_frozen(&self) -> Result<bool, CgroupError> {
        self.freezer()?.is_frozen()
    }

    fn freezer(&self) -> Result<&Place, CgroupError> {
        let controller = Controller::Freezer;
        let place = self.places.iter().find(|place| place.has(controller));
        place.ok_or(CgroupError::NoController { controller })
    }
}

impl Place {
    /// Holds all processes of the group and those below still and waits until they are.
    pub fn freeze(&self, timeout: Duration) -> Result<(), CgroupError> {
        let own = std::process::id();
        if super::place::pids_in(&self.directory)?.contains(&own) {
            return Err(CgroupError::ContainsUs { path: self.directory.clone() });
        }
        self.ask(match self.version {
            Version::V1 => "FROZEN",
            Version::V2 => "1",
        })?;
        self.until("frozen", timeout, Held::Still)
    }

    /// Lets the processes go on and waits until they do. Harmless if they do already, or are gone.
    pub fn thaw(&self, timeout: Duration) -> Result<(), CgroupError> {
        let asked = self.ask(match self.version {
            Version::V1 => "THAWED",
            Version::V2 => "0",
        });
        match asked {
            Err(CgroupError::Write { source, .. }) if is_missing(&source) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => match self.until("thawed", timeout, Held::No) {
                Err(CgroupError::Read { source, .. }) if is_missing(&source) => Ok(()),
                other => other,
            },
        }
    }

    /// Whether all processes of the group are held still.
    pub fn is_frozen(&self) -> Result<bool, CgroupError> {
        Ok(self.held()?.0 == Held::Still)
    }

    fn ask(&self, text: &str) -> Result<(), CgroupError> {
        let path = self.file(match self.version {
            Version::V1 => "freezer.state",
            Version::V2 => "cgroup.freeze",
        });
        put(&path, text).map_err(|source| CgroupError::Write { path, text: text.into(), source })
    }

    fn held(&self) -> Result<(Held, String, PathBuf), CgroupError> {
        let path = self.file(match self.version {
            Version::V1 => "freezer.state",
            Version::V2 => "cgroup.events",
        });
        let text = read_value(&path)?;
        let held = match self.version {
            Version::V1 => match text.trim() {
                "FROZEN" => Held::Still,
                "FREEZING" => Held::Partly,
                "THAWED" => Held::No,
                _ => return Err(CgroupError::Malformed { path, text }),
            },
            Version::V2 => match text.lines().find_map(|line| line.strip_prefix("frozen ")) {
                Some("1") => Held::Still,
                Some("0") => Held::No,
                _ => return Err(CgroupError::Malformed { path, text }),
            },
        };
        Ok((held, text, path))
    }

    fn until(&self, wanted: &'static str, timeout: Duration, goal: Held) -> Result<(), CgroupError> {
        let mut last = (String::new(), PathBuf::new());
        let reached = wait::until(timeout, || {
            let (held, text, path) = self.held()?;
            last = (text, path);
            Ok::<_, CgroupError>((held == goal).then_some(()))
        })?;
        let (found, path) = last;
        let found = found.trim().replace('\n', ", ");
        reached.ok_or(CgroupError::FreezerStuck { path, wanted, found, timeout })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    No,
    Partly,
    Still,
}
