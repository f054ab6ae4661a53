//! Limits: in a group of our own, or in place where the target is.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::value::same;
use super::{CgroupError, Controller, Group, Hierarchies, Place, Version};
use super::{read_value, restore, write_value};
use crate::process::Process;
use crate::restoration::Restoration;

/// How much a group may use.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Processor time in percent of one core: 150 is one and a half cores. The kernel takes no less
    /// than 1 ms a period, usually 1 percent.
    Cpu(f64),
    /// Memory in bytes, swap counted in; rounded down to whole pages.
    Memory(u64),
    /// Tasks (processes and threads).
    Tasks(u64),
}

/// One value to set, and what is needed to put the previous one back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Setting {
    /// The file.
    pub path: PathBuf,
    /// What it says before, to the byte.
    pub previous: String,
    /// What is to be written.
    pub wanted: String,
}

/// What the kernel takes at least: 1 ms, Documentation/scheduler/sched-bwc.rst.
const LEAST_QUOTA_MICROS: u64 = 1000;

impl Group {
    /// Sets a limit and reads it back. There is nothing to undo: the limit goes with the group.
    pub fn limit(&self, limit: Limit) -> Result<(), CgroupError> {
        let controller = limit.controller();
        let place = self.places.iter().find(|place| place.has(controller));
        let place = place.ok_or(CgroupError::NoController { controller })?;
        limit.settings(place)?.iter().try_for_each(Setting::apply)
    }
}

impl Hierarchies {
    /// What it takes to limit the group that `process` is in now, in the order of applying; restore
    /// in the opposite order. Nothing is changed yet. All processes of that group are affected.
    pub fn in_place(&self, process: Process, limit: Limit) -> Result<Vec<Setting>, CgroupError> {
        let controller = limit.controller();
        let places = self.places_of(process, &[controller])?;
        let place = places.first().ok_or(CgroupError::NoGroup { pid: process.pid, controller })?;
        if place.directory == place.base {
            return Err(CgroupError::Root { path: place.directory.clone() });
        }
        limit.settings(place)
    }

    /// The processes that share the group which `process` is in for `controller`, itself among
    /// them: those that a limit in place would hit.
    pub fn sharers(&self, process: Process, controller: Controller) -> Result<Vec<Process>, CgroupError> {
        let places = self.places_of(process, &[controller])?;
        let place = places.first().ok_or(CgroupError::NoGroup { pid: process.pid, controller })?;
        place.members()
    }
}

impl Limit {
    /// Which controller enforces it.
    pub fn controller(self) -> Controller {
        match self {
            Self::Cpu(_) => Controller::Cpu,
            Self::Memory(_) => Controller::Memory,
            Self::Tasks(_) => Controller::Pids,
        }
    }

    fn settings(self, place: &Place) -> Result<Vec<Setting>, CgroupError> {
        let to = |name: &str, wanted: String| Setting::plan(place.file(name), wanted);
        match (self, place.version) {
            (Self::Cpu(percent), Version::V1) => {
                let period = super::usage::number(&place.file("cpu.cfs_period_us"))?;
                Ok(vec![to("cpu.cfs_quota_us", quota(percent, period).to_string())?])
            }
            (Self::Cpu(percent), Version::V2) => {
                let path = place.file("cpu.max");
                let text = read_value(&path)?;
                let period = text.split_whitespace().nth(1).and_then(|word| word.parse().ok());
                let Some(period) = period else {
                    return Err(CgroupError::Malformed { path, text });
                };
                Ok(vec![to("cpu.max", format!("{} {period}", quota(percent, period)))?])
            }
            (Self::Memory(bytes), Version::V1) => {
                let wanted = whole_pages(bytes).to_string();
                let mut settings = vec![to("memory.limit_in_bytes", wanted.clone())?];
                // There without swap accounting it is missing.
                if place.file("memory.memsw.limit_in_bytes").exists() {
                    settings.push(to("memory.memsw.limit_in_bytes", wanted)?);
                }
                // With swap may never be less than without: a higher limit starts at the other end.
                if settings[0].is_raise() {
                    settings.reverse();
                }
                Ok(settings)
            }
            (Self::Memory(bytes), Version::V2) => {
                let mut settings = vec![to("memory.max", whole_pages(bytes).to_string())?];
                if place.file("memory.swap.max").exists() {
                    settings.push(to("memory.swap.max", "0".into())?);
                }
                Ok(settings)
            }
            (Self::Tasks(count), _) => Ok(vec![to("pids.max", count.to_string())?]),
        }
    }
}

impl Setting {
    fn plan(path: PathBuf, wanted: String) -> Result<Self, CgroupError> {
        Ok(Self { previous: read_value(&path)?, path, wanted })
    }

    /// Writes the value and checks that it is in place.
    pub fn apply(&self) -> Result<(), CgroupError> {
        let found = write_value(&self.path, &self.wanted)?;
        if same(&found, &self.wanted) {
            return Ok(());
        }
        Err(CgroupError::NotTaken {
            path: self.path.clone(),
            wrote: self.wanted.clone(),
            found: found.trim().into(),
        })
    }

    /// Puts the previous value back, unless somebody else has changed it since.
    pub fn restore(&self) -> Result<Restoration, CgroupError> {
        restore(&self.path, &self.wanted, &self.previous)
    }

    /// The file it is about.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn is_raise(&self) -> bool {
        let number = |text: &str| text.trim().parse::<u64>().unwrap_or(u64::MAX);
        number(&self.wanted) > number(&self.previous)
    }
}

fn quota(percent_of_a_core: f64, period_micros: u64) -> u64 {
    let quota = percent_of_a_core / 100.0 * period_micros as f64;
    (quota.round() as u64).max(LEAST_QUOTA_MICROS)
}

/// The kernel rounds as well: what it says afterwards must be what was written.
fn whole_pages(bytes: u64) -> u64 {
    let page = rustix::param::page_size() as u64;
    bytes / page * page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_share_of_the_period_and_never_too_small() {
        assert_eq!(quota(50.0, 100_000), 50_000);
        assert_eq!(quota(150.0, 100_000), 150_000);
        assert_eq!(quota(0.1, 100_000), 1000);
    }

    #[test]
    fn memory_with_swap_is_raised_first_and_lowered_last() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] {
            std::fs::write(dir.path().join(name), "1048576\n").unwrap();
        }
        let place = Place {
            version: Version::V1,
            controllers: vec![Controller::Memory],
            directory: dir.path().into(),
            base: "/".into(),
        };
        let first = |bytes| {
            let settings = Limit::Memory(bytes).settings(&place).unwrap();
            settings[0].path.file_name().unwrap().to_owned()
        };
        assert_eq!(first(4096), "memory.limit_in_bytes");
        assert_eq!(first(4 << 20), "memory.memsw.limit_in_bytes");
    }
}
