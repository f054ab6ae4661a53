//! F8, F9, F12: limits of the chosen processes: in their own cgroup where nobody else shares it, otherwise in one that
//! squall makes for them.

use std::collections::BTreeSet;

use squall_host::cgroup::{CgroupError, Hierarchies, Limit, Setting, read_value};
use squall_host::process::Process;
use squall_model::fault::Scope;
use squall_model::undo::Undo;
use squall_model::unit::{Bytes, Percent};

use super::aside::{self, Terms};
use super::{Measuring, Prepared, Refusal, Site};
use crate::change::{Change, Hold, Step};
use crate::reason::reason;

pub(super) fn prepare(
    site: &Site,
    cpu: Option<Percent>,
    memory: Option<Bytes>,
    pids: Option<u32>,
) -> Result<Prepared, Refusal> {
    let processes = site.reach(Scope::Tree)?;
    let mut limits = Vec::new();
    limits.extend(cpu.map(|cpu| Limit::Cpu(cpu.0)));
    limits.extend(memory.map(|memory| Limit::Memory(memory.0)));
    limits.extend(pids.map(|pids| Limit::Tasks(u64::from(pids))));
    if limits.is_empty() {
        return Err("it limits nothing".to_owned());
    }
    let hierarchies = Hierarchies::read().map_err(|error| reason(&error))?;
    match in_place(&hierarchies, &processes, &limits)? {
        Some(settings) => Ok(rewrite(settings)),
        None => move_aside(site, processes, limits),
    }
}

/// The settings to change where the processes are; `None` where others would be hit too.
fn in_place(
    hierarchies: &Hierarchies,
    processes: &[Process],
    limits: &[Limit],
) -> Result<Option<Vec<Setting>>, Refusal> {
    let ours: BTreeSet<u32> = processes.iter().map(|process| process.pid).collect();
    let mut settings: Vec<Setting> = Vec::new();
    for process in processes {
        for limit in limits {
            let sharers =
                hierarchies.sharers(*process, limit.controller()).map_err(|error| reason(&error))?;
            if sharers.iter().any(|sharer| !ours.contains(&sharer.pid)) {
                return Ok(None);
            }
            match hierarchies.in_place(*process, *limit) {
                Ok(more) => {
                    for setting in more {
                        if !settings.iter().any(|known| known.path == setting.path) {
                            settings.push(setting);
                        }
                    }
                }
                Err(CgroupError::Root { .. }) => return Ok(None),
                Err(error) => return Err(reason(&error)),
            }
        }
    }
    Ok(Some(settings))
}

fn rewrite(settings: Vec<Setting>) -> Prepared {
    let effect = in_effect(settings.clone());
    let steps = settings.into_iter().map(|setting| Step {
        undo: Undo::RestoreValue {
            path: setting.path.display().to_string(),
            wrote: setting.wanted.clone(),
            previous: setting.previous.clone(),
        },
        change: Change::Setting(setting),
    });
    Prepared { steps: steps.collect(), effect, expects: None }
}

fn in_effect(settings: Vec<Setting>) -> Measuring {
    Box::new(move || {
        let mut seen = Vec::new();
        for setting in &settings {
            let found = read_value(&setting.path).map_err(|error| reason(&error))?;
            if found.trim() != setting.wanted.trim() {
                return Err(format!("{} says {}", setting.path.display(), found.trim()));
            }
            seen.push(format!("{} is {}", setting.path.display(), found.trim()));
        }
        Ok(seen.join(", "))
    })
}

fn move_aside(site: &Site, processes: Vec<Process>, limits: Vec<Limit>) -> Result<Prepared, Refusal> {
    let controllers = limits.iter().map(|limit| limit.controller()).collect();
    let count = processes.len();
    let (step, group) = aside::step(site, processes, Terms { controllers, limits, hold: Hold::Free })?;
    let effect = move || {
        let members = group.members().map_err(|error| reason(&error))?.len();
        if members == 0 {
            return Err("no process is in the cgroup".to_owned());
        }
        Ok(format!("{members} of {count} processes are in the limited cgroup squall/{}", group.name))
    };
    Ok(Prepared { steps: vec![step], effect: Box::new(effect), expects: None })
}
