//! F12: TCP ports bound by a process of squall: nobody else can listen on them or connect from them.

use std::time::Duration;

use squall_host::cgroup::Controller;
use squall_host::stress::{Measured, Stress};
use squall_model::undo::Undo;

use super::{Prepared, Refusal, Site, stressor};

const READY_WITHIN: Duration = Duration::from_secs(20);

pub(super) fn prepare(site: &Site, first: u16, last: u16) -> Result<Prepared, Refusal> {
    if first > last {
        return Err(format!("port {first} comes after port {last}"));
    }
    let undo = Undo::KillMarked { mark: site.mark() };
    let steps = stressor::steps(site, Stress::Ports { first, last }, &[Controller::Memory], undo);
    let ready = stressor::ready(site, READY_WITHIN);
    let effect = move || match ready()? {
        Measured::Ports { count: 0, taken } => Err(format!("all {taken} ports were in use already")),
        Measured::Ports { count, taken: 0 } => Ok(format!("{count} ports are bound")),
        Measured::Ports { count, taken } => {
            Ok(format!("{count} ports are bound, {taken} were in use already"))
        }
        other => Err(format!("the stressor measured {other:?}")),
    };
    Ok(Prepared { steps, effect: Box::new(effect), expects: None })
}
