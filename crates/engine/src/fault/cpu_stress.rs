//! F8: busy loops on this host, in processes of squall.

use std::time::Duration;

use squall_host::cgroup::Controller;
use squall_host::machine::Machine;
use squall_host::stress::{Measured, Stress};
use squall_model::undo::Undo;
use squall_model::unit::Percent;

use super::{Prepared, Refusal, Site, stressor};
use crate::reason::reason;

const READY_WITHIN: Duration = Duration::from_secs(5);
/// A machine that is busy anyway gives a stressor less; below this share of what was asked there is no effect.
const LEAST_SHARE: f64 = 0.2;

pub(super) fn prepare(site: &Site, percent: Percent, workers: Option<u32>) -> Result<Prepared, Refusal> {
    let cores = Machine::read().map_err(|error| reason(&error))?.cores;
    let workers = workers.unwrap_or(cores as u32);
    let undo = Undo::KillMarked { mark: site.mark() };
    let stress = Stress::Cpu { percent: percent.0, workers };
    let steps = stressor::steps(site, stress, &[Controller::Cpuacct], undo);
    let ready = stressor::ready(site, READY_WITHIN);
    let effect = move || match ready()? {
        Measured::Cpu { percent: measured, workers } if measured >= percent.0 * LEAST_SHARE => {
            Ok(format!("{workers} workers use {measured:.0} % of a core each"))
        }
        Measured::Cpu { percent: measured, .. } => {
            Err(format!("the workers use only {measured:.1} % of a core each"))
        }
        other => Err(format!("the stressor measured {other:?}")),
    };
    Ok(Prepared { steps, effect: Box::new(effect), expects: None })
}
