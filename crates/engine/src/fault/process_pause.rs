//! F7: processes stand still, by SIGSTOP or in a frozen cgroup.

use std::time::Duration;

use squall_host::cgroup::{Controller, Group};
use squall_host::process::{Process, State};
use squall_host::signal::Signal;
use squall_model::fault::{PauseBy, Scope};
use squall_model::undo::Undo;

use super::aside::{self, Terms};
use super::{Measuring, Prepared, Refusal, Site, references, wait_for};
use crate::change::{Change, Hold, Step};
use crate::plural;
use crate::reason::reason;

const STOPS_WITHIN: Duration = Duration::from_secs(2);
/// Time over which a held process must not use any processor time.
const STILL_FOR: Duration = Duration::from_millis(30);

pub(super) fn prepare(site: &Site, scope: Scope, by: PauseBy) -> Result<Prepared, Refusal> {
    let processes = site.reach(scope)?;
    for process in &processes {
        if process.state().map_err(|error| reason(&error))? == Some(State::Stopped) {
            return Err(format!("pid {} is stopped already, and not by this fault", process.pid));
        }
    }
    match by {
        PauseBy::Signal => Ok(Prepared {
            steps: vec![Step {
                undo: Undo::Continue { processes: references(&processes) },
                change: Change::Signal { processes: processes.clone(), signal: Signal::Stop },
            }],
            effect: stopped(processes),
            expects: None,
        }),
        PauseBy::Freezer => freeze(site, processes),
    }
}

fn freeze(site: &Site, processes: Vec<Process>) -> Result<Prepared, Refusal> {
    let terms = Terms { controllers: vec![Controller::Freezer], limits: vec![], hold: Hold::Frozen };
    let (step, group) = aside::step(site, processes.clone(), terms)?;
    Ok(Prepared { steps: vec![step], effect: frozen(group, processes), expects: None })
}

fn stopped(processes: Vec<Process>) -> Measuring {
    Box::new(move || {
        wait_for(STOPS_WITHIN, "processes are not stopped", || {
            for process in &processes {
                match process.state().map_err(|error| reason(&error))? {
                    Some(State::Stopped) => {}
                    None | Some(State::Zombie | State::Dead) => {
                        return Err(format!("pid {} ended", process.pid));
                    }
                    Some(_) => return Ok(None),
                }
            }
            Ok(Some(()))
        })?;
        stand_still(&processes)?;
        Ok(format!("in state T and without processor time: {}", plural::processes(processes.len())))
    })
}

fn frozen(group: Group, processes: Vec<Process>) -> Measuring {
    Box::new(move || {
        if !group.is_frozen().map_err(|error| reason(&error))? {
            return Err("the kernel does not say that the group is frozen".to_owned());
        }
        stand_still(&processes)?;
        Ok(format!("frozen and without processor time: {}", plural::processes(processes.len())))
    })
}

fn stand_still(processes: &[Process]) -> Result<(), String> {
    let used = || -> Result<Duration, String> {
        let times: Result<Vec<Duration>, _> = processes.iter().map(|process| process.cpu_time()).collect();
        Ok(times.map_err(|error| reason(&error))?.into_iter().sum())
    };
    let before = used()?;
    std::thread::sleep(STILL_FOR);
    if used()? == before { Ok(()) } else { Err("the processes still use processor time".to_owned()) }
}
