//! F12: a cgroup that allows only so many more processes and threads: the next fork fails with EAGAIN.

use squall_host::cgroup::{Controller, Group, Limit};
use squall_model::fault::Scope;

use super::aside::{self, Terms};
use super::{Prepared, Refusal, Site};
use crate::change::Hold;
use crate::reason::reason;

pub(super) fn prepare(site: &Site, spare: u32) -> Result<Prepared, Refusal> {
    let processes = site.reach(Scope::Tree)?;
    let mut tasks = 0;
    for process in &processes {
        tasks += u64::from(process.threads().map_err(|error| reason(&error))?);
    }
    let allowed = tasks + u64::from(spare);
    let terms =
        Terms { controllers: vec![Controller::Pids], limits: vec![Limit::Tasks(allowed)], hold: Hold::Free };
    let (step, group) = aside::step(site, processes, terms)?;
    let effect = move || measure(&group, allowed);
    Ok(Prepared { steps: vec![step], effect: Box::new(effect), expects: None })
}

fn measure(group: &Group, allowed: u64) -> Result<String, String> {
    let now = group.usage().map_err(|error| reason(&error))?.tasks;
    match now {
        Some(0) | None => Err("the cgroup counts no processes".to_owned()),
        Some(now) => Ok(format!("{now} of {allowed} processes and threads are in use")),
    }
}
