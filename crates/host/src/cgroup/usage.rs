//! What a group uses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{CgroupError, Controller, Group, Place, Version, read_value};

/// What a group uses, as far as its hierarchies have the controllers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Processor time since the group was made, user and system.
    pub cpu: Option<Duration>,
    /// Memory now, in bytes, with the page cache.
    pub memory_bytes: Option<u64>,
    /// Tasks (processes and threads) now.
    pub tasks: Option<u64>,
    /// How many processes were killed because memory ran out.
    pub oom_kills: Option<u64>,
}

impl Group {
    /// What it uses.
    pub fn usage(&self) -> Result<Usage, CgroupError> {
        Usage::of(&self.places)
    }
}

impl Usage {
    /// What the group at these places uses. A place that is no longer there is an error.
    pub fn of(places: &[Place]) -> Result<Self, CgroupError> {
        let mut usage = Self::default();
        for place in places {
            let v1 = place.version == Version::V1;
            if v1 && place.has(Controller::Cpuacct) {
                usage.cpu = Some(Duration::from_nanos(number(&place.file("cpuacct.usage"))?));
            }
            // On version 2 every group counts its processor time, whatever it is used for.
            if !v1 {
                let used = keyed(&place.file("cpu.stat"), "usage_usec")?;
                usage.cpu = usage.cpu.or(Some(Duration::from_micros(used)));
            }
            if place.has(Controller::Memory) {
                let (current, events) = if v1 {
                    ("memory.usage_in_bytes", "memory.oom_control")
                } else {
                    ("memory.current", "memory.events")
                };
                let current = place.file(current);
                // The root group of version 2 does not account for itself.
                if v1 || current.exists() {
                    usage.memory_bytes = Some(number(&current)?);
                    usage.oom_kills = Some(keyed(&place.file(events), "oom_kill")?);
                }
            }
            let tasks = place.file("pids.current");
            // Nor does the root group of version 1 count its tasks.
            if place.has(Controller::Pids) && tasks.exists() {
                usage.tasks = Some(number(&tasks)?);
            }
        }
        Ok(usage)
    }
}

pub(super) fn number(path: &Path) -> Result<u64, CgroupError> {
    let text = read_value(path)?;
    let parsed = text.trim().parse();
    parsed.map_err(|_| CgroupError::Malformed { path: path.into(), text })
}

fn keyed(path: &Path, key: &str) -> Result<u64, CgroupError> {
    let text = read_value(path)?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    value.ok_or_else(|| CgroupError::Malformed { path: PathBuf::from(path), text })
}
