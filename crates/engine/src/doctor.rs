//! What can be injected here, what cannot, why, and how to change that: found out by trying.

use std::path::Path;

use serde::Serialize;
use squall_host::capability::{self, Mechanism, Outcome};
use squall_model::fault::{Fault, PauseBy};
use squall_model::target::Service;

/// Whether one kind of fault can be injected here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ability {
    /// The kind, as people write it, with its variant: `process-pause (freezer)`.
    pub fault: String,
    /// Everything that stands in the way; empty: it can be injected.
    pub obstacles: Vec<Obstacle>,
}

/// Something that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// Why not.
    pub why: String,
    /// What a person can do about it.
    pub remedy: String,
}

/// Every kind of fault, with the means that it needs.
const NEEDS: [(&str, &[Mechanism]); 26] = [
    ("process-kill", &[Mechanism::Signal]),
    ("process-pause (signal)", &[Mechanism::Signal]),
    ("process-pause (freezer)", &[Mechanism::CgroupFreezer]),
    ("cpu-stress", &[Mechanism::Leash]),
    ("memory-pressure", &[Mechanism::Leash]),
    ("disk-fill", &[Mechanism::Leash]),
    ("inode-exhaustion", &[Mechanism::Leash]),
    ("port-exhaustion", &[Mechanism::Leash]),
    ("fd-exhaustion", &[Mechanism::Prlimit]),
    ("pid-exhaustion", &[Mechanism::CgroupTasks]),
    ("cgroup-limit (cpu)", &[Mechanism::CgroupCpu]),
    ("cgroup-limit (memory)", &[Mechanism::CgroupMemory]),
    ("cgroup-limit (pids)", &[Mechanism::CgroupTasks]),
    ("service-stop", &[Mechanism::Signal]),
    ("service-kill", &[Mechanism::Signal]),
    ("service-restart", &[Mechanism::Signal]),
    ("service-scale", &[Mechanism::Signal]),
    ("tcp", &[]),
    ("udp", &[]),
    ("http", &[]),
    ("websocket", &[]),
    ("redis", &[]),
    ("postgres", &[]),
    ("tls", &[]),
    ("traffic (transparent proxy)", &[Mechanism::Redirect]),
    ("command", &[]),
];

/// Tries everything, harmlessly. `fill`: a folder to be asked whether it could be filled.
pub fn diagnose(fill: Option<&Path>) -> Vec<Ability> {
    let trials = capability::try_all();
    let obstacle = |mechanism: &Mechanism| {
        let trial = trials.iter().find(|trial| trial.mechanism == *mechanism)?;
        obstacle_of(&trial.outcome)
    };
    let mut abilities: Vec<Ability> = NEEDS
        .iter()
        .map(|(fault, needs)| Ability {
            fault: (*fault).to_owned(),
            obstacles: needs.iter().filter_map(obstacle).collect(),
        })
        .collect();
    if let Some(dir) = fill {
        let disk = abilities.iter_mut().filter(|ability| ability.fault == "disk-fill");
        for ability in disk {
            ability.obstacles.extend(obstacle_of(&capability::fill(dir)));
        }
    }
    abilities
}

/// What stands in the way of these means.
pub fn obstacles(needs: &[Mechanism]) -> Vec<Obstacle> {
    needs
        .iter()
        .filter_map(|mechanism| obstacle_of(&capability::attempt(mechanism.clone()).outcome))
        .collect()
}

/// The means that one fault needs, on this service where it acts on one.
pub fn needs(fault: &Fault, service: Option<&Service>) -> Vec<Mechanism> {
    match fault {
        Fault::ProcessPause { by: PauseBy::Freezer, .. } => vec![Mechanism::CgroupFreezer],
        Fault::ProcessKill { .. }
        | Fault::ProcessPause { by: PauseBy::Signal, .. }
        | Fault::ServiceStop {}
        | Fault::ServiceKill {}
        | Fault::ServiceRestart {}
        | Fault::ServiceScale { .. } => vec![Mechanism::Signal],
        Fault::CpuStress { .. }
        | Fault::MemoryPressure { .. }
        | Fault::DiskFill { .. }
        | Fault::InodeExhaustion { .. }
        | Fault::PortExhaustion { .. } => {
            vec![Mechanism::Leash]
        }
        Fault::FdExhaustion { .. } => vec![Mechanism::Prlimit],
        Fault::PidExhaustion { .. } => vec![Mechanism::CgroupTasks],
        Fault::CgroupLimit { cpu, memory, pids } => {
            let mut needs = Vec::new();
            needs.extend(cpu.map(|_| Mechanism::CgroupCpu));
            needs.extend(memory.map(|_| Mechanism::CgroupMemory));
            needs.extend(pids.map(|_| Mechanism::CgroupTasks));
            needs
        }
        Fault::Traffic { .. } => {
            let via = service.and_then(|service| service.proxy.as_ref());
            via.and_then(|via| via.redirect.as_ref()).map(|_| Mechanism::Redirect).into_iter().collect()
        }
        Fault::Command { .. } => vec![],
    }
}

fn obstacle_of(outcome: &Outcome) -> Option<Obstacle> {
    match outcome {
        Outcome::Can => None,
        Outcome::Cannot { why, remedy } => Some(Obstacle { why: why.clone(), remedy: remedy.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // S4: the list is complete.
    #[test]
    fn every_kind_of_fault_is_diagnosed() {
        for kind in Fault::KINDS {
            let is_listed = NEEDS.iter().any(|(fault, _)| fault.split(' ').next() == Some(kind));
            assert!(is_listed, "{kind} is missing");
        }
    }
}
