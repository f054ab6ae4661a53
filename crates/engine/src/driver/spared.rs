//! The rules of the faults, put in place before the baseline without any toxicity: they hit nothing, and the proxy counts
//! which requests the faults are about. So the two groups of the traffic are of the same kind of requests from the start.

use std::time::Duration;

use squall_model::measure::Probe;
use squall_model::plan::Plan;
use squall_model::traffic::{Toxic, Via};
use squall_model::undo::Undo;

use super::Run;
use crate::change::Change;
use crate::fault;
use crate::proxy_api::ProxyApi;
use crate::reason::reason;

/// How much longer than the run could take the proxy keeps them, should nobody be there to take them away.
const SPARE: Duration = Duration::from_hours(1);

/// Puts them in place, for each service whose traffic is measured.
///
/// # Errors
/// A proxy does not answer, or does not count.
pub(super) async fn watch(run: &Run) -> Result<(), String> {
    let ttl = run.plan.worst_case().0 + SPARE;
    for (number, (via, toxic)) in wanted(&run.plan).into_iter().enumerate() {
        let plain = run.filling.fill_plain(&vec![via.api.clone()]).map_err(|error| reason(&error))?;
        let plain = plain.into_iter().next().unwrap_or_default();
        let filled = run.filling.fill(&plain).map_err(|error| reason(&error))?;
        let api = ProxyApi { api: filled, proxy: via.name.clone() };
        let name = format!("squall-{}-spared-{number}", run.id);
        let undo = Undo::RemoveToxic { api: plain, proxy: via.name.clone(), toxic: name.clone() };
        let asked = api.clone();
        tokio::task::spawn_blocking(move || asked.counts_traffic())
            .await
            .map_err(|error| format!("a task of the run ended: {error}"))??;
        let (toxic, shown) = fault::with_files(toxic, &run.filling)?;
        let receipt = run.hand.owe(None, &undo, None)?;
        let change = Change::AddToxic { api, name, toxic, shown, toxicity: 0.0, ttl };
        tokio::task::spawn_blocking(move || change.make(&receipt))
            .await
            .map_err(|error| format!("a task of the run ended: {error}"))?
            .map_err(|why| format!("requests cannot be counted before the fault: {why}"))?;
        run.hand.note_change();
    }
    Ok(())
}

/// What the measures of traffic are about, each once. A control run has no faults, and counts the same requests.
fn wanted(plan: &Plan) -> Vec<(&Via, &Toxic)> {
    let mut wanted = Vec::new();
    for measure in &plan.measures {
        let Probe::Traffic { service, about, .. } = &measure.probe else { continue };
        let Some(via) = plan.target.services.get(service).and_then(|service| service.proxy.as_ref()) else {
            continue;
        };
        for toxic in about {
            if !wanted.contains(&(via, toxic)) {
                wanted.push((via, toxic));
            }
        }
    }
    wanted
}
