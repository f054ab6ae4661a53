//! Injecting a fault: look, write the undo, change, measure.

use std::rc::Rc;
use std::time::Duration;

use squall_host::clock;
use squall_host::spawn::Child;
use squall_model::event::{EventKind, FaultRef, Offset};
use squall_model::plan::PlannedFault;
use squall_model::target::{Find, Instance};
use squall_model::unit::Span;

use super::{Run, UnderWay};
use crate::boundary::Boundary;
use crate::change::{Change, Made, Step};
use crate::driver::start::is_left_out;
use crate::fault::{self, Expects, Prepared, Site, Target};
use crate::machine::Input;
use crate::reason::reason;
use crate::supervisor::instance::ended;
use crate::survey;

const PAUSE: Duration = Duration::from_millis(20);

/// Injects a fault in a task of its own, which says to the machine how it went.
pub(in crate::driver) fn inject(run: &Rc<Run>, fault: FaultRef, until: Offset) {
    let under_way = UnderWay::default();
    run.hand.under_way.borrow_mut().insert(fault.clone(), under_way.clone());
    let run = Rc::clone(run);
    tokio::task::spawn_local(async move {
        let outcome = try_inject(&run, &fault, until, &under_way).await;
        under_way.is_made.cancel();
        match outcome {
            Ok(Some(input)) => run.inbox.input(input),
            // Unwanted before it was whole: its undo is under way.
            Ok(None) => {}
            Err(why) => run.inbox.input(Input::InjectFailed { fault, why: run.filling.redact(&why) }),
        }
    });
}

async fn try_inject(
    run: &Rc<Run>,
    fault: &FaultRef,
    until: Offset,
    under_way: &UnderWay,
) -> Result<Option<Input>, String> {
    let planned = run.plan.fault(&fault.name).ok_or("the plan has no such fault")?.clone();
    let site = site(run, fault, &planned, until).await?;
    let on: Vec<String> = site.targets.iter().map(|target| target.instance.clone()).collect();
    let prepared = {
        let (kind, site) = (planned.fault.clone(), site.clone());
        blocking(move || fault::prepare(&kind, &site)).await??
    };
    if is_left_out(run, fault) {
        return Ok(Some(left_out(fault, on, &prepared)));
    }
    let Prepared { steps, effect, expects } = prepared;
    let began = clock::since_boot();
    for step in steps {
        if under_way.is_unwanted.is_cancelled() {
            return Ok(None);
        }
        let Some(made) = make(run, fault, step, site.remaining, under_way).await? else { return Ok(None) };
        if let Some(stressor) = made.stressor {
            watch(run, fault, stressor, site.clone());
        }
    }
    under_way.is_made.cancel();
    let effect = blocking(effect).await??;
    run.hand.reach(Boundary::AfterEffect, Some(fault));
    if let Some(expects) = expects {
        tokio::task::spawn_local(expect(Rc::clone(run), fault.clone(), site.clone(), expects, began));
    }
    let effect = run.filling.redact(&effect);
    Ok(Some(Input::Injected { fault: fault.clone(), on, effect }))
}

/// One step: its undo is on disk before the change is made. `None`: it was given up in the middle, because nobody wants
/// it any more; its undo takes back what was made of it.
async fn make(
    run: &Rc<Run>,
    fault: &FaultRef,
    step: Step,
    deadline: Duration,
    under_way: &UnderWay,
) -> Result<Option<Made>, String> {
    let receipt = run.hand.owe(Some(fault), &step.undo, Some(deadline))?;
    let made = match step.change {
        Change::Service(order) => tokio::select! {
            obeyed = run.supervisor.obey(order, &receipt) => obeyed.map(|()| Some(Made { stressor: None })),
            () = under_way.is_unwanted.cancelled() => Ok(None),
        },
        change => blocking(move || change.make(&receipt)).await?.map(Some),
    };
    run.hand.reach(Boundary::AfterChange, Some(fault));
    made
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("a task of the run ended: {error}"))
}

/// Where the fault acts: its instances are looked up now, not when the plan was made.
async fn site(
    run: &Rc<Run>,
    fault: &FaultRef,
    planned: &PlannedFault,
    until: Offset,
) -> Result<Site, String> {
    let mut site = Site {
        fault: fault.clone(),
        run: run.id.clone(),
        service: None,
        targets: Vec::new(),
        count: 0,
        share: run.plan.traffic_share(fault.stage),
        remaining: until.0.saturating_sub(run.now().0),
        filling: run.filling.clone(),
        squall: run.squall.clone(),
        dir: run.dir.work(),
    };
    let Some(selection) = &planned.on else { return Ok(site) };
    let service = run.plan.target.services.get(&selection.service).ok_or("the target has no such service")?;
    if planned.fault.is_on_traffic() {
        site.service = Some(service.clone());
        return Ok(site);
    }
    let found = if let Find::Start(_) = &service.find {
        run.supervisor.instances(&service.name)
    } else {
        let (service, filling) = (service.clone(), run.filling.clone());
        let name = service.name.clone();
        let look = move || survey::processes(&service.name, &service.find, &filling);
        let found = blocking(look).await?.map_err(|error| reason(&error))?;
        run.roll.call(&name, &found)
    };
    let planned_count = run.plan.inventory.services.get(&service.name).map_or(0, Vec::len);
    if found.len() != planned_count {
        run.inbox.tell(EventKind::InventoryChanged {
            service: service.name.clone(),
            planned: planned_count as u32,
            found: found.len() as u32,
        });
    }
    let names = run.plan.chosen(planned, fault.stage).unwrap_or(&selection.chosen);
    site.targets = chosen(names, &found);
    if site.targets.is_empty() {
        return Err(format!(
            "none of {} is there; {} has {} instances",
            names.join(", "),
            service.name,
            found.len()
        ));
    }
    // What the undo must bring back is what there was before anything of the run, as far as it is known.
    site.count = planned_count.max(found.len()) as u32;
    site.service = Some(service.clone());
    Ok(site)
}

fn chosen(names: &[String], found: &[Instance]) -> Vec<Target> {
    found.iter().filter(|instance| names.contains(&instance.name)).filter_map(Target::of).collect()
}

fn left_out(fault: &FaultRef, on: Vec<String>, prepared: &Prepared) -> Input {
    let join = |texts: Vec<String>| texts.join("; ");
    Input::LeftOut {
        fault: fault.clone(),
        on,
        change: join(prepared.steps.iter().map(|step| step.change.to_string()).collect()),
        undo: join(prepared.steps.iter().rev().map(|step| step.undo.to_string()).collect()),
    }
}

/// A stressor that ends while its fault is wanted is reported; it is reaped in any case.
fn watch(run: &Rc<Run>, fault: &FaultRef, mut stressor: Child, site: Site) {
    let (inbox, name) = (run.inbox.clone(), fault.clone());
    tokio::task::spawn_local(async move {
        let how = ended(&mut stressor).await;
        let how = match fault::stressor::last_words(&site) {
            Some(words) => format!("{how}, {words}"),
            None => how,
        };
        inbox.input(Input::EndedEarly { fault: name, how });
    });
}

/// Waits until the service is whole again, not counting what was killed.
async fn expect(run: Rc<Run>, fault: FaultRef, site: Site, expects: Expects, began: Duration) {
    let mut found = 0;
    let whole = async {
        loop {
            let there = match &site.service {
                Some(service) if !matches!(service.find, Find::Start(_)) => {
                    let (service, filling) = (service.clone(), run.filling.clone());
                    let look = move || survey::processes(&service.name, &service.find, &filling);
                    blocking(look).await.ok().and_then(Result::ok).unwrap_or_default()
                }
                Some(service) => run.supervisor.processes(&service.name),
                None => Vec::new(),
            };
            let is_new = |process: &&squall_model::id::ProcessRef| {
                !expects.except.iter().any(|old| old.pid == process.pid && old.started == process.started)
            };
            found = there.iter().filter(is_new).count() as u32;
            if found >= expects.count {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let is_whole = tokio::time::timeout(expects.within.0, whole).await.is_ok();
    run.inbox.input(if is_whole {
        Input::RestartSeen {
            fault,
            after: Span::millis(clock::since_boot().saturating_sub(began).as_millis() as u64),
        }
    } else {
        let found = format!("{found} of {} instances", expects.count);
        Input::RestartMissed { fault, within: expects.within, found }
    });
}
