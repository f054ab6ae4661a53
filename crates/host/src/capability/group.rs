//! Trying control groups: one of our own with a sleeping child in it, limited, frozen and removed.

use std::time::Duration;

use super::{Failed, Mechanism, Subject};
use crate::cgroup::{Controller, Group, Hierarchies, Home, Limit};

const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn attempt(mechanism: &Mechanism) -> Result<(), Failed> {
    let controller = match mechanism {
        Mechanism::CgroupCpu => Controller::Cpu,
        Mechanism::CgroupMemory => Controller::Memory,
        Mechanism::CgroupTasks => Controller::Pids,
        _ => Controller::Freezer,
    };
    let hierarchies = Hierarchies::read()?;
    let name = format!("trial-{}-{}", std::process::id(), controller.name());
    let group = hierarchies.plan(&name, &[controller])?;
    let subject = Subject::start()?;
    let home = hierarchies.home(subject.process())?;
    let tried = on(&group, controller, &subject, &home);
    // Also after a failure: a part of it may have been made.
    let removed = group.remove(&[home], PATIENCE);
    tried?;
    removed?;
    Ok(())
}

fn on(group: &Group, controller: Controller, subject: &Subject, home: &Home) -> Result<(), Failed> {
    group.create()?;
    group.add(home.process)?;
    if !group.members()?.contains(&subject.process()) {
        return Err("see a child in the group that it was moved to".into());
    }
    match controller {
        Controller::Cpu | Controller::Cpuacct => group.limit(Limit::Cpu(50.0))?,
        Controller::Memory => group.limit(Limit::Memory(64 << 20))?,
        Controller::Pids => group.limit(Limit::Tasks(16))?,
        Controller::Freezer => {
            group.freeze(PATIENCE)?;
            group.thaw(PATIENCE)?;
        }
    }
    Ok(())
}
