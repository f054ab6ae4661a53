//! F23: a service stopped, killed, restarted, scaled: by the run's own supervisor, systemd, or the target's programs.

use std::time::Duration;

use squall_host::process::Process;
use squall_host::signal::Signal;
use squall_model::fault::Scope;
use squall_model::target::Find;
use squall_model::template::{Argv, Template};
use squall_model::undo::Undo;
use squall_model::unit::Span;

use super::{Measuring, Prepared, Refusal, START_WITHIN, Site, gone, living, wait_for};
use crate::change::{Change, Step};
use crate::plural;
use crate::reason::reason;
use crate::supervisor::Order;
use crate::survey;

const STOPS_WITHIN: Duration = Duration::from_secs(20);

pub(super) fn stop(site: &Site) -> Result<Prepared, Refusal> {
    if site.is_supervised() {
        return hold(site, Signal::Term);
    }
    let processes = site.reach(Scope::Process)?;
    let Undo::StartService { start: Some(_), .. } = site.bring_back(START_WITHIN)? else {
        return Err(
            "nothing is known that starts the service again: give it `control: { start: [...] }`".to_owned()
        );
    };
    let stop = command(site, |control| control.stop.as_ref(), "stop")?;
    let change = Change::Run { argv: stop, timeout: STOPS_WITHIN, mark: None };
    let undo = site.bring_back(START_WITHIN)?;
    Ok(Prepared { steps: vec![Step { undo, change }], effect: gone(processes, STOPS_WITHIN), expects: None })
}

pub(super) fn kill(site: &Site) -> Result<Prepared, Refusal> {
    if site.is_supervised() {
        return hold(site, Signal::Kill);
    }
    let processes = site.reach(Scope::Process)?;
    let undo = site.bring_back(START_WITHIN)?;
    let change = Change::Signal { processes: processes.clone(), signal: Signal::Kill };
    Ok(Prepared { steps: vec![Step { undo, change }], effect: gone(processes, STOPS_WITHIN), expects: None })
}

fn hold(site: &Site, signal: Signal) -> Result<Prepared, Refusal> {
    let processes = site.reach(Scope::Process)?;
    let service = site.service()?.name.clone();
    let change = Change::Service(Order::Hold { service, instances: site.instances(), signal });
    let undo = site.bring_back(START_WITHIN)?;
    Ok(Prepared { steps: vec![Step { undo, change }], effect: gone(processes, STOPS_WITHIN), expects: None })
}

pub(super) fn restart(site: &Site) -> Result<Prepared, Refusal> {
    let processes = site.reach(Scope::Process)?;
    let service = site.service()?.name.clone();
    let change = if site.is_supervised() {
        Change::Service(Order::Restart { service, instances: site.instances() })
    } else {
        let argv = command(site, |control| control.restart.as_ref(), "restart")?;
        Change::Run { argv, timeout: STOPS_WITHIN, mark: None }
    };
    let undo = site.bring_back(START_WITHIN)?;
    Ok(Prepared { steps: vec![Step { undo, change }], effect: gone(processes, STOPS_WITHIN), expects: None })
}

pub(super) fn scale(site: &Site, to: u32, every: Option<Span>) -> Result<Prepared, Refusal> {
    let service = site.service()?;
    let name = service.name.clone();
    if to == site.count {
        return Err(format!("{name} has {to} instances already"));
    }
    let every = every.map_or(Duration::ZERO, |every| every.0);
    let steps_apart = every * to.abs_diff(site.count);
    if site.is_supervised() {
        let undo = site.bring_back(START_WITHIN)?;
        let change = Change::Service(Order::Scale { service: name, to, every });
        let before: Vec<Process> = site.targets.iter().map(|target| target.process).collect();
        let (count, down) = (site.count, to < site.count);
        let effect: Measuring = Box::new(move || {
            if down {
                let wanted = to as usize;
                wait_for(STOPS_WITHIN, "there are too many instances", || {
                    Ok((living(&before)? <= wanted).then_some(()))
                })?;
            }
            Ok(format!("{}, {count} before", plural::instances(to)))
        });
        return Ok(Prepared { steps: vec![Step { undo, change }], effect, expects: None });
    }
    let Some(scale) = &service.control.scale else {
        return Err(
            "nothing is known that scales the service: give it `control: { scale: [..., \"{count}\"] }`"
                .to_owned(),
        );
    };
    if !every.is_zero() {
        return Err("one every so long is only there for services that the run starts".to_owned());
    }
    let fill = |count| site.filling.fill_scale(scale, count).map_err(|error| reason(&error));
    let undo = Undo::ScaleBack {
        service: name.clone(),
        find: service.find.clone(),
        count: site.count,
        scale: site.filling.fill_plain(&counted(scale, site.count)).map_err(|error| reason(&error))?,
        within: START_WITHIN,
    };
    let change = Change::Run { argv: fill(to)?, timeout: STOPS_WITHIN + steps_apart, mark: None };
    let (find, filling, count) = (service.find.clone(), site.filling.clone(), site.count);
    let effect = move || {
        wait_for(STOPS_WITHIN, "the number of instances is another", || {
            let found = survey::processes(&name, &find, &filling).map_err(|error| reason(&error))?;
            Ok((found.len() == to as usize).then_some(()))
        })?;
        Ok(format!("{}, {count} before", plural::instances(to)))
    };
    Ok(Prepared { steps: vec![Step { undo, change }], effect: Box::new(effect), expects: None })
}

/// The words of a scale command with their number, and with the references that are filled in when it is run.
fn counted(scale: &Argv, count: u32) -> Argv {
    scale.iter().map(|word| Template(word.0.replace("{count}", &count.to_string()))).collect()
}

/// A program of the target's, or systemd's word for it.
fn command(
    site: &Site,
    of: impl Fn(&squall_model::target::Control) -> Option<&Argv>,
    verb: &str,
) -> Result<Vec<String>, Refusal> {
    let service = site.service()?;
    match (of(&service.control), &service.find) {
        (Some(argv), _) => site.filling.fill_all(argv).map_err(|error| reason(&error)),
        (None, Find::Unit(unit)) => Ok(vec!["systemctl".into(), verb.into(), unit.clone()]),
        (None, _) => {
            Err(format!("nothing is known that {verb}s the service: give it `control: {{ {verb}: [...] }}`"))
        }
    }
}
