//! Facts of a cgroup.

use std::path::{Path, PathBuf};
use std::time::Duration;

use squall_host::cgroup::{Controller, Hierarchies, Place, Usage};
use squall_model::measure::{CgroupFact, Outcome};
use squall_model::unit::Unit;
use tokio::time::Instant;

use crate::json;
use crate::unread::{Unread, could_not};

pub(crate) struct Cgroup {
    path: PathBuf,
    fact: CgroupFact,
    cpu: Option<(Instant, Duration)>,
    oom_kills: u64,
}

impl Cgroup {
    pub(crate) fn new(path: &str, fact: CgroupFact) -> Self {
        let path = Path::new("/").join(path);
        let mut cgroup = Self { path, fact, cpu: None, oom_kills: 0 };
        // A group that is not there yet begins at zero.
        let usage = cgroup.usage().ok().flatten().unwrap_or_default();
        cgroup.cpu = Some((Instant::now(), usage.cpu.unwrap_or_default()));
        cgroup.oom_kills = usage.oom_kills.unwrap_or_default();
        cgroup
    }

    /// Absent: there is no such group.
    pub(crate) fn read(&mut self) -> Result<Outcome, Unread> {
        let Some(usage) = self.usage()? else { return Ok(Outcome::Absent) };
        match self.fact {
            CgroupFact::Cpu => self.cpu(usage.cpu.ok_or_else(|| not_counted(Controller::Cpuacct))?),
            CgroupFact::Memory => number(usage.memory_bytes, Controller::Memory, Unit::Bytes),
            CgroupFact::Pids => number(usage.tasks, Controller::Pids, Unit::Number),
            CgroupFact::OomKills => {
                let kills = usage.oom_kills.ok_or_else(|| not_counted(Controller::Memory))?;
                // A group that was made anew counts from zero.
                self.oom_kills = if kills < self.oom_kills { 0 } else { self.oom_kills };
                number(Some(kills - self.oom_kills), Controller::Memory, Unit::Number)
            }
        }
    }

    fn cpu(&mut self, used: Duration) -> Result<Outcome, Unread> {
        let now = Instant::now();
        let (before, used_before) = self.cpu.replace((now, used)).unwrap_or((now, used));
        // Less than before: the group was made anew.
        let spent = used.checked_sub(used_before).unwrap_or(used);
        let window = now - before;
        if window.is_zero() {
            return Err("no time has passed since the reading before".into());
        }
        json::number(spent.as_secs_f64() / window.as_secs_f64() * 100.0, Unit::Percent)
    }

    fn usage(&self) -> Result<Option<Usage>, Unread> {
        let controller = match self.fact {
            CgroupFact::Cpu => Controller::Cpuacct,
            CgroupFact::Memory | CgroupFact::OomKills => Controller::Memory,
            CgroupFact::Pids => Controller::Pids,
        };
        let hierarchies = Hierarchies::read().map_err(|error| could_not(&error))?;
        let hierarchy = hierarchies.with(controller).map_err(|error| could_not(&error))?;
        let directory = hierarchy
            .directory(&self.path)
            .ok_or_else(|| Unread::from("the group is outside of what is mounted here"))?;
        if !directory.is_dir() {
            return Ok(None);
        }
        let place = Place {
            version: hierarchy.version,
            controllers: vec![controller],
            directory: directory.clone(),
            base: hierarchy.mount.clone(),
        };
        match Usage::of(&[place]) {
            Ok(usage) => Ok(Some(usage)),
            // It went while it was read.
            Err(_) if !directory.is_dir() => Ok(None),
            Err(error) => Err(could_not(&error)),
        }
    }
}

fn number(value: Option<u64>, controller: Controller, unit: Unit) -> Result<Outcome, Unread> {
    let value = value.ok_or_else(|| not_counted(controller))?;
    json::number(value as f64, unit)
}

fn not_counted(controller: Controller) -> Unread {
    Unread(format!("the controller `{}` does not count for this group", controller.name()))
}
