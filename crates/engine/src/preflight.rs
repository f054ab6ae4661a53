//! Before anything is touched: can every fault of a plan be injected here, and what exactly would it do?

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use squall_model::event::FaultRef;
use squall_model::fault::Fault;
use squall_model::id::RunId;
use squall_model::plan::{Plan, PlannedFault};
use squall_model::target::{Find, Instance, Inventory, Service};
use squall_model::template::{Reference, Template};
use squall_model::traffic::Via;

use crate::doctor::{self, Obstacle};
use crate::fault::{self, Site, Target};
use crate::filling::{FillError, Filling};

/// One fault of a plan, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// Its name in the experiment.
    pub fault: String,
    /// What it would change, step by step.
    pub changes: Vec<String>,
    /// How that would be undone, in the order of undoing.
    pub undos: Vec<String>,
    /// The means that it needs.
    pub needs: Vec<String>,
    /// What stands in its way; empty: it can be injected.
    pub obstacles: Vec<Obstacle>,
}

/// Looks at every fault of a plan. Touches nothing.
pub fn examine(plan: &Plan, filling: &Arc<Filling>) -> Vec<Examined> {
    plan.faults.iter().map(|planned| examine_one(plan, planned, filling)).collect()
}

/// The services whose instances are not the ones that the plan saw: their names, and how many there were and are.
pub fn changed(plan: &Plan, now: &Inventory) -> Vec<(String, usize, usize)> {
    let is_started = |name: &str| {
        plan.target.services.get(name).is_some_and(|service| matches!(service.find, Find::Start(_)))
    };
    let services = plan.inventory.services.iter().filter(|(name, _)| !is_started(name));
    services
        .filter_map(|(name, planned)| {
            let found = now.services.get(name).map_or(&[][..], Vec::as_slice);
            let processes =
                |instances: &[Instance]| -> Vec<_> { instances.iter().map(|one| one.process).collect() };
            (processes(planned) != processes(found)).then(|| (name.clone(), planned.len(), found.len()))
        })
        .collect()
}

/// The variables that the plan refers to as `{env:NAME}`, and that squall's environment does not have.
pub fn missing_variables(plan: &Plan, filling: &Filling) -> BTreeSet<String> {
    let parts = [
        serde_json::to_value(&plan.target),
        serde_json::to_value(&plan.load),
        serde_json::to_value(plan.measures.iter().map(|measure| &measure.probe).collect::<Vec<_>>()),
        serde_json::to_value(&plan.conservation),
        serde_json::to_value(plan.faults.iter().map(|planned| &planned.fault).collect::<Vec<_>>()),
    ];
    let mut named = BTreeSet::new();
    for part in parts.iter().flatten() {
        name_variables(part, &mut named);
    }
    named.retain(|name| !filling.has_variable(name));
    named
}

fn name_variables(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let filled = Template(text.clone()).fill(|reference| {
                if let Reference::Env(name) = reference {
                    named.insert(name.clone());
                }
                Ok::<_, Infallible>(String::new())
            });
            let Ok(_) = filled;
        }
        Value::Array(items) => items.iter().for_each(|item| name_variables(item, named)),
        Value::Object(fields) => fields.values().for_each(|field| name_variables(field, named)),
        _ => {}
    }
}

/// The files that proxies of the run need to open TLS and that cannot be read, each with the reason.
pub fn unreadable_files(plan: &Plan, filling: &Filling) -> BTreeMap<String, String> {
    let vias = plan.target.services.values().filter_map(|service| service.proxy.as_ref());
    let mut unreadable = BTreeMap::new();
    for value in vias.filter_map(|via| via.tls.as_ref()).flat_map(serde_json::Map::values) {
        look_at_files(value, filling, &mut unreadable);
    }
    unreadable
}

fn look_at_files(value: &Value, filling: &Filling, unreadable: &mut BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Err(FillError::File { path, source }) = filling.fill(&Template(text.clone())) {
                unreadable.insert(path, source.to_string());
            }
        }
        Value::Object(fields) => fields.values().for_each(|field| look_at_files(field, filling, unreadable)),
        _ => {}
    }
}

fn examine_one(plan: &Plan, planned: &PlannedFault, filling: &Arc<Filling>) -> Examined {
    let service = planned.on.as_ref().and_then(|on| plan.target.services.get(&on.service));
    let needs = doctor::needs(&planned.fault, service);
    let mut examined = Examined {
        fault: planned.name.clone(),
        changes: Vec::new(),
        undos: Vec::new(),
        needs: needs
            .iter()
            .filter_map(|need| serde_json::to_value(need).ok()?.as_str().map(str::to_owned))
            .collect(),
        obstacles: doctor::obstacles(&needs),
    };
    let is_started = |service: &&Service| {
        let by_proxy =
            planned.fault.is_on_traffic() && service.proxy.as_ref().is_some_and(Via::is_of_the_run);
        by_proxy || (matches!(service.find, Find::Start(_)) && !planned.fault.is_on_traffic())
    };
    if let Some(Service { name, .. }) = service.filter(is_started) {
        examined.changes.push(format!("{} ({name})", planned.fault));
        examined.undos.push(undo_of_started(&planned.fault, name));
        return examined;
    }
    match fault::prepare(&planned.fault, &site(plan, planned, service, filling)) {
        Ok(prepared) => {
            examined.changes.extend(prepared.steps.iter().map(|step| step.change.to_string()));
            examined.undos.extend(prepared.steps.iter().rev().map(|step| step.undo.to_string()));
        }
        Err(why) => {
            let remedy = format!("see `squall explain {}` for what it needs", planned.fault.kind());
            examined.obstacles.push(Obstacle { why: filling.redact(&why), remedy });
        }
    }
    examined
}

/// The run starts these itself, so there is nothing to look at yet; its supervisor brings them back.
fn undo_of_started(fault: &Fault, service: &str) -> String {
    match fault {
        Fault::ProcessPause { .. } => format!("{service} goes on"),
        Fault::Traffic { .. } => format!("the toxics are removed from the proxy in front of {service}"),
        Fault::FdExhaustion { .. } => format!("the previous limits of {service} are put back"),
        Fault::PidExhaustion { .. } | Fault::CgroupLimit { .. } => {
            format!("{service} goes back to its cgroup, and squall's is removed")
        }
        _ => format!("the run starts {service} again"),
    }
}

fn site(plan: &Plan, planned: &PlannedFault, service: Option<&Service>, filling: &Arc<Filling>) -> Site {
    let instances = service.and_then(|service| plan.inventory.services.get(&service.name));
    let instances = instances.map_or(&[][..], Vec::as_slice);
    let chosen = planned.on.as_ref().map(|on| on.chosen.clone()).unwrap_or_default();
    let targets = instances.iter().filter(|one| chosen.contains(&one.name)).filter_map(Target::of);
    let length = planned.windows.first().map(|window| window.until.0.saturating_sub(window.from.0));
    Site {
        fault: FaultRef { name: planned.name.clone(), stage: None, window: 0 },
        run: RunId::new(),
        service: service.cloned(),
        targets: targets.collect(),
        count: instances.len() as u32,
        share: plan.traffic_share(None),
        remaining: length.unwrap_or_default(),
        filling: Arc::clone(filling),
        squall: PathBuf::new(),
        dir: PathBuf::new(),
    }
}
